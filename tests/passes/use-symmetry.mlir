// RUN: diptych-opt --diptych-use-symmetry %s | FileCheck %s

// The result is not turned, but a product in it is, whose upper half is the result's lower one.
// CHECK-LABEL: @turned
// CHECK: %[[P:.*]] = diptych.matmul %arg0, %arg1 {diptych.upper}
// CHECK: %[[Q:.*]] = diptych.transpose %[[P]]
// CHECK: %[[S:.*]] = diptych.add %[[Q]], %arg2
// CHECK: %[[K:.*]] = diptych.ge
// CHECK: %[[T:.*]] = diptych.transpose %[[S]]
// CHECK: %[[W:.*]] = diptych.where %[[K]], %[[S]], %[[T]]
// CHECK: return %[[W]]
func.func @turned(%a: tensor<40x64xf64>, %b: tensor<64x40xf64>, %c: tensor<40x40xf64>) -> (tensor<40x40xf64> {diptych.symmetric}) {
  %p = diptych.matmul %a, %b : tensor<40x64xf64>, tensor<64x40xf64> -> tensor<40x40xf64>
  %q = diptych.transpose %p {axes = array<i64: 1, 0>} : tensor<40x40xf64> -> tensor<40x40xf64>
  %s = diptych.add %q, %c : tensor<40x40xf64>, tensor<40x40xf64> -> tensor<40x40xf64>
  %h = diptych.transpose %s {axes = array<i64: 1, 0>} : tensor<40x40xf64> -> tensor<40x40xf64>
  return %h : tensor<40x40xf64>
}

// Of two products that know different halves the first decides.
// CHECK-LABEL: @two
// CHECK: diptych.matmul %arg0, %arg1 {diptych.upper}
// CHECK: diptych.matmul %arg0, %arg1 : tensor
// CHECK: diptych.le
func.func @two(%a: tensor<40x64xf64>, %b: tensor<64x40xf64>) -> (tensor<40x40xf64> {diptych.symmetric}) {
  %p = diptych.matmul %a, %b : tensor<40x64xf64>, tensor<64x40xf64> -> tensor<40x40xf64>
  %q = diptych.matmul %a, %b : tensor<40x64xf64>, tensor<64x40xf64> -> tensor<40x40xf64>
  %t = diptych.transpose %q {axes = array<i64: 1, 0>} : tensor<40x40xf64> -> tensor<40x40xf64>
  %h = diptych.add %p, %t : tensor<40x40xf64>, tensor<40x40xf64> -> tensor<40x40xf64>
  return %h : tensor<40x40xf64>
}

// What is read elsewhere, what is short, and what need not be symmetric.
// CHECK-LABEL: @whole
// CHECK-NOT: diptych.upper
// CHECK: return
func.func @whole(%a: tensor<40x64xf64>, %b: tensor<64x40xf64>, %c: tensor<40x63xf64>, %d: tensor<63x40xf64>) -> (tensor<40x40xf64> {diptych.symmetric}, tensor<40x40xf64>, tensor<40x40xf64> {diptych.symmetric}) {
  %p = diptych.matmul %a, %b : tensor<40x64xf64>, tensor<64x40xf64> -> tensor<40x40xf64>
  %h = diptych.exp %p : tensor<40x40xf64> -> tensor<40x40xf64>
  %q = diptych.sin %p : tensor<40x40xf64> -> tensor<40x40xf64>
  %s = diptych.matmul %c, %d : tensor<40x63xf64>, tensor<63x40xf64> -> tensor<40x40xf64>
  return %h, %q, %s : tensor<40x40xf64>, tensor<40x40xf64>, tensor<40x40xf64>
}

// Nothing to halve, nor to turn.
// CHECK-LABEL: @returned
// CHECK-NEXT: %[[E:.*]] = diptych.exp %arg0
// CHECK-NEXT: return %[[E]]
func.func @returned(%a: tensor<40x40xf64>) -> (tensor<40x40xf64> {diptych.symmetric}) {
  %e = diptych.exp %a : tensor<40x40xf64> -> tensor<40x40xf64>
  %t = diptych.transpose %e {axes = array<i64: 1, 0>} : tensor<40x40xf64> -> tensor<40x40xf64>
  return %t : tensor<40x40xf64>
}

// What is no square is not what is said of it.
// CHECK-LABEL: @batch
// CHECK: diptych.transpose
// CHECK: diptych.transpose
func.func @batch(%a: tensor<2x3x3xf64>, %b: tensor<2x3xf64>) -> (tensor<2x3x3xf64> {diptych.symmetric}, tensor<3x2xf64> {diptych.symmetric}) {
  %t = diptych.transpose %a {axes = array<i64: 0, 2, 1>} : tensor<2x3x3xf64> -> tensor<2x3x3xf64>
  %u = diptych.transpose %b {axes = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x2xf64>
  return %t, %u : tensor<2x3x3xf64>, tensor<3x2xf64>
}
