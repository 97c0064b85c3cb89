// Products and convolutions: tiles in shared memory, fma in the order of k.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// 16 by 16 threads of 4 by 4 elements: 16 steps of 16 fma written out.
// CHECK-LABEL: .entry product_0(
// CHECK: .reqntid 256
// CHECK: bar{{(rier)?}}.sync
// CHECK-COUNT-256: fma.rn.f32
// CHECK: bar{{(rier)?}}.sync
// CHECK: st.global.b32
func.func @product(%x: tensor<1024x512xf32>, %y: tensor<512x1024xf32>) -> tensor<1024x1024xf32> {
  %p = diptych.matmul %x, %y : tensor<1024x512xf32>, tensor<512x1024xf32> -> tensor<1024x1024xf32>
  return %p : tensor<1024x1024xf32>
}

// Depth goes in blocks of 1024, whose totals are added.
// CHECK-LABEL: .entry deep_0(
// CHECK-DAG: fma.rn.f64
// CHECK-DAG: add.rn.f64
// CHECK: ret;
func.func @deep(%x: tensor<12x3000xf64>, %y: tensor<3000x16xf64>) -> tensor<12x16xf64> {
  %p = diptych.matmul %x, %y : tensor<12x3000xf64>, tensor<3000x16xf64> -> tensor<12x16xf64>
  return %p : tensor<12x16xf64>
}

// Small matrices: a block each.
// CHECK-LABEL: .entry batched_0(
// CHECK: fma.rn.f64
func.func @batched(%x: tensor<500x8x8xf64>, %y: tensor<500x8x8xf64>) -> tensor<500x8x8xf64> {
  %p = diptych.matmul %x, %y : tensor<500x8x8xf64>, tensor<500x8x8xf64> -> tensor<500x8x8xf64>
  return %p : tensor<500x8x8xf64>
}

// An implicit product: images, rows and columns are one side of it.
// CHECK-LABEL: .entry convolved_0(
// CHECK-LABEL: .entry convolved_1(
// CHECK: bar{{(rier)?}}.sync
// CHECK: fma.rn.f32
func.func @convolved(%x: tensor<8x1x16x30x30xf32>, %w: tensor<1x32x16x3x3xf32>) -> tensor<8x1x32x28x28xf32> {
  %y = diptych.convolution %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<8x1x16x30x30xf32>, tensor<1x32x16x3x3xf32> -> tensor<8x1x32x28x28xf32>
  return %y : tensor<8x1x32x28x28xf32>
}

// A bias, and relu of that, where the product is stored: no other kernel.
// CHECK-LABEL: .entry layer_0(
// CHECK: fma.rn.f32
// CHECK: add.rn.f32
// CHECK: setp.le
// CHECK: st.global.b32
// CHECK-NOT: .entry layer_1(
func.func @layer(%x: tensor<64x40xf32>, %w: tensor<40x32xf32>, %b: tensor<32xf32>) -> tensor<64x32xf32> {
  %p = diptych.matmul %x, %w : tensor<64x40xf32>, tensor<40x32xf32> -> tensor<64x32xf32>
  %r = diptych.broadcast %b {axes = array<i64: 1>} : tensor<32xf32> -> tensor<64x32xf32>
  %s = diptych.add %p, %r : tensor<64x32xf32>, tensor<64x32xf32> -> tensor<64x32xf32>
  %y = diptych.relu %s : tensor<64x32xf32> -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// CHECK: // launch product_0 grid 256 block 256 cooperative
// CHECK: // launch batched_0 grid 500 block 256 cooperative
