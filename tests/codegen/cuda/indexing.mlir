// Kernels around indices: no atomics, every index is checked.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// CHECK-NOT: atom
// CHECK-NOT: red.global

// CHECK-LABEL: .entry gathered_0(
// CHECK: st.global.b64
// CHECK-LABEL: .entry gathered_0_1(
// CHECK: ld.global
// CHECK: st.global
func.func @gathered(%x: tensor<10x4xf64>, %i: tensor<3xi64>) -> tensor<3x4xf64> {
  %g = diptych.gather %x, %i {axis = 0 : i64} : tensor<10x4xf64>, tensor<3xi64> -> tensor<3x4xf64>
  return %g : tensor<3x4xf64>
}

// A warp looks through the indices for its place and takes what goes there in order.
// CHECK-LABEL: .entry added_1_1(
// CHECK: vote.sync.ballot.b32
// CHECK: add.rn.f32
// CHECK-NOT: atom
func.func @added(%x: tensor<10x4xf32>, %i: tensor<3xi64>, %u: tensor<3x4xf32>) -> tensor<10x4xf32> {
  %s = diptych.scatter_add %x, %i, %u {axis = 0 : i64} : tensor<10x4xf32>, tensor<3xi64>, tensor<3x4xf32> -> tensor<10x4xf32>
  return %s : tensor<10x4xf32>
}

// CHECK-LABEL: .entry greatest_0(
// CHECK: shfl.sync.down
// CHECK: st.global.b64
func.func @greatest(%x: tensor<50x100xf64>) -> tensor<50xi64> {
  %a = diptych.argmax %x {axis = 1 : i64} : tensor<50x100xf64> -> tensor<50xi64>
  return %a : tensor<50xi64>
}

// f32 is carried in f64 and rounded where it is stored; a step is one fma.
// CHECK-LABEL: .entry recurrence_0(
// CHECK: fma.rn.f64
// CHECK: cvt.rn.f32.f64
func.func @recurrence(%a: tensor<7x9xf32>, %b: tensor<7x9xf32>) -> tensor<7x9xf32> {
  %y = diptych.linear_recurrence %a, %b {axis = 1 : i64} : tensor<7x9xf32>, tensor<7x9xf32> -> tensor<7x9xf32>
  return %y : tensor<7x9xf32>
}
