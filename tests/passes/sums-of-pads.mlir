// RUN: diptych-opt %s --diptych-simplify | FileCheck %s

// The derivative of slices that lie apart is one array made of the pieces; what lies between is 0.
// CHECK-LABEL: @pieces_apart
// CHECK-SAME: (%[[X:.*]]: tensor<2x3xf64>, %[[Y:.*]]: tensor<2x1xf64>
// CHECK-NOT: diptych.pad
// CHECK: diptych.concatenate {{.*}} -> tensor<2x6xf64>
// CHECK-NEXT: return
func.func @pieces_apart(%x: tensor<2x3xf64>, %y: tensor<2x1xf64>) -> tensor<2x6xf64> {
  %0 = diptych.pad %x {high = array<i64: 0, 3>, interior = array<i64: 0, 0>, low = array<i64: 0, 0>, value = 0.0 : f64} : tensor<2x3xf64> -> tensor<2x6xf64>
  %1 = diptych.pad %y {high = array<i64: 0, 0>, interior = array<i64: 0, 0>, low = array<i64: 0, 5>, value = 0.0 : f64} : tensor<2x1xf64> -> tensor<2x6xf64>
  %2 = diptych.add %0, %1 : tensor<2x6xf64>, tensor<2x6xf64> -> tensor<2x6xf64>
  return %2 : tensor<2x6xf64>
}

// Pieces that share an element are added there.
// CHECK-LABEL: @pieces_that_overlap
// CHECK-COUNT-2: diptych.pad
// CHECK: diptych.add
func.func @pieces_that_overlap(%x: tensor<2x3xf64>, %y: tensor<2x4xf64>) -> tensor<2x6xf64> {
  %0 = diptych.pad %x {high = array<i64: 0, 3>, interior = array<i64: 0, 0>, low = array<i64: 0, 0>, value = 0.0 : f64} : tensor<2x3xf64> -> tensor<2x6xf64>
  %1 = diptych.pad %y {high = array<i64: 0, 0>, interior = array<i64: 0, 0>, low = array<i64: 0, 2>, value = 0.0 : f64} : tensor<2x4xf64> -> tensor<2x6xf64>
  %2 = diptych.add %0, %1 : tensor<2x6xf64>, tensor<2x6xf64> -> tensor<2x6xf64>
  return %2 : tensor<2x6xf64>
}

// What stands between two pads is added between them.
// CHECK-LABEL: @order_stays
// CHECK-COUNT-2: diptych.pad
func.func @order_stays(%x: tensor<3xf64>, %y: tensor<3xf64>, %z: tensor<6xf64>) -> tensor<6xf64> {
  %0 = diptych.pad %x {high = array<i64: 3>, interior = array<i64: 0>, low = array<i64: 0>, value = 0.0 : f64} : tensor<3xf64> -> tensor<6xf64>
  %1 = diptych.pad %y {high = array<i64: 0>, interior = array<i64: 0>, low = array<i64: 3>, value = 0.0 : f64} : tensor<3xf64> -> tensor<6xf64>
  %2 = diptych.add %0, %z : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  %3 = diptych.add %2, %1 : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  return %3 : tensor<6xf64>
}
