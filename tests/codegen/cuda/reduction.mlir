// Reductions in the canonical order of the CPU.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// Sixteen lanes to a row; the tree is four shuffles.
// CHECK-LABEL: .entry rows_0(
// CHECK-NOT: bar.sync
// CHECK-COUNT-4: shfl.sync.down.b32
// CHECK-NOT: shfl
// CHECK: st.global.b32
func.func @rows(%x: tensor<50x100xf32>) -> tensor<50xf32> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<50x100xf32> -> tensor<50xf32>
  return %s : tensor<50xf32>
}

// f64 takes two words to a lane.
// CHECK-LABEL: .entry wide_0(
// CHECK-COUNT-8: shfl.sync.down.b32
func.func @wide(%x: tensor<50x100xf64>) -> tensor<50xf64> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<50x100xf64> -> tensor<50xf64>
  return %s : tensor<50xf64>
}

// Across columns the partials are warps, each with eight loads under way; the tree goes through shared memory.
// CHECK-LABEL: .entry columns_0(
// CHECK: .reqntid 512
// CHECK: .shared {{.*}}[4096]
// CHECK-COUNT-8: ld.global.nc.b32
// CHECK: bar{{(rier)?}}.sync
func.func @columns(%x: tensor<300x100xf32>) -> tensor<100xf32> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<300x100xf32> -> tensor<100xf32>
  return %s : tensor<100xf32>
}

// Few elements need no partners.
// CHECK-LABEL: .entry few_0(
// CHECK-NOT: shfl
// CHECK-NOT: bar.sync
// CHECK: ret;
func.func @few(%x: tensor<3x1000xf64>) -> tensor<1000xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<3x1000xf64> -> tensor<1000xf64>
  return %s : tensor<1000xf64>
}

// Blocks of 4096 have totals of their own in scratch; a second launch adds them.
// CHECK-LABEL: .entry blocks_0(
// CHECK-LABEL: .entry blocks_0_1(
func.func @blocks(%x: tensor<10000xf64>) -> tensor<f64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<10000xf64> -> tensor<f64>
  return %s : tensor<f64>
}

// CHECK: // launch rows_0 grid 7 block 128 cooperative
// CHECK: // launch columns_0 grid 4 block 512 cooperative
// CHECK: // launch few_0 grid 8 block 128{{$}}
// CHECK: // launch blocks_0 grid 1 block 128 cooperative
// CHECK: // launch blocks_0_1 grid 1 block 128{{$}}
// CHECK: // scratch 24
