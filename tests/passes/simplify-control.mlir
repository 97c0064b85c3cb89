// Loops lose what nobody reads, hand costly work on consts to their surroundings, and take in what
// is the same for every step.
// RUN: diptych-opt %s --diptych-simplify | FileCheck %s

// The second carry keeps only itself going; nobody reads ys.
// CHECK-LABEL: @drops_what_nobody_reads
// CHECK: diptych.scan consts() carry(%{{[a-z0-9]+}}) xs() length 4 : (tensor<f64>) -> tensor<f64>
// CHECK: diptych.neg
// CHECK-NEXT: diptych.yield
func.func @drops_what_nobody_reads(%a: tensor<f64>, %b: tensor<f64>, %w: tensor<f64>) -> tensor<f64> {
  %r:3 = diptych.scan consts(%w) carry(%a, %b) xs() length 4
      : (tensor<f64>, tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<4xf64>) {
  ^bb0(%v: tensor<f64>, %c: tensor<f64>, %d: tensor<f64>):
    %n = diptych.neg %c : tensor<f64> -> tensor<f64>
    %e = diptych.mul %d, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n, %e, %e : tensor<f64>, tensor<f64>, tensor<f64>
  }
  return %r#0 : tensor<f64>
}

// CHECK-LABEL: @moves_costly_work_out
// CHECK-SAME: (%[[W:[a-z0-9]+]]: tensor<3x3xf64>
// CHECK: %[[E:.*]] = diptych.exp %[[W]]
// CHECK: diptych.scan consts(%[[E]])
// CHECK-NOT: diptych.exp
// CHECK: return
func.func @moves_costly_work_out(%w: tensor<3x3xf64>, %a: tensor<3x3xf64>) -> tensor<3x3xf64> {
  %r = diptych.scan consts(%w) carry(%a) xs() length 4 : (tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64> {
  ^bb0(%v: tensor<3x3xf64>, %c: tensor<3x3xf64>):
    %e = diptych.exp %v : tensor<3x3xf64> -> tensor<3x3xf64>
    %n = diptych.matmul %e, %c : tensor<3x3xf64>, tensor<3x3xf64> -> tensor<3x3xf64>
    diptych.yield %n : tensor<3x3xf64>
  }
  return %r : tensor<3x3xf64>
}

// CHECK-LABEL: @takes_in_what_is_repeated
// CHECK-SAME: (%[[A:[a-z0-9]+]]: tensor<f64>, %[[S:[a-z0-9]+]]: tensor<f64>)
// CHECK-NEXT: diptych.scan consts(%[[S]]) carry(%[[A]]) xs() length 4
// CHECK: diptych.constant dense<2.0
func.func @takes_in_what_is_repeated(%a: tensor<f64>, %s: tensor<f64>) -> tensor<f64> {
  %twos = diptych.constant dense<2.0> : tensor<4xf64>
  %many = diptych.broadcast %s {axes = array<i64>} : tensor<f64> -> tensor<4xf64>
  %r = diptych.scan consts() carry(%a) xs(%twos, %many) length 4
      : (tensor<f64>, tensor<4xf64>, tensor<4xf64>) -> tensor<f64> {
  ^bb0(%c: tensor<f64>, %x: tensor<f64>, %y: tensor<f64>):
    %m = diptych.mul %c, %x : tensor<f64>, tensor<f64> -> tensor<f64>
    %n = diptych.add %m, %y : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  }
  return %r : tensor<f64>
}

// A bad index would be found though the loop takes no step.
// CHECK-LABEL: @leaves_gather_where_it_is
// CHECK: diptych.scan
// CHECK: diptych.gather
func.func @leaves_gather_where_it_is(%w: tensor<3xf64>, %i: tensor<2xi64>, %a: tensor<2xf64>) -> tensor<2xf64> {
  %r = diptych.scan consts(%w, %i) carry(%a) xs() length 0 : (tensor<3xf64>, tensor<2xi64>, tensor<2xf64>) -> tensor<2xf64> {
  ^bb0(%v: tensor<3xf64>, %j: tensor<2xi64>, %c: tensor<2xf64>):
    %g = diptych.gather %v, %j {axis = 0 : i64} : tensor<3xf64>, tensor<2xi64> -> tensor<2xf64>
    %n = diptych.add %g, %c : tensor<2xf64>, tensor<2xf64> -> tensor<2xf64>
    diptych.yield %n : tensor<2xf64>
  }
  return %r : tensor<2xf64>
}

// CHECK-LABEL: @a_carry_that_never_changes_is_a_const
// CHECK-SAME: (%[[A:[a-z0-9]+]]: tensor<f64>, %[[B:[a-z0-9]+]]: tensor<f64>)
// CHECK-NEXT: %[[R:.*]] = diptych.scan consts(%[[B]]) carry(%[[A]])
// CHECK: return %[[R]], %[[B]]
func.func @a_carry_that_never_changes_is_a_const(%a: tensor<f64>, %b: tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  %r:2 = diptych.scan consts() carry(%a, %b) xs() length 4 : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>) {
  ^bb0(%c: tensor<f64>, %d: tensor<f64>):
    %n = diptych.mul %c, %d : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n, %d : tensor<f64>, tensor<f64>
  }
  return %r#0, %r#1 : tensor<f64>, tensor<f64>
}
