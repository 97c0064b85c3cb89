// Loops and branches of textual IR run the same compiled and replayed.
// RUN: diptych run %s --input 0=2 --input 1=1 | FileCheck %s
// RUN: diptych run %s --input 0=2 --input 1=1 --interpret | FileCheck %s
// CHECK: result 0:
// CHECK-NEXT: 16 f64[]
// CHECK-NEXT: result 1:
// CHECK-NEXT: 32 f64[]
// CHECK-NEXT: result 2:
// CHECK-NEXT: 16 f64[]
// CHECK-NEXT: result 3:
// CHECK-NEXT: -2 f64[]
// RUN: diptych run %s --print-ir plan | FileCheck %s --check-prefix=PLAN
// PLAN: scan({{.*}}) steps 4
// PLAN-NEXT: {{^}}  mul
// PLAN: while
// PLAN: cond

func.func private @power(%w: tensor<f64>, %c0: tensor<f64>) -> tensor<f64> {
  %r = diptych.scan consts(%w) carry(%c0) xs() length 4 : (tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%v: tensor<f64>, %c: tensor<f64>):
    %n = diptych.mul %c, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  }
  return %r : tensor<f64>
}

func.func @main(%w: tensor<f64>, %one: tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>) {
  %y, %dw = diptych.vjp @power(%w, %one) cotangents(%one) wrt [0]
      : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  %limit = diptych.constant dense<10.0> : tensor<f64>
  %s = diptych.while consts(%limit, %w) carry(%one) : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%m: tensor<f64>, %v: tensor<f64>, %c: tensor<f64>):
    %p = diptych.lt %c, %m : tensor<f64>, tensor<f64> -> tensor<i1>
    diptych.yield %p : tensor<i1>
  } do {
  ^bb0(%m: tensor<f64>, %v: tensor<f64>, %c: tensor<f64>):
    %d = diptych.mul %c, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %d : tensor<f64>
  }
  %less = diptych.lt %w, %one : tensor<f64>, tensor<f64> -> tensor<i1>
  %r = diptych.cond %less(%w) : (tensor<i1>, tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>):
    %n = diptych.neg %a : tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  }
  return %y, %dw, %s, %r : tensor<f64>, tensor<f64>, tensor<f64>, tensor<f64>
}
