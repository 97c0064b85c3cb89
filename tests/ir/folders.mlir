// Folds that keep every bit: identities and compositions. Nothing here may need numerics=standard.
// RUN: diptych-opt %s --diptych-simplify | FileCheck %s

// CHECK-LABEL: @neg_of_neg
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]]
func.func @neg_of_neg(%x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.neg %x : tensor<3xf64> -> tensor<3xf64>
  %b = diptych.neg %a : tensor<3xf64> -> tensor<3xf64>
  return %b : tensor<3xf64>
}

// CHECK-LABEL: @add_negative_zero
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]]
func.func @add_negative_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<-0.0> : tensor<3xf64>
  %a = diptych.add %z, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// -0 + +0 is +0, so x + (+0) is no identity.
// CHECK-LABEL: @keeps_add_positive_zero
// CHECK: diptych.add
func.func @keeps_add_positive_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %a = diptych.add %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @sub_positive_zero
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]]
func.func @sub_positive_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %a = diptych.sub %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @keeps_sub_negative_zero
// CHECK: diptych.sub
func.func @keeps_sub_negative_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<-0.0> : tensor<3xf64>
  %a = diptych.sub %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @times_and_over_one
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]]
func.func @times_and_over_one(%x: tensor<3xf64>) -> tensor<3xf64> {
  %i = diptych.constant dense<1.0> : tensor<3xf64>
  %a = diptych.mul %i, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %b = diptych.div %a, %i : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %b : tensor<3xf64>
}

// x may be an infinity or NaN.
// CHECK-LABEL: @keeps_times_zero
// CHECK: diptych.mul
func.func @keeps_times_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %a = diptych.mul %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @integer_identities
// CHECK-SAME: (%[[X:.*]]: tensor<3xi64>)
// CHECK: %[[Z:.*]] = diptych.constant dense<0> : tensor<3xi64>
// CHECK-NEXT: return %[[X]], %[[Z]]
func.func @integer_identities(%x: tensor<3xi64>) -> (tensor<3xi64>, tensor<3xi64>) {
  %z = diptych.constant dense<0> : tensor<3xi64>
  %a = diptych.add %x, %z : tensor<3xi64>, tensor<3xi64> -> tensor<3xi64>
  %b = diptych.mul %z, %x : tensor<3xi64>, tensor<3xi64> -> tensor<3xi64>
  return %a, %b : tensor<3xi64>, tensor<3xi64>
}

// CHECK-LABEL: @where_of_equal_arms
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]]
func.func @where_of_equal_arms(%c: tensor<3xi1>, %x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.where %c, %x, %x : tensor<3xi1>, tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @where_of_constant
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[Y:[a-z0-9]+]]: tensor<3xf64>)
// CHECK-NEXT: return %[[X]], %[[Y]]
func.func @where_of_constant(%x: tensor<3xf64>, %y: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %t = diptych.constant dense<true> : tensor<3xi1>
  %f = diptych.constant dense<false> : tensor<3xi1>
  %a = diptych.where %t, %x, %y : tensor<3xi1>, tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %b = diptych.where %f, %x, %y : tensor<3xi1>, tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a, %b : tensor<3xf64>, tensor<3xf64>
}

// CHECK-LABEL: @logic
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xi1>)
// CHECK-NEXT: %[[F:.*]] = diptych.constant dense<false>
// CHECK-NEXT: return %[[X]], %[[F]], %[[X]], %[[X]]
func.func @logic(%x: tensor<3xi1>) -> (tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>) {
  %t = diptych.constant dense<true> : tensor<3xi1>
  %f = diptych.constant dense<false> : tensor<3xi1>
  %a = diptych.logical_and %x, %t : tensor<3xi1>, tensor<3xi1> -> tensor<3xi1>
  %b = diptych.logical_and %f, %x : tensor<3xi1>, tensor<3xi1> -> tensor<3xi1>
  %c = diptych.logical_or %x, %f : tensor<3xi1>, tensor<3xi1> -> tensor<3xi1>
  %d = diptych.logical_not %x : tensor<3xi1> -> tensor<3xi1>
  %e = diptych.logical_not %d : tensor<3xi1> -> tensor<3xi1>
  return %a, %b, %c, %e : tensor<3xi1>, tensor<3xi1>, tensor<3xi1>, tensor<3xi1>
}

// CHECK-LABEL: @movement_identities
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<2x1xf64>)
// CHECK-NEXT: return %[[X]]
func.func @movement_identities(%x: tensor<2x1xf64>) -> tensor<2x1xf64> {
  %a = diptych.reshape %x : tensor<2x1xf64> -> tensor<2x1xf64>
  %b = diptych.transpose %a {axes = array<i64: 0, 1>} : tensor<2x1xf64> -> tensor<2x1xf64>
  %c = diptych.reverse %b {axes = array<i64: 1>} : tensor<2x1xf64> -> tensor<2x1xf64>
  %d = diptych.broadcast %c {axes = array<i64: 0, 1>} : tensor<2x1xf64> -> tensor<2x1xf64>
  %e = diptych.slice %d {starts = array<i64: 0, 0>, limits = array<i64: 2, 1>, strides = array<i64: 1, 1>}
      : tensor<2x1xf64> -> tensor<2x1xf64>
  %f = diptych.pad %e {low = array<i64: 0, 0>, high = array<i64: 0, 0>, interior = array<i64: 0, 5>, value = 0.0 : f64}
      : tensor<2x1xf64> -> tensor<2x1xf64>
  %g = diptych.concatenate %f {axis = 0 : i64} : tensor<2x1xf64> -> tensor<2x1xf64>
  %h = diptych.convert %g : tensor<2x1xf64> -> tensor<2x1xf64>
  return %h : tensor<2x1xf64>
}

