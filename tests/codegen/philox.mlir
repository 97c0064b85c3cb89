// Random bits are integer arithmetic on vectors: they join the kernel that uses them, and nothing is stored between.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s

// A dropout mask, from a key to the masked numbers: one kernel, ten rounds of two products.
// CHECK-LABEL: func.func @mask_0
// CHECK: scf.for
// CHECK-COUNT-20: arith.muli {{.*}} : vector<16xi64>
// CHECK-NOT: arith.muli {{.*}} : vector<16xi64>
// CHECK: arith.shrui {{.*}} : vector<16xi64>
// CHECK: arith.sitofp
// CHECK: arith.cmpf oge
// CHECK: arith.select
// CHECK: llvm.store {{.*}} : vector<16xf64>
// CHECK-NOT: func.func
func.func @mask(%x: tensor<160xf64>, %key: tensor<i64>) -> tensor<160xf64> {
  %zero = diptych.constant dense<0> : tensor<160xi64>
  %eleven = diptych.constant dense<11> : tensor<160xi64>
  %half = diptych.constant dense<4503599627370496.0> : tensor<160xf64>
  %nothing = diptych.constant dense<0.0> : tensor<160xf64>
  %k = diptych.broadcast %key {axes = array<i64>} : tensor<i64> -> tensor<160xi64>
  %i = diptych.iota {axis = 0 : i64} : tensor<160xi64>
  %b = diptych.philox %k, %i, %zero : tensor<160xi64>, tensor<160xi64>, tensor<160xi64> -> tensor<160xi64>
  %s = diptych.shift_right %b, %eleven : tensor<160xi64>, tensor<160xi64> -> tensor<160xi64>
  %f = diptych.convert %s : tensor<160xi64> -> tensor<160xf64>
  %c = diptych.ge %f, %half : tensor<160xf64>, tensor<160xf64> -> tensor<160xi1>
  %y = diptych.where %c, %x, %nothing : tensor<160xi1>, tensor<160xf64>, tensor<160xf64> -> tensor<160xf64>
  return %y : tensor<160xf64>
}
