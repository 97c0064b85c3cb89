// Loops and branches parse, verify and print back the same.
// RUN: diptych-opt %s | diptych-opt | FileCheck %s
// RUN: diptych-opt %s --mlir-print-op-generic | diptych-opt | FileCheck %s

// CHECK-LABEL: @scan
// CHECK: diptych.scan consts(%{{.*}}) carry(%{{.*}}) xs(%{{.*}}) length 5 : (tensor<f64>, tensor<f64>, tensor<5xf64>) -> (tensor<f64>, tensor<5xf64>) {
// CHECK-NEXT: ^bb0(%[[W:.*]]: tensor<f64>, %[[C:.*]]: tensor<f64>, %[[X:.*]]: tensor<f64>):
// CHECK-NEXT: %[[P:.*]] = diptych.mul %[[C]], %[[W]]
// CHECK-NEXT: %[[N:.*]] = diptych.add %[[P]], %[[X]]
// CHECK-NEXT: diptych.yield %[[N]], %[[P]] : tensor<f64>, tensor<f64>
func.func @scan(%w: tensor<f64>, %c0: tensor<f64>, %xs: tensor<5xf64>) -> (tensor<f64>, tensor<5xf64>) {
  %r:2 = diptych.scan consts(%w) carry(%c0) xs(%xs) length 5
      : (tensor<f64>, tensor<f64>, tensor<5xf64>) -> (tensor<f64>, tensor<5xf64>) {
  ^bb0(%v: tensor<f64>, %c: tensor<f64>, %x: tensor<f64>):
    %p = diptych.mul %c, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    %n = diptych.add %p, %x : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %n, %p : tensor<f64>, tensor<f64>
  }
  return %r#0, %r#1 : tensor<f64>, tensor<5xf64>
}

// CHECK-LABEL: @reversed_and_kept
// CHECK: diptych.scan consts() carry(%{{.*}}) xs() length 0 reverse kept 1 :
func.func @reversed_and_kept(%c0: tensor<2xf64>) -> tensor<0x2xf64> {
  %r:2 = diptych.scan consts() carry(%c0) xs() length 0 reverse kept 1
      : (tensor<2xf64>) -> (tensor<2xf64>, tensor<0x2xf64>) {
  ^bb0(%c: tensor<2xf64>):
    %n = diptych.neg %c : tensor<2xf64> -> tensor<2xf64>
    diptych.yield %n, %c : tensor<2xf64>, tensor<2xf64>
  }
  return %r#1 : tensor<0x2xf64>
}

// CHECK-LABEL: @while
// CHECK: diptych.while consts(%{{.*}}) carry(%{{.*}}) max_steps 9 : (tensor<f64>, tensor<f64>) -> tensor<f64> {
// CHECK: diptych.yield %{{.*}} : tensor<i1>
// CHECK-NEXT: } do {
func.func @while(%n: tensor<f64>, %c0: tensor<f64>) -> tensor<f64> {
  %r = diptych.while consts(%n) carry(%c0) max_steps 9 : (tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%m: tensor<f64>, %c: tensor<f64>):
    %p = diptych.lt %c, %m : tensor<f64>, tensor<f64> -> tensor<i1>
    diptych.yield %p : tensor<i1>
  } do {
  ^bb0(%m: tensor<f64>, %c: tensor<f64>):
    %d = diptych.add %c, %c : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %d : tensor<f64>
  }
  return %r : tensor<f64>
}

// CHECK-LABEL: @cond
// CHECK: diptych.cond %{{.*}}(%{{.*}}) : (tensor<i1>, tensor<f64>) -> tensor<f64> {
// CHECK: } else {
func.func @cond(%p: tensor<i1>, %x: tensor<f64>) -> tensor<f64> {
  %r = diptych.cond %p(%x) : (tensor<i1>, tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>):
    %n = diptych.neg %a : tensor<f64> -> tensor<f64>
    diptych.yield %n : tensor<f64>
  }
  return %r : tensor<f64>
}
