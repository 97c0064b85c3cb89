// Movements rename indices inside a kernel; what can't be renamed, and products, stand alone.
// RUN: diptych-opt %s --diptych-form-fusions | FileCheck %s

// CHECK-LABEL: @index_maps_cost_nothing
// CHECK: diptych.fusion "pointwise" (%{{.*}} = %arg0 : tensor<3x4xf64>)
// CHECK: diptych.transpose
// CHECK: diptych.slice
// CHECK: diptych.reverse
// CHECK: diptych.exp
// CHECK: diptych.yield
// CHECK-NOT: diptych.transpose
// CHECK: return
func.func @index_maps_cost_nothing(%x: tensor<3x4xf64>) -> tensor<2x3xf64> {
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<3x4xf64> -> tensor<4x3xf64>
  %s = diptych.slice %t {starts = array<i64: 0, 0>, limits = array<i64: 4, 3>, strides = array<i64: 2, 1>} : tensor<4x3xf64> -> tensor<2x3xf64>
  %r = diptych.reverse %s {axes = array<i64: 0>} : tensor<2x3xf64> -> tensor<2x3xf64>
  %e = diptych.exp %r : tensor<2x3xf64> -> tensor<2x3xf64>
  return %e : tensor<2x3xf64>
}

// A movement with another use also stands outside: as a view it costs nothing there either.
// CHECK-LABEL: @shared_movement
// CHECK-DAG: diptych.fusion "pointwise" (%{{.*}} = %arg0
// CHECK-DAG: %[[T:.*]] = diptych.transpose %arg0
// CHECK: return %{{.*}}, %[[T]]
func.func @shared_movement(%x: tensor<3x4xf64>) -> (tensor<4x3xf64>, tensor<4x3xf64>) {
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<3x4xf64> -> tensor<4x3xf64>
  %e = diptych.exp %t : tensor<4x3xf64> -> tensor<4x3xf64>
  return %e, %t : tensor<4x3xf64>, tensor<4x3xf64>
}

// Axes of size 1 come and go inside a kernel; a reshape that mixes axes is a view outside.
// CHECK-LABEL: @reshapes
// CHECK: %[[V:.*]] = diptych.reshape %arg0 {{.*}}-> tensor<12xf64>
// CHECK: diptych.fusion "pointwise" (%{{.*}} = %[[V]] : tensor<12xf64>)
// CHECK: diptych.reshape {{.*}}-> tensor<12x1xf64>
// CHECK: diptych.exp
func.func @reshapes(%x: tensor<3x4xf64>) -> tensor<12x1xf64> {
  %a = diptych.reshape %x : tensor<3x4xf64> -> tensor<12xf64>
  %b = diptych.reshape %a : tensor<12xf64> -> tensor<12x1xf64>
  %c = diptych.exp %b : tensor<12x1xf64> -> tensor<12x1xf64>
  return %c : tensor<12x1xf64>
}

// Splats and iotas are numbers of the loop; a literal is memory.
// CHECK-LABEL: @constants
// CHECK: %[[L:.*]] = diptych.constant dense<[
// CHECK: diptych.fusion "pointwise" ({{.*}}%[[L]]
// CHECK-DAG: diptych.constant dense<2.0
// CHECK-DAG: diptych.iota
func.func @constants() -> tensor<3xf64> {
  %two = diptych.constant dense<2.0> : tensor<3xf64>
  %list = diptych.constant dense<[1.0, 5.0, 3.0]> : tensor<3xf64>
  %i = diptych.iota {axis = 0 : i64} : tensor<3xf64>
  %a = diptych.mul %two, %i : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %b = diptych.add %a, %list : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %b : tensor<3xf64>
}

// CHECK-LABEL: @matmul_stands_alone
// CHECK: %[[A:.*]] = diptych.fusion "pointwise"
// CHECK: diptych.exp
// CHECK: %[[P:.*]] = diptych.matmul %[[A]], %arg1
// CHECK: diptych.fusion "pointwise" (%{{.*}} = %[[P]]
// CHECK: diptych.tanh
func.func @matmul_stands_alone(%x: tensor<3x4xf64>, %y: tensor<4x2xf64>) -> tensor<3x2xf64> {
  %a = diptych.exp %x : tensor<3x4xf64> -> tensor<3x4xf64>
  %p = diptych.matmul %a, %y : tensor<3x4xf64>, tensor<4x2xf64> -> tensor<3x2xf64>
  %t = diptych.tanh %p : tensor<3x2xf64> -> tensor<3x2xf64>
  return %t : tensor<3x2xf64>
}

// Windows that lie apart are renamed indices: pooling reads what it computes from, once.
// CHECK-LABEL: @windows_apart
// CHECK: diptych.fusion "reduction" (%{{.*}} = %arg0 : tensor<4x6xf64>)
// CHECK: diptych.relu
// CHECK: diptych.windows
// CHECK: diptych.max
// CHECK: return
func.func @windows_apart(%x: tensor<4x6xf64>) -> tensor<4x3xf64> {
  %r = diptych.relu %x : tensor<4x6xf64> -> tensor<4x6xf64>
  %w = diptych.windows %r {axes = array<i64: 1>, sizes = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>} : tensor<4x6xf64> -> tensor<4x3x2xf64>
  %m = diptych.max %w {axes = array<i64: 2>} : tensor<4x3x2xf64> -> tensor<4x3xf64>
  return %m : tensor<4x3xf64>
}

// Windows that share elements stay a view of stored ones: nothing is computed twice.
// CHECK-LABEL: @windows_overlapping
// CHECK: %[[E:.*]] = diptych.fusion "pointwise"
// CHECK: diptych.exp
// CHECK: %[[W:.*]] = diptych.windows %[[E]]
// CHECK: diptych.fusion "reduction" (%{{.*}} = %[[W]]
func.func @windows_overlapping(%x: tensor<4x6xf64>) -> tensor<4x4xf64> {
  %r = diptych.exp %x : tensor<4x6xf64> -> tensor<4x6xf64>
  %w = diptych.windows %r {axes = array<i64: 1>, sizes = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<4x6xf64> -> tensor<4x4x3xf64>
  %m = diptych.max %w {axes = array<i64: 2>} : tensor<4x4x3xf64> -> tensor<4x4xf64>
  return %m : tensor<4x4xf64>
}
