// Extrema and ranks of windows are folds over a view; what is missing counts as the worst.
// RUN: diptych-opt %s --diptych-expand-windows | FileCheck %s
// RUN: diptych-opt %s --diptych-expand-windows --diptych-simplify --diptych-form-fusions | FileCheck %s --check-prefix=FUSED

// CHECK-LABEL: @newest_high
// CHECK: diptych.pad {{.*}}low = array<i64: 19>{{.*}}0xFFF0000000000000
// CHECK: %[[W:.*]] = diptych.windows {{.*}} : tensor<118xf64> -> tensor<99x20xf64>
// CHECK-DAG: diptych.max %[[W]] {axes = array<i64: 1>}
// CHECK-DAG: diptych.argmax %[[W]] {axis = 1 : i64}
// CHECK-NOT: rolling
func.func @newest_high(%x: tensor<99xf64>) -> tensor<99xi64> {
  %p = diptych.rolling_argmax %x {axis = 0 : i64, window = array<i64: 20>} : tensor<99xf64> -> tensor<99xi64>
  return %p : tensor<99xi64>
}

// A window longer than the axis has all of it. One fold, and no array of all windows.
// CHECK-LABEL: @rank
// CHECK: diptych.windows {{.*}} : tensor<2x11xf32> -> tensor<2x6x6xf32>
// FUSED-LABEL: @rank
// FUSED: diptych.windows
// FUSED-NEXT: diptych.fusion "reduction"
// FUSED: diptych.fusion "pointwise"
// FUSED-NOT: diptych.{{fusion|windows}}
// FUSED: return
func.func @rank(%x: tensor<2x6xf32>) -> tensor<2x6xf32> {
  %r = diptych.rolling_rank %x {axis = 1 : i64, window = array<i64: 60>} : tensor<2x6xf32> -> tensor<2x6xf32>
  return %r : tensor<2x6xf32>
}

// CHECK-LABEL: @long
// CHECK: diptych.rolling_argmin
func.func @long(%x: tensor<999xf64>) -> tensor<999xi64> {
  %p = diptych.rolling_argmin %x {axis = 0 : i64, window = array<i64: 513>} : tensor<999xf64> -> tensor<999xi64>
  return %p : tensor<999xi64>
}
