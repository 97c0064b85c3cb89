// vjp and jvp become programs at their place, innermost first; callees go when nobody asks any more.
// RUN: diptych-opt %s --diptych-differentiate | FileCheck %s
// RUN: diptych-opt %s --diptych-differentiate=numerics=standard | FileCheck %s --check-prefix=STANDARD
// RUN: diptych-opt %s --diptych-differentiate --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=LINES

// CHECK-NOT: diptych.vjp
// CHECK-NOT: diptych.jvp
// CHECK-NOT: func.func private

func.func private @sine(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.sin %x : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}

// CHECK-LABEL: @vjp
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[DY:[a-z0-9]+]]: tensor<3xf64>)
// CHECK-NEXT: %[[Y:.*]] = diptych.sin %[[X]]
// CHECK-NEXT: %[[C:.*]] = diptych.cos %[[X]]
// CHECK-NEXT: %[[DX:.*]] = diptych.mul %[[DY]], %[[C]]
// CHECK-NEXT: return %[[Y]], %[[DX]]
// The derivative has the line of sin.
// LINES-LABEL: @vjp
// LINES: diptych.sin {{.*}} loc("{{.*}}":[[LINE:[0-9]+]]:{{[0-9]+}})
// LINES: diptych.cos {{.*}} loc("{{.*}}":[[LINE]]:{{[0-9]+}})
func.func @vjp(%x: tensor<3xf64>, %dy: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %y, %dx = diptych.vjp @sine(%x) cotangents(%dy) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %y, %dx : tensor<3xf64>, tensor<3xf64>
}

// CHECK-LABEL: @jvp
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[DX:[a-z0-9]+]]: tensor<3xf64>)
// CHECK-NEXT: %[[Y:.*]] = diptych.sin %[[X]]
// CHECK-NEXT: %[[C:.*]] = diptych.cos %[[X]]
// CHECK-NEXT: %[[DY:.*]] = diptych.mul %[[DX]], %[[C]]
// CHECK-NEXT: return %[[Y]], %[[DY]]
func.func @jvp(%x: tensor<3xf64>, %dx: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %y, %dy = diptych.jvp @sine(%x) tangents(%dx) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %y, %dy : tensor<3xf64>, tensor<3xf64>
}

// Four tangents in one pass; what does not depend on the tangent is computed once.
// CHECK-LABEL: @batched_jvp
// CHECK: %[[C:.*]] = diptych.cos %{{.*}} : tensor<3xf64>
// CHECK-NEXT: %[[B:.*]] = diptych.broadcast %[[C]] {axes = array<i64: 1>} : tensor<3xf64> -> tensor<4x3xf64>
// CHECK-NEXT: diptych.mul %{{.*}}, %[[B]] : tensor<4x3xf64>
func.func @batched_jvp(%x: tensor<3xf64>, %dx: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %y, %dy = diptych.jvp @sine(%x) tangents(%dx) wrt [0] batch 4
      : (tensor<3xf64>, tensor<4x3xf64>) -> (tensor<3xf64>, tensor<4x3xf64>)
  return %dy : tensor<4x3xf64>
}

// CHECK-LABEL: @batched_vjp
// CHECK: diptych.cos %{{.*}} : tensor<3xf64>
// CHECK: diptych.mul {{.*}} -> tensor<4x3xf64>
func.func @batched_vjp(%x: tensor<3xf64>, %dy: tensor<4x3xf64>) -> tensor<4x3xf64> {
  %y, %dx = diptych.vjp @sine(%x) cotangents(%dy) wrt [0] batch 4
      : (tensor<3xf64>, tensor<4x3xf64>) -> (tensor<3xf64>, tensor<4x3xf64>)
  return %dx : tensor<4x3xf64>
}

func.func private @slope(%x: tensor<3xf64>, %dy: tensor<3xf64>) -> tensor<3xf64> {
  %y, %dx = diptych.vjp @sine(%x) cotangents(%dy) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %dx : tensor<3xf64>
}

