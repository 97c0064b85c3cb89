// Folds and maps of the same rows are one kernel.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// Softmax: x is read once, by 16 bytes, and kept in shared memory, and so is exp(x - max); what is stored is the result.
// CHECK-LABEL: .entry softmax_0(
// CHECK: ld.global.nc.v4.b32
// CHECK: st.shared.v4.b32
// CHECK: bar{{(rier)?}}.sync
// CHECK-NOT: ld.global
// CHECK-NOT: st.global
// CHECK: max.NaN.f32
// CHECK: shfl.sync
// CHECK: bar{{(rier)?}}.sync
// CHECK-NOT: ld.global
// CHECK: fma.rn
// CHECK: st.shared.b32
// CHECK: shfl.sync
// CHECK: bar{{(rier)?}}.sync
// CHECK-NOT: ld.global
// CHECK: ld.shared.v4.b32
// CHECK: div.rn.f32
// CHECK: st.global.v4.b32
// CHECK-NOT: .entry softmax_1
func.func @softmax(%x: tensor<64x1000xf32>) -> tensor<64x1000xf32> {
  %m = diptych.max %x {axes = array<i64: 1>} : tensor<64x1000xf32> -> tensor<64xf32>
  %mb = diptych.broadcast %m {axes = array<i64: 0>} : tensor<64xf32> -> tensor<64x1000xf32>
  %d = diptych.sub %x, %mb : tensor<64x1000xf32>, tensor<64x1000xf32> -> tensor<64x1000xf32>
  %e = diptych.exp %d : tensor<64x1000xf32> -> tensor<64x1000xf32>
  %s = diptych.sum %e {axes = array<i64: 1>} : tensor<64x1000xf32> -> tensor<64xf32>
  %sb = diptych.broadcast %s {axes = array<i64: 0>} : tensor<64xf32> -> tensor<64x1000xf32>
  %y = diptych.div %e, %sb : tensor<64x1000xf32>, tensor<64x1000xf32> -> tensor<64x1000xf32>
  return %y : tensor<64x1000xf32>
}

// A total that is a result too is stored; the map takes it from shared memory.
// CHECK-LABEL: .entry centred_0(
// CHECK: shfl.sync
// CHECK: st.shared.b64
// CHECK: st.global.b64
// CHECK: bar{{(rier)?}}.sync
// CHECK: sub.rn.f64
// CHECK-NOT: .entry centred_1
func.func @centred(%x: tensor<64x500xf64>) -> (tensor<64xf64>, tensor<64x500xf64>) {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<64x500xf64> -> tensor<64xf64>
  %b = diptych.broadcast %s {axes = array<i64: 0>} : tensor<64xf64> -> tensor<64x500xf64>
  %y = diptych.sub %x, %b : tensor<64x500xf64>, tensor<64x500xf64> -> tensor<64x500xf64>
  return %s, %y : tensor<64xf64>, tensor<64x500xf64>
}

// Few long rows are better off with several launches of many blocks; so are columns.
// CHECK-LABEL: .entry long_0(
// CHECK-LABEL: .entry long_1(
func.func @long(%x: tensor<2x200000xf64>) -> tensor<2x200000xf64> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<2x200000xf64> -> tensor<2xf64>
  %b = diptych.broadcast %s {axes = array<i64: 0>} : tensor<2xf64> -> tensor<2x200000xf64>
  %y = diptych.sub %x, %b : tensor<2x200000xf64>, tensor<2x200000xf64> -> tensor<2x200000xf64>
  return %y : tensor<2x200000xf64>
}
// CHECK-LABEL: .entry columns_0(
// CHECK-LABEL: .entry columns_1(
func.func @columns(%x: tensor<300x100xf32>) -> tensor<300x100xf32> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<300x100xf32> -> tensor<100xf32>
  %b = diptych.broadcast %s {axes = array<i64: 1>} : tensor<100xf32> -> tensor<300x100xf32>
  %y = diptych.sub %x, %b : tensor<300x100xf32>, tensor<300x100xf32> -> tensor<300x100xf32>
  return %y : tensor<300x100xf32>
}

// CHECK: // launch softmax_0 grid 32 block 32 cooperative
// CHECK: // launch centred_0 grid 32 block 32 cooperative
