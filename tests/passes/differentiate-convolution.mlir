// Both transposes of a convolution are convolutions: the full one of the spread-out cotangent with
// the kernel turned round, and that of the image with the cotangent, dilated by the strides.
// RUN: diptych-opt %s --diptych-differentiate | FileCheck %s

func.func private @conv(%x: tensor<2x1x3x9xf64>, %w: tensor<1x4x3x2xf64>) -> tensor<2x1x4x4xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 2>, dilations = array<i64: 1>} : tensor<2x1x3x9xf64>, tensor<1x4x3x2xf64> -> tensor<2x1x4x4xf64>
  return %y : tensor<2x1x4x4xf64>
}

// CHECK-LABEL: @vjp
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<2x1x3x9xf64>, %[[W:[a-z0-9]+]]: tensor<1x4x3x2xf64>, %[[DY:[a-z0-9]+]]:
// CHECK: %[[TURNED:.*]] = diptych.reverse %[[W]] {axes = array<i64: 3>}
// CHECK: %[[K:.*]] = diptych.transpose %[[TURNED]] {axes = array<i64: 0, 2, 1, 3>}
// CHECK: %[[SPREAD:.*]] = diptych.pad %[[DY]] {high = array<i64: 0, 0, 0, 2>, interior = array<i64: 0, 0, 0, 1>, low = array<i64: 0, 0, 0, 1>
// CHECK: %[[DX:.*]] = diptych.convolution %[[SPREAD]], %[[K]] {dilations = array<i64: 1>, strides = array<i64: 1>}
// CHECK: %[[SEEN:.*]] = diptych.slice %[[X]] {limits = array<i64: 2, 1, 3, 8>
// CHECK: %[[IMAGE:.*]] = diptych.transpose %[[SEEN]] {axes = array<i64: 2, 1, 0, 3>}
// CHECK: %[[C:.*]] = diptych.transpose %[[DY]] {axes = array<i64: 1, 2, 0, 3>}
// CHECK: %[[P:.*]] = diptych.convolution %[[IMAGE]], %[[C]] {dilations = array<i64: 2>, strides = array<i64: 1>}
// CHECK: %[[DW:.*]] = diptych.transpose %[[P]] {axes = array<i64: 1, 2, 0, 3>}
// CHECK: return %{{.*}}, %[[DX]], %[[DW]]
func.func @vjp(%x: tensor<2x1x3x9xf64>, %w: tensor<1x4x3x2xf64>, %dy: tensor<2x1x4x4xf64>) -> (tensor<2x1x4x4xf64>, tensor<2x1x3x9xf64>, tensor<1x4x3x2xf64>) {
  %y, %dx, %dw = diptych.vjp @conv(%x, %w) cotangents(%dy) wrt [0, 1]
      : (tensor<2x1x3x9xf64>, tensor<1x4x3x2xf64>, tensor<2x1x4x4xf64>) -> (tensor<2x1x4x4xf64>, tensor<2x1x3x9xf64>, tensor<1x4x3x2xf64>)
  return %y, %dx, %dw : tensor<2x1x4x4xf64>, tensor<2x1x3x9xf64>, tensor<1x4x3x2xf64>
}

// Windows and their sum are each other's transposes.
func.func private @spread(%x: tensor<7xf64>) -> tensor<3x3xf64> {
  %y = diptych.windows %x {axes = array<i64: 0>, sizes = array<i64: 3>, strides = array<i64: 2>, dilations = array<i64: 1>} : tensor<7xf64> -> tensor<3x3xf64>
  return %y : tensor<3x3xf64>
}

// CHECK-LABEL: @windows_vjp
// CHECK: diptych.overlap_add %{{.*}} {axes = array<i64: 0>, dilations = array<i64: 1>, strides = array<i64: 2>} : tensor<3x3xf64> -> tensor<7xf64>
func.func @windows_vjp(%x: tensor<7xf64>, %dy: tensor<3x3xf64>) -> (tensor<3x3xf64>, tensor<7xf64>) {
  %y, %dx = diptych.vjp @spread(%x) cotangents(%dy) wrt [0]
      : (tensor<7xf64>, tensor<3x3xf64>) -> (tensor<3x3xf64>, tensor<7xf64>)
  return %y, %dx : tensor<3x3xf64>, tensor<7xf64>
}
