// Constant folding: splats through movement, exact arithmetic, and what must be left alone.
// RUN: diptych-opt %s --diptych-simplify | FileCheck %s

// CHECK-LABEL: @splats_move
// CHECK-NEXT: %[[C:.*]] = diptych.constant dense<2.500000e+00> : tensor<9x2xf64>
// CHECK-NEXT: return %[[C]]
func.func @splats_move() -> tensor<9x2xf64> {
  %c = diptych.constant dense<2.5> : tensor<3xf64>
  %a = diptych.broadcast %c {axes = array<i64: 1>} : tensor<3xf64> -> tensor<2x3xf64>
  %b = diptych.transpose %a {axes = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x2xf64>
  %d = diptych.reverse %b {axes = array<i64: 0>} : tensor<3x2xf64> -> tensor<3x2xf64>
  %e = diptych.pad %d {low = array<i64: 1, 0>, high = array<i64: 1, 0>, interior = array<i64: 0, 0>, value = 2.5 : f64}
      : tensor<3x2xf64> -> tensor<5x2xf64>
  %f = diptych.slice %e {starts = array<i64: 0, 0>, limits = array<i64: 4, 2>, strides = array<i64: 1, 1>}
      : tensor<5x2xf64> -> tensor<4x2xf64>
  %g = diptych.concatenate %f, %e {axis = 0 : i64} : tensor<4x2xf64>, tensor<5x2xf64> -> tensor<9x2xf64>
  return %g : tensor<9x2xf64>
}

// CHECK-LABEL: @keeps_pad_with_another_value
// CHECK: diptych.pad
func.func @keeps_pad_with_another_value() -> tensor<4xf64> {
  %c = diptych.constant dense<0.0> : tensor<3xf64>
  %p = diptych.pad %c {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>, value = -0.0 : f64}
      : tensor<3xf64> -> tensor<4xf64>
  return %p : tensor<4xf64>
}

// CHECK-LABEL: @dense_reshape
// CHECK-NEXT: diptych.constant dense<{{\[\[}}true, false], [false, true]]> : tensor<2x2xi1>
// CHECK-NEXT: return
func.func @dense_reshape() -> tensor<2x2xi1> {
  %c = diptych.constant dense<[true, false, false, true]> : tensor<4xi1>
  %r = diptych.reshape %c : tensor<4xi1> -> tensor<2x2xi1>
  return %r : tensor<2x2xi1>
}

// In f32, not in f64 and then rounded: 1 + 2^-24 ties to 1.
// CHECK-LABEL: @float_arithmetic_in_its_own_precision
// CHECK-NEXT: %[[C:.*]] = diptych.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT: return %[[C]]
func.func @float_arithmetic_in_its_own_precision() -> tensor<f32> {
  %x = diptych.constant dense<1.0> : tensor<f32>
  %y = diptych.constant dense<5.9604644775390625e-08> : tensor<f32>
  %z = diptych.add %x, %y : tensor<f32>, tensor<f32> -> tensor<f32>
  return %z : tensor<f32>
}

// CHECK-LABEL: @signs_of_zero
// CHECK-DAG: %[[M:.*]] = diptych.constant dense<-0.000000e+00> : tensor<f64>
// CHECK-DAG: %[[P:.*]] = diptych.constant dense<0.000000e+00> : tensor<f64>
// CHECK: return %[[M]], %[[P]]
func.func @signs_of_zero() -> (tensor<f64>, tensor<f64>) {
  %p = diptych.constant dense<0.0> : tensor<f64>
  %m = diptych.neg %p : tensor<f64> -> tensor<f64>
  %s = diptych.sub %p, %p : tensor<f64>, tensor<f64> -> tensor<f64>
  return %m, %s : tensor<f64>, tensor<f64>
}

// CHECK-LABEL: @overflow_to_infinity
// CHECK-NEXT: diptych.constant dense<0x7F800000> : tensor<f32>
func.func @overflow_to_infinity() -> tensor<f32> {
  %x = diptych.constant dense<3.0e38> : tensor<f32>
  %y = diptych.mul %x, %x : tensor<f32>, tensor<f32> -> tensor<f32>
  return %y : tensor<f32>
}

// The payload of a NaN that arithmetic makes is the machine's.
// CHECK-LABEL: @keeps_what_makes_nan
// CHECK: diptych.sub
func.func @keeps_what_makes_nan() -> tensor<f32> {
  %x = diptych.constant dense<0x7F800000> : tensor<f32>
  %y = diptych.sub %x, %x : tensor<f32>, tensor<f32> -> tensor<f32>
  return %y : tensor<f32>
}

// CHECK-LABEL: @integers_wrap
// CHECK-NEXT: %[[C:.*]] = diptych.constant dense<-2147483648> : tensor<2xi32>
// CHECK-NEXT: return %[[C]]
func.func @integers_wrap() -> tensor<2xi32> {
  %x = diptych.constant dense<2147483647> : tensor<2xi32>
  %i = diptych.constant dense<1> : tensor<2xi32>
  %y = diptych.add %x, %i : tensor<2xi32>, tensor<2xi32> -> tensor<2xi32>
  return %y : tensor<2xi32>
}

// NaN is unequal to itself and neither below nor above.
// CHECK-LABEL: @comparisons_of_nan
// CHECK-DAG: %[[T:.*]] = diptych.constant dense<true> : tensor<i1>
// CHECK-DAG: %[[F:.*]] = diptych.constant dense<false> : tensor<i1>
// CHECK: return %[[F]], %[[T]], %[[F]]
func.func @comparisons_of_nan() -> (tensor<i1>, tensor<i1>, tensor<i1>) {
  %x = diptych.constant dense<0x7FF8000000000000> : tensor<f64>
  %a = diptych.eq %x, %x : tensor<f64>, tensor<f64> -> tensor<i1>
  %b = diptych.ne %x, %x : tensor<f64>, tensor<f64> -> tensor<i1>
  %c = diptych.le %x, %x : tensor<f64>, tensor<f64> -> tensor<i1>
  return %a, %b, %c : tensor<i1>, tensor<i1>, tensor<i1>
}

// CHECK-LABEL: @converts_exactly
// CHECK-DAG: %[[A:.*]] = diptych.constant dense<2.000000e+00> : tensor<3xf32>
// CHECK-DAG: %[[B:.*]] = diptych.constant dense<true> : tensor<3xi1>
// CHECK: return %[[A]], %[[B]]
func.func @converts_exactly() -> (tensor<3xf32>, tensor<3xi1>) {
  %x = diptych.constant dense<2> : tensor<3xi64>
  %y = diptych.convert %x : tensor<3xi64> -> tensor<3xf32>
  %z = diptych.convert %y : tensor<3xf32> -> tensor<3xi1>
  return %y, %z : tensor<3xf32>, tensor<3xi1>
}

// CHECK-LABEL: @keeps_convert_that_rounds
// CHECK: diptych.convert
// CHECK: diptych.convert
func.func @keeps_convert_that_rounds() -> (tensor<f32>, tensor<i32>) {
  %x = diptych.constant dense<0.1> : tensor<f64>
  %y = diptych.convert %x : tensor<f64> -> tensor<f32>
  %z = diptych.convert %x : tensor<f64> -> tensor<i32>
  return %y, %z : tensor<f32>, tensor<i32>
}

// CHECK-LABEL: @nothing
// CHECK-NEXT: %[[A:.*]] = diptych.constant dense<> : tensor<0xf64>
// CHECK-NEXT: return %[[A]], %[[A]]
func.func @nothing() -> (tensor<0xf64>, tensor<0xf64>) {
  %c = diptych.constant dense<> : tensor<0xf64>
  %a = diptych.add %c, %c : tensor<0xf64>, tensor<0xf64> -> tensor<0xf64>
  return %c, %a : tensor<0xf64>, tensor<0xf64>
}
