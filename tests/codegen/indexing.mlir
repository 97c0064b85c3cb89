// Gathers and scatters check every index and report the first bad one through their status.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s

// CHECK-LABEL: func.func @rows_0
// CHECK: arith.cmpi ult
// CHECK: scf.if
// CHECK: llvm.store
func.func @rows(%x: tensor<10x4xf64>, %i: tensor<3xi64>) -> tensor<3x4xf64> {
  %g = diptych.gather %x, %i {axis = 0 : i64} : tensor<10x4xf64>, tensor<3xi64> -> tensor<3x4xf64>
  return %g : tensor<3x4xf64>
}

// i32 indices are widened first, by a kernel of its own.
// CHECK-LABEL: func.func @narrow_0
// CHECK: arith.extsi
// CHECK-LABEL: func.func @narrow_1
// CHECK: arith.cmpi ult
func.func @narrow(%x: tensor<10x4xf64>, %i: tensor<3xi32>) -> tensor<3x4xf64> {
  %g = diptych.gather %x, %i {axis = 0 : i64} : tensor<10x4xf64>, tensor<3xi32> -> tensor<3x4xf64>
  return %g : tensor<3x4xf64>
}
