// A custom operation is differentiated by its rules, a checkpoint by its function computed again behind
// a barrier; in the end both are what they call.
// RUN: diptych-opt %s --diptych-differentiate | FileCheck %s
// RUN: diptych-opt %s | diptych-opt | FileCheck %s --check-prefix=ROUND

// ROUND: diptych.custom @sine(%{{.*}}) captured() vjp @sine_vjp() jvp @sine_jvp() "rule" : (tensor<3xf64>) -> tensor<3xf64>
// ROUND: diptych.checkpoint @sine(%{{.*}}) : (tensor<3xf64>) -> tensor<3xf64>

// CHECK-NOT: diptych.custom
// CHECK-NOT: diptych.checkpoint
// CHECK-NOT: func.func private

func.func private @sine(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.sin %x : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}
func.func private @sine_vjp(%x: tensor<3xf64>, %y: tensor<3xf64>, %c: tensor<3xf64>) -> tensor<3xf64> {
  %r = diptych.neg %c : tensor<3xf64> -> tensor<3xf64>
  return %r : tensor<3xf64>
}
func.func private @sine_jvp(%x: tensor<3xf64>, %y: tensor<3xf64>, %t: tensor<3xf64>) -> tensor<3xf64> {
  %r = diptych.tanh %y : tensor<3xf64> -> tensor<3xf64>
  return %r : tensor<3xf64>
}
func.func private @ruled(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.custom @sine(%x) captured() vjp @sine_vjp() jvp @sine_jvp() "rule"
      : (tensor<3xf64>) -> tensor<3xf64>
  return %y : tensor<3xf64>
}
func.func private @again(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.checkpoint @sine(%x) : (tensor<3xf64>) -> tensor<3xf64>
  return %y : tensor<3xf64>
}

// CHECK-LABEL: @uses_the_vjp_rule
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[C:[a-z0-9]+]]: tensor<3xf64>)
// CHECK-NEXT: %[[Y:.*]] = diptych.sin %[[X]]
// CHECK-NEXT: %[[DX:.*]] = diptych.neg %[[C]]
// CHECK-NEXT: return %[[Y]], %[[DX]]
func.func @uses_the_vjp_rule(%x: tensor<3xf64>, %c: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %y, %dx = diptych.vjp @ruled(%x) cotangents(%c) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %y, %dx : tensor<3xf64>, tensor<3xf64>
}

// CHECK-LABEL: @uses_the_jvp_rule
// CHECK: %[[Y:.*]] = diptych.sin
// CHECK-NEXT: %[[DY:.*]] = diptych.tanh %[[Y]]
func.func @uses_the_jvp_rule(%x: tensor<3xf64>, %t: tensor<3xf64>) -> tensor<3xf64> {
  %y, %dy = diptych.jvp @ruled(%x) tangents(%t) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %dy : tensor<3xf64>
}

// CHECK-LABEL: @computes_again
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>, %[[C:[a-z0-9]+]]: tensor<3xf64>)
// CHECK: %[[B:.*]] = diptych.barrier %[[X]]
// CHECK: %[[D:.*]] = diptych.cos %[[B]]
// CHECK: diptych.mul %[[C]], %[[D]]
func.func @computes_again(%x: tensor<3xf64>, %c: tensor<3xf64>) -> tensor<3xf64> {
  %y, %dx = diptych.vjp @again(%x) cotangents(%c) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %dx : tensor<3xf64>
}
