// The derivative of a loop is a loop: backwards over the carries that were kept, or forwards over
// carries and tangents. A derivative inside a body is expanded first.
// RUN: diptych-opt %s --diptych-differentiate | FileCheck %s

func.func private @power(%w: tensor<f64>, %c0: tensor<f64>) -> tensor<f64> {
  %r = diptych.scan consts(%w) carry(%c0) xs() length 4 : (tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%v: tensor<f64>, %c: tensor<f64>):
    %n = diptych.mul %c, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  }
  return %r : tensor<f64>
}

// CHECK-LABEL: @backwards
// CHECK-SAME: (%[[W:[a-z0-9]+]]: tensor<f64>, %[[C0:[a-z0-9]+]]: tensor<f64>, %[[D:[a-z0-9]+]]: tensor<f64>)
// CHECK: %[[F:.*]]:2 = diptych.scan consts(%[[W]]) carry(%[[C0]]) xs() length 4 kept 1
// CHECK: %[[Z:.*]] = diptych.constant dense<0.0
// CHECK: %[[B:.*]]:2 = diptych.scan consts(%[[W]]) carry(%[[D]], %[[Z]]) xs(%[[F]]#1) length 4 reverse
// CHECK-NEXT: ^bb0(%[[V:.*]]: tensor<f64>, %[[DC:.*]]: tensor<f64>, %[[SUM:.*]]: tensor<f64>, %[[C:.*]]: tensor<f64>):
// CHECK-DAG: %[[NEXT:.*]] = diptych.mul %[[DC]], %[[V]]
// CHECK-DAG: %[[PART:.*]] = diptych.mul %[[DC]], %[[C]]
// CHECK: %[[TOTAL:.*]] = diptych.add %[[SUM]], %[[PART]]
// CHECK: diptych.yield %[[NEXT]], %[[TOTAL]]
// CHECK: return %[[B]]#1
func.func @backwards(%w: tensor<f64>, %c0: tensor<f64>, %d: tensor<f64>) -> tensor<f64> {
  %y, %dw, %dc = diptych.vjp @power(%w, %c0) cotangents(%d) wrt [0, 1]
      : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<f64>)
  return %dw : tensor<f64>
}

// The primal result and the value of the tangent loop are not needed: its tangents alone are.
// CHECK-LABEL: @forwards
// CHECK-SAME: (%[[W:[a-z0-9]+]]: tensor<f64>, %[[C0:[a-z0-9]+]]: tensor<f64>, %[[T:[a-z0-9]+]]: tensor<f64>)
// CHECK: %[[Z:.*]] = diptych.constant dense<0.0
// CHECK: diptych.scan consts(%[[W]], %[[T]]) carry(%[[C0]], %[[Z]]) xs() length 4
func.func @forwards(%w: tensor<f64>, %c0: tensor<f64>, %t: tensor<f64>) -> tensor<f64> {
  %y, %dy = diptych.jvp @power(%w, %c0) tangents(%t) wrt [0]
      : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dy : tensor<f64>
}

func.func private @square(%x: tensor<f64>) -> tensor<f64> {
  %y = diptych.mul %x, %x : tensor<f64>, tensor<f64> -> tensor<f64>
  return %y : tensor<f64>
}

// CHECK-LABEL: @derivative_in_a_body
// CHECK: diptych.scan
// CHECK-NOT: diptych.vjp
// CHECK: diptych.add
func.func @derivative_in_a_body(%c0: tensor<f64>) -> tensor<f64> {
  %r = diptych.scan consts() carry(%c0) xs() length 4 : (tensor<f64>) -> tensor<f64> {
  ^bb0(%c: tensor<f64>):
    %y, %dy = diptych.vjp @square(%c) cotangents(%c) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
    diptych.yield %dy : tensor<f64>
  }
  return %r : tensor<f64>
}

func.func private @either(%p: tensor<i1>, %x: tensor<f64>, %y: tensor<f64>) -> tensor<f64> {
  %r = diptych.cond %p(%x, %y) : (tensor<i1>, tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    %n = diptych.sin %a : tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    diptych.yield %b : tensor<f64>
  }
  return %r : tensor<f64>
}

// A branch that does not use an input gives it zero.
// CHECK-LABEL: @branches
// CHECK-SAME: (%[[P:[a-z0-9]+]]: tensor<i1>
// CHECK: diptych.cond %[[P]]
// CHECK: diptych.cos
// CHECK: } else {
// CHECK: %[[Z:.*]] = diptych.constant dense<0.0
// CHECK: diptych.yield %[[Z]]
func.func @branches(%p: tensor<i1>, %x: tensor<f64>, %y: tensor<f64>, %d: tensor<f64>) -> tensor<f64> {
  %r, %dx = diptych.vjp @either(%p, %x, %y) cotangents(%d) wrt [1]
      : (tensor<i1>, tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}
