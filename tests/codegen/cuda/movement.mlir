// What moves: transposes go through shared memory, sums of windows keep their order.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// CHECK-LABEL: .entry transposed_0(
// CHECK: .reqntid 256
// CHECK: .shared {{.*}}[4224]
// CHECK-COUNT-4: ld.global{{(.nc)?}}.b32
// CHECK: bar{{(rier)?}}.sync
// CHECK: ld.shared.b32
// CHECK: st.global.b32
func.func @transposed(%x: tensor<100x300xf32>) -> tensor<300x100xf32> {
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<100x300xf32> -> tensor<300x100xf32>
  %n = diptych.exp %t : tensor<300x100xf32> -> tensor<300x100xf32>
  return %n : tensor<300x100xf32>
}

// Places of a window in their order, a barrier between.
// CHECK-LABEL: .entry overlap_0(
// CHECK-LABEL: .entry overlap_1(
// CHECK: bar{{(rier)?}}.sync
func.func @overlap(%x: tensor<4x9x3xf64>) -> tensor<4x11xf64> {
  %y = diptych.overlap_add %x {axes = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<4x9x3xf64> -> tensor<4x11xf64>
  return %y : tensor<4x11xf64>
}
