// bf16 and f16 are computed in f32; what only hands elements on stays as it is.
// RUN: diptych-opt %s --diptych-widen-halves | FileCheck %s
// RUN: diptych-opt %s --diptych-widen-halves --diptych-simplify --diptych-form-fusions | FileCheck %s --check-prefix=FUSED

// Operands are widened, the result is rounded once and marked.
// CHECK-LABEL: @computes
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xbf16>
// CHECK: %[[A:.*]] = diptych.convert %[[X]] : tensor<3xbf16> -> tensor<3xf32>
// CHECK: %[[B:.*]] = diptych.convert %[[X]] : tensor<3xbf16> -> tensor<3xf32>
// CHECK: %[[P:.*]] = diptych.mul %[[A]], %[[B]] : tensor<3xf32>
// CHECK: %[[R:.*]] = diptych.convert %[[P]] {diptych.rounds} : tensor<3xf32> -> tensor<3xbf16>
// CHECK: return %[[R]]
// One kernel, one conversion of x.
// FUSED-LABEL: @computes
// FUSED: diptych.fusion "pointwise" (%[[X:.*]] =
// FUSED-NEXT: %[[W:.*]] = diptych.convert %[[X]] :
// FUSED-NEXT: %[[P:.*]] = diptych.mul %[[W]], %[[W]]
// FUSED-NEXT: diptych.convert %[[P]] {diptych.rounds} : tensor<3xf32> -> tensor<3xbf16>
// FUSED-NOT: diptych.fusion
// FUSED: return
func.func @computes(%x: tensor<3xbf16>) -> tensor<3xbf16> {
  %y = diptych.mul %x, %x : tensor<3xbf16>, tensor<3xbf16> -> tensor<3xbf16>
  return %y : tensor<3xbf16>
}

// Comparisons have no result to round; the choice between elements computes nothing.
// CHECK-LABEL: @chooses
// CHECK: diptych.lt {{.*}} : tensor<3xf32>, tensor<3xf32> -> tensor<3xi1>
// CHECK-NOT: convert
// CHECK: diptych.where {{.*}} -> tensor<3xf16>
// CHECK-NEXT: return
func.func @chooses(%x: tensor<3xf16>, %y: tensor<3xf16>) -> tensor<3xf16> {
  %c = diptych.lt %x, %y : tensor<3xf16>, tensor<3xf16> -> tensor<3xi1>
  %z = diptych.where %c, %x, %y : tensor<3xi1>, tensor<3xf16>, tensor<3xf16> -> tensor<3xf16>
  return %z : tensor<3xf16>
}

// CHECK-LABEL: @moves
// CHECK-NOT: f32
// CHECK: return
func.func @moves(%x: tensor<3x2xbf16>, %i: tensor<4xi64>) -> tensor<2x4xbf16> {
  %g = diptych.gather %x, %i {axis = 0 : i64} : tensor<3x2xbf16>, tensor<4xi64> -> tensor<4x2xbf16>
  %t = diptych.transpose %g {axes = array<i64: 1, 0>} : tensor<4x2xbf16> -> tensor<2x4xbf16>
  return %t : tensor<2x4xbf16>
}

// Both axes are summed in f32.
// CHECK-LABEL: @sums
// CHECK: diptych.sum {{.*}} : tensor<3x2xf32> -> tensor<f32>
// CHECK: diptych.convert {{.*}} : tensor<f32> -> tensor<f16>
func.func @sums(%x: tensor<3x2xf16>) -> tensor<f16> {
  %s = diptych.sum %x {axes = array<i64: 0, 1>} : tensor<3x2xf16> -> tensor<f16>
  return %s : tensor<f16>
}
