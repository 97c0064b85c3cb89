// Routines of a solver library take finite f64 stacks; what makes their results ours is fused.
// RUN: diptych-opt %s --diptych-call-solvers | FileCheck %s
// RUN: diptych-opt %s --diptych-call-solvers --diptych-simplify=numerics=standard --diptych-form-fusions | FileCheck %s --check-prefix=FUSED

// f32 is computed in f64 and rounded once; the error will name matrices of f32.
// CHECK-LABEL: @cholesky
// CHECK: %[[W:.*]] = diptych.convert {{.*}} : tensor<2x3x3xf32> -> tensor<2x3x3xf64>
// CHECK: %[[F:.*]] = diptych.le {{.*}} -> tensor<2xi1>
// CHECK: %[[L:.*]]:2 = diptych.solver "cholesky"(%{{.*}}) checked tensor<2x3x3xf32> : (tensor<2x3x3xf64>) -> (tensor<2x3x3xf64>, tensor<2xi32>)
// CHECK: %[[G:.*]] = diptych.logical_and %[[F]]
// CHECK: diptych.convert {{.*}} : tensor<2x3x3xf64> -> tensor<2x3x3xf32>
// One fold before, and one kernel on each side.
// FUSED-LABEL: @cholesky
// FUSED-COUNT-2: diptych.fusion
// FUSED: diptych.fusion "pointwise"
// FUSED: diptych.solver "cholesky"
// FUSED: diptych.fusion "pointwise"
// FUSED-NOT: diptych.fusion
// FUSED: return
func.func @cholesky(%x: tensor<2x3x3xf32>) -> tensor<2x3x3xf32> {
  %l = diptych.cholesky %x {check = true} : tensor<2x3x3xf32> -> tensor<2x3x3xf32>
  return %l : tensor<2x3x3xf32>
}

// The library goes down columns: B goes there turned, and comes back turned.
// CHECK-LABEL: @solve
// CHECK: %[[B:.*]] = diptych.transpose
// CHECK: %[[X:.*]]:2 = diptych.solver "solve"(%{{.*}}, %[[B]]) transposed : (tensor<1x3x3xf64>, tensor<1x2x3xf64>)
// CHECK: diptych.transpose %[[X]]#0
func.func @solve(%a: tensor<3x3xf64>, %b: tensor<3x2xf64>) -> tensor<3x2xf64> {
  %x = diptych.solve %a, %b {check = false, transposed = true} : tensor<3x3xf64>, tensor<3x2xf64> -> tensor<3x2xf64>
  return %x : tensor<3x2xf64>
}

// Who wants the eigenvalues alone gets no vectors: one kernel of a row of numbers.
// FUSED-LABEL: @values
// FUSED: %[[E:.*]]:3 = diptych.solver "eigh"
// FUSED-NEXT: %[[R:.*]] = diptych.fusion "pointwise" ({{.*}}%[[E]]#1
// FUSED-NOT: diptych.{{fusion|concatenate}}
// FUSED: return
func.func @values(%x: tensor<2x5x5xf64>) -> tensor<2x1x5xf64> {
  %y = diptych.eigh %x : tensor<2x5x5xf64> -> tensor<2x6x5xf64>
  %s = diptych.slice %y {starts = array<i64: 0, 5, 0>, limits = array<i64: 2, 6, 5>, strides = array<i64: 1, 1, 1>}
      : tensor<2x6x5xf64> -> tensor<2x1x5xf64>
  return %s : tensor<2x1x5xf64>
}

// Of a loop's body too.
// CHECK-LABEL: @loop
// CHECK: diptych.scan
// CHECK: diptych.solver "eigh"
// CHECK-NOT: diptych.eigh
func.func @loop(%c0: tensor<3x3xf64>, %xs: tensor<5x3x3xf64>) -> tensor<5x4x3xf64> {
  %c, %ys = diptych.scan consts() carry(%c0) xs(%xs) length 5
      : (tensor<3x3xf64>, tensor<5x3x3xf64>) -> (tensor<3x3xf64>, tensor<5x4x3xf64>) {
  ^bb0(%c: tensor<3x3xf64>, %x: tensor<3x3xf64>):
    %y = diptych.eigh %x : tensor<3x3xf64> -> tensor<4x3xf64>
    diptych.yield %c, %y : tensor<3x3xf64>, tensor<4x3xf64>
  }
  return %ys : tensor<5x4x3xf64>
}

// One matrix at a time, 17 are left to the host's threads; so is what has no elements.
// CHECK-LABEL: @stay
// CHECK-NOT: diptych.solver
// CHECK: diptych.svd
// CHECK: diptych.det
func.func @stay(%x: tensor<17x4x3xf64>, %y: tensor<0x0xf64>) -> (tensor<17x8x3xf64>, tensor<f64>) {
  %s = diptych.svd %x : tensor<17x4x3xf64> -> tensor<17x8x3xf64>
  %d = diptych.det %y {regular = false} : tensor<0x0xf64> -> tensor<f64>
  return %s, %d : tensor<17x8x3xf64>, tensor<f64>
}
