// Pads whose fill nobody reads go, in standard numerics.
// RUN: diptych-opt %s --diptych-simplify=numerics=standard | FileCheck %s

// CHECK-LABEL: @slice_within
// CHECK-NEXT: %[[S:.*]] = diptych.slice %arg0 {limits = array<i64: 4>, starts = array<i64: 1>, strides = array<i64: 2>}
// CHECK-NEXT: return %[[S]]
func.func @slice_within(%x: tensor<6xf64>) -> tensor<2xf64> {
  %p = diptych.pad %x {low = array<i64: 2>, high = array<i64: 1>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<6xf64> -> tensor<9xf64>
  %s = diptych.slice %p {starts = array<i64: 3>, limits = array<i64: 7>, strides = array<i64: 2>} : tensor<9xf64> -> tensor<2xf64>
  return %s : tensor<2xf64>
}

// Places 0, 2, 4 from the end are 8, 6, 4, which x has at 6, 4, 2.
// CHECK-LABEL: @slice_from_the_end
// CHECK-NEXT: %[[S:.*]] = diptych.slice %arg0 {limits = array<i64: 7>, starts = array<i64: 2>, strides = array<i64: 2>}
// CHECK-NEXT: diptych.reverse %[[S]]
func.func @slice_from_the_end(%x: tensor<7xf64>) -> tensor<3xf64> {
  %p = diptych.pad %x {low = array<i64: 2>, high = array<i64: 0>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<7xf64> -> tensor<9xf64>
  %r = diptych.reverse %p {axes = array<i64: 0>} : tensor<9xf64> -> tensor<9xf64>
  %s = diptych.slice %r {starts = array<i64: 0>, limits = array<i64: 6>, strides = array<i64: 2>} : tensor<9xf64> -> tensor<3xf64>
  return %s : tensor<3xf64>
}

// CHECK-LABEL: @reads_the_fill
// CHECK: diptych.pad
func.func @reads_the_fill(%x: tensor<6xf64>) -> tensor<6xf64> {
  %p = diptych.pad %x {low = array<i64: 2>, high = array<i64: 1>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<6xf64> -> tensor<9xf64>
  %s = diptych.slice %p {starts = array<i64: 1>, limits = array<i64: 7>, strides = array<i64: 1>} : tensor<9xf64> -> tensor<6xf64>
  return %s : tensor<6xf64>
}

// CHECK-LABEL: @other_end
// CHECK-NEXT: %[[P:.*]] = diptych.pad %arg0 {high = array<i64: 1>, interior = array<i64: 0>, low = array<i64: 2>
// CHECK-NEXT: return %[[P]]
func.func @other_end(%x: tensor<6xf64>) -> tensor<9xf64> {
  %a = diptych.reverse %x {axes = array<i64: 0>} : tensor<6xf64> -> tensor<6xf64>
  %p = diptych.pad %a {low = array<i64: 1>, high = array<i64: 2>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<6xf64> -> tensor<9xf64>
  %r = diptych.reverse %p {axes = array<i64: 0>} : tensor<9xf64> -> tensor<9xf64>
  return %r : tensor<9xf64>
}

// The first factor of a recurrence is not looked at; others are.
// CHECK-LABEL: @unread_factor
// CHECK-NEXT: diptych.linear_recurrence %arg0, %arg1
func.func @unread_factor(%a: tensor<6xf64>, %b: tensor<6xf64>) -> tensor<6xf64> {
  %s = diptych.slice %a {starts = array<i64: 1>, limits = array<i64: 6>, strides = array<i64: 1>} : tensor<6xf64> -> tensor<5xf64>
  %p = diptych.pad %s {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<5xf64> -> tensor<6xf64>
  %y = diptych.linear_recurrence %p, %b {axis = 0 : i64} : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  return %y : tensor<6xf64>
}

// CHECK-LABEL: @shifted_factors
// CHECK: diptych.pad
func.func @shifted_factors(%a: tensor<6xf64>, %b: tensor<6xf64>) -> tensor<6xf64> {
  %s = diptych.slice %a {starts = array<i64: 1>, limits = array<i64: 6>, strides = array<i64: 1>} : tensor<6xf64> -> tensor<5xf64>
  %p = diptych.pad %s {low = array<i64: 0>, high = array<i64: 1>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<5xf64> -> tensor<6xf64>
  %y = diptych.linear_recurrence %p, %b {axis = 0 : i64} : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  return %y : tensor<6xf64>
}