// A slice of one part of a concatenation, whole or not; one that crosses parts stays.
// CHECK-LABEL: @slice_of_concatenate
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<2x3xf64>, %[[Y:[a-z0-9]+]]: tensor<4x3xf64>)
// CHECK-NEXT: %[[C:.*]] = diptych.concatenate
// CHECK-NEXT: %[[A:.*]] = diptych.slice %[[Y]] {limits = array<i64: 4, 3>, starts = array<i64: 1, 1>, strides = array<i64: 2, 1>}
// CHECK-NEXT: %[[B:.*]] = diptych.slice %[[C]]
// CHECK-NEXT: return %[[X]], %[[A]], %[[B]]
func.func @slice_of_concatenate(%x: tensor<2x3xf64>, %y: tensor<4x3xf64>)
    -> (tensor<2x3xf64>, tensor<2x2xf64>, tensor<2x3xf64>) {
  %c = diptych.concatenate %x, %y {axis = 0 : i64} : tensor<2x3xf64>, tensor<4x3xf64> -> tensor<6x3xf64>
  %w = diptych.slice %c {starts = array<i64: 0, 0>, limits = array<i64: 2, 3>, strides = array<i64: 1, 1>}
      : tensor<6x3xf64> -> tensor<2x3xf64>
  %a = diptych.slice %c {starts = array<i64: 3, 1>, limits = array<i64: 6, 3>, strides = array<i64: 2, 1>}
      : tensor<6x3xf64> -> tensor<2x2xf64>
  %b = diptych.slice %c {starts = array<i64: 1, 0>, limits = array<i64: 3, 3>, strides = array<i64: 1, 1>}
      : tensor<6x3xf64> -> tensor<2x3xf64>
  return %w, %a, %b : tensor<2x3xf64>, tensor<2x2xf64>, tensor<2x3xf64>
}

// CHECK-LABEL: @reshape_of_reshape
// CHECK-SAME: (%[[X:.*]]: tensor<4x3xf64>)
// CHECK-NEXT: %[[R:.*]] = diptych.reshape %[[X]] : tensor<4x3xf64> -> tensor<12xf64>
// CHECK-NEXT: return %[[R]]
func.func @reshape_of_reshape(%x: tensor<4x3xf64>) -> tensor<12xf64> {
  %a = diptych.reshape %x : tensor<4x3xf64> -> tensor<2x6xf64>
  %b = diptych.reshape %a : tensor<2x6xf64> -> tensor<12xf64>
  return %b : tensor<12xf64>
}

// Output axis i of the second is axis first[second[i]] of x.
// CHECK-LABEL: @transpose_of_transpose
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf64>)
// CHECK-NEXT: %[[R:.*]] = diptych.transpose %[[X]] {axes = array<i64: 2, 1, 0>} : tensor<2x3x4xf64> -> tensor<4x3x2xf64>
// CHECK-NEXT: return %[[R]]
func.func @transpose_of_transpose(%x: tensor<2x3x4xf64>) -> tensor<4x3x2xf64> {
  %a = diptych.transpose %x {axes = array<i64: 1, 2, 0>} : tensor<2x3x4xf64> -> tensor<3x4x2xf64>
  %b = diptych.transpose %a {axes = array<i64: 1, 0, 2>} : tensor<3x4x2xf64> -> tensor<4x3x2xf64>
  return %b : tensor<4x3x2xf64>
}

// CHECK-LABEL: @transpose_and_back
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf64>)
// CHECK-NEXT: return %[[X]]
func.func @transpose_and_back(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %a = diptych.transpose %x {axes = array<i64: 1, 2, 0>} : tensor<2x3x4xf64> -> tensor<3x4x2xf64>
  %b = diptych.transpose %a {axes = array<i64: 2, 0, 1>} : tensor<3x4x2xf64> -> tensor<2x3x4xf64>
  return %b : tensor<2x3x4xf64>
}

// CHECK-LABEL: @reverse_of_reverse
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf64>)
// CHECK-NEXT: %[[R:.*]] = diptych.reverse %[[X]] {axes = array<i64: 0, 2>}
// CHECK-NEXT: return %[[R]], %[[X]]
func.func @reverse_of_reverse(%x: tensor<2x3x4xf64>) -> (tensor<2x3x4xf64>, tensor<2x3x4xf64>) {
  %a = diptych.reverse %x {axes = array<i64: 1, 0>} : tensor<2x3x4xf64> -> tensor<2x3x4xf64>
  %b = diptych.reverse %a {axes = array<i64: 1, 2>} : tensor<2x3x4xf64> -> tensor<2x3x4xf64>
  %c = diptych.reverse %a {axes = array<i64: 0, 1>} : tensor<2x3x4xf64> -> tensor<2x3x4xf64>
  return %b, %c : tensor<2x3x4xf64>, tensor<2x3x4xf64>
}

// CHECK-LABEL: @broadcast_of_broadcast
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// CHECK-NEXT: %[[R:.*]] = diptych.broadcast %[[X]] {axes = array<i64: 2>} : tensor<3xf64> -> tensor<5x2x3xf64>
// CHECK-NEXT: return %[[R]]
func.func @broadcast_of_broadcast(%x: tensor<3xf64>) -> tensor<5x2x3xf64> {
  %a = diptych.broadcast %x {axes = array<i64: 1>} : tensor<3xf64> -> tensor<2x3xf64>
  %b = diptych.broadcast %a {axes = array<i64: 1, 2>} : tensor<2x3xf64> -> tensor<5x2x3xf64>
  return %b : tensor<5x2x3xf64>
}