// d/dx (c cos x) = -c sin x: the inner vjp is expanded before the outer.
// CHECK-LABEL: @vjp_of_vjp
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[C:[a-z0-9]+]]: tensor<3xf64>, %[[U:[a-z0-9]+]]: tensor<3xf64>)
// CHECK: %[[P:.*]] = diptych.mul %[[U]], %[[C]]
// CHECK: %[[S:.*]] = diptych.sin %[[X]]
// CHECK: diptych.neg
// CHECK: return
func.func @vjp_of_vjp(%x: tensor<3xf64>, %c: tensor<3xf64>, %u: tensor<3xf64>) -> tensor<3xf64> {
  %y, %dx = diptych.vjp @slope(%x, %c) cotangents(%u) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %dx : tensor<3xf64>
}

func.func private @product(%x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %z = diptych.mul %x, %y : tensor<f64>, tensor<f64> -> tensor<f64>
  return %z : tensor<f64>
}

// Both inputs are one value here; the derivative by the first must not count the second.
// CHECK-LABEL: @one_value_as_two_inputs
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<f64>, %[[C:[a-z0-9]+]]: tensor<f64>)
// CHECK: %[[D:.*]] = diptych.mul %[[C]], %[[X]]
// CHECK-NOT: diptych.add
// CHECK: return %[[D]]
func.func @one_value_as_two_inputs(%x: tensor<f64>, %c: tensor<f64>) -> tensor<f64> {
  %z, %dx = diptych.vjp @product(%x, %x) cotangents(%c) wrt [0]
      : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}

func.func private @first(%x: tensor<2xf64>, %y: tensor<3xf64>) -> tensor<2xf64> {
  return %x : tensor<2xf64>
}

// CHECK-LABEL: @unreached_inputs_get_zeros
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<2xf64>, %[[Y:[a-z0-9]+]]: tensor<3xf64>, %[[C:[a-z0-9]+]]: tensor<4x2xf64>)
// CHECK: %[[Z:.*]] = diptych.constant dense<0.000000e+00> : tensor<4x3xf64>
// CHECK: return %[[X]], %[[C]], %[[Z]]
func.func @unreached_inputs_get_zeros(%x: tensor<2xf64>, %y: tensor<3xf64>, %c: tensor<4x2xf64>)
    -> (tensor<2xf64>, tensor<4x2xf64>, tensor<4x3xf64>) {
  %z, %dx, %dy = diptych.vjp @first(%x, %y) cotangents(%c) wrt [0, 1] batch 4
      : (tensor<2xf64>, tensor<3xf64>, tensor<4x2xf64>) -> (tensor<2xf64>, tensor<4x2xf64>, tensor<4x3xf64>)
  return %z, %dx, %dy : tensor<2xf64>, tensor<4x2xf64>, tensor<4x3xf64>
}

func.func private @twice(%x: tensor<f64>) -> tensor<f64> {
  %a = diptych.exp %x : tensor<f64> -> tensor<f64>
  %b = diptych.exp %x : tensor<f64> -> tensor<f64>
  %c = diptych.mul %a, %b : tensor<f64>, tensor<f64> -> tensor<f64>
  return %c : tensor<f64>
}

// Strict keeps both, and with them the order of additions; standard merges before differentiating.
// CHECK-LABEL: @numerics
// CHECK-COUNT-2: diptych.exp
// STANDARD-LABEL: @numerics
// STANDARD: diptych.exp
// STANDARD-NOT: diptych.exp
func.func @numerics(%x: tensor<f64>, %c: tensor<f64>) -> tensor<f64> {
  %z, %dx = diptych.vjp @twice(%x) cotangents(%c) wrt [0]
      : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}

// A derivative nobody uses is not taken.
// CHECK-LABEL: @dead_derivative
// CHECK-NEXT: return
func.func @dead_derivative(%x: tensor<f64>) -> tensor<f64> {
  %z, %dx = diptych.vjp @twice(%x) cotangents(%x) wrt [0]
      : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %x : tensor<f64>
}
