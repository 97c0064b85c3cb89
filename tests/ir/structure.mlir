// Derivatives and fusions parse, verify and print back the same.
// RUN: diptych-opt %s | diptych-opt | FileCheck %s
// RUN: diptych-opt %s --mlir-print-op-generic | diptych-opt | FileCheck %s

func.func private @f(%x: tensor<3xf64>, %n: tensor<i64>) -> tensor<f64> {
  %y = diptych.sum %x {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: @derivatives(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3xf64>, %[[N:[a-z0-9]+]]: tensor<i64>
func.func @derivatives(%x: tensor<3xf64>, %n: tensor<i64>, %c: tensor<f64>, %t: tensor<3xf64>) {
  // CHECK: diptych.vjp @f(%[[X]], %[[N]]) cotangents(%{{.*}}) wrt [0] : (tensor<3xf64>, tensor<i64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  %y, %dx = diptych.vjp @f(%x, %n) cotangents(%c) wrt [0]
      : (tensor<3xf64>, tensor<i64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  // CHECK: diptych.jvp @f(%[[X]], %[[N]]) tangents(%{{.*}}) wrt [0] : (tensor<3xf64>, tensor<i64>, tensor<3xf64>) -> (tensor<f64>, tensor<f64>)
  %z, %dz = diptych.jvp @f(%x, %n) tangents(%t) wrt [0]
      : (tensor<3xf64>, tensor<i64>, tensor<3xf64>) -> (tensor<f64>, tensor<f64>)
  return
}

// CHECK-LABEL: @batched_derivatives
func.func @batched_derivatives(%x: tensor<3xf64>, %n: tensor<i64>, %c: tensor<5xf64>, %t: tensor<5x3xf64>) {
  // CHECK: diptych.vjp {{.*}} wrt [0] batch 5 :
  %y, %dx = diptych.vjp @f(%x, %n) cotangents(%c) wrt [0] batch 5
      : (tensor<3xf64>, tensor<i64>, tensor<5xf64>) -> (tensor<f64>, tensor<5x3xf64>)
  // CHECK: diptych.jvp {{.*}} wrt [0] batch 5 :
  %z, %dz = diptych.jvp @f(%x, %n) tangents(%t) wrt [0] batch 5
      : (tensor<3xf64>, tensor<i64>, tensor<5x3xf64>) -> (tensor<f64>, tensor<5xf64>)
  return
}

// CHECK-LABEL: @fusion(
// CHECK-SAME: %[[X:[a-z0-9]+]]:
// CHECK: diptych.fusion "reduction" (%[[A:.*]] = %[[X]] : tensor<4x3xf64>) -> (tensor<4x3xf64>, tensor<4xf64>) {
// CHECK-NEXT: %[[E:.*]] = diptych.exp %[[A]]
// CHECK-NEXT: %[[S:.*]] = diptych.sum %[[E]]
// CHECK-NEXT: diptych.yield %[[E]], %[[S]] : tensor<4x3xf64>, tensor<4xf64>
// CHECK-NEXT: }
func.func @fusion(%x: tensor<4x3xf64>) -> tensor<4xf64> {
  %r:2 = diptych.fusion "reduction" (%a = %x : tensor<4x3xf64>) -> (tensor<4x3xf64>, tensor<4xf64>) {
    %e = diptych.exp %a : tensor<4x3xf64> -> tensor<4x3xf64>
    %s = diptych.sum %e {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
    diptych.yield %e, %s : tensor<4x3xf64>, tensor<4xf64>
  }
  return %r#1 : tensor<4xf64>
}

// CHECK-LABEL: @fusion_without_captures
// CHECK: diptych.fusion "pointwise" () -> tensor<2xi64> attributes {note = "kept"} {
func.func @fusion_without_captures() -> tensor<2xi64> {
  %r = diptych.fusion "pointwise" () -> tensor<2xi64> attributes {note = "kept"} {
    %i = diptych.iota {axis = 0 : i64} : tensor<2xi64>
    diptych.yield %i : tensor<2xi64>
  }
  return %r : tensor<2xi64>
}
