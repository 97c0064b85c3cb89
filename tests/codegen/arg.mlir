// Positions of extrema: rows in chunks, several together; columns in tiles.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s

// Lanes keep their extremum and its chunk; nothing is masked, since the last chunk begins earlier.
// What lanes of eight rows found is folded together, and the place is a bit of the chunk that has it.
// CHECK-LABEL: func.func @rows_0
// CHECK-NOT: llvm.intr.masked.load
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.cmpf ogt
// CHECK: arith.cmpf uno
// CHECK: vector.shuffle
// CHECK: math.cttz
// CHECK: llvm.store {{.*}} : i64
func.func @rows(%x: tensor<50x300xf64>) -> tensor<50xi64> {
  %p = diptych.argmax %x {axis = 1 : i64} : tensor<50x300xf64> -> tensor<50xi64>
  return %p : tensor<50xi64>
}

// A row of one chunk has one body. Integers have no NaN.
// CHECK-LABEL: func.func @short_rows_0
// CHECK-NOT: llvm.intr.masked.load
// CHECK-NOT: arith.minsi {{.*}} : vector
// CHECK-NOT: arith.cmpf
// CHECK: math.cttz
func.func @short_rows(%x: tensor<50x11xi64>) -> tensor<50xi64> {
  %p = diptych.argmin %x {axis = 1 : i64} : tensor<50x11xi64> -> tensor<50xi64>
  return %p : tensor<50xi64>
}

// Shorter than a vector, it is under a mask and filled with its first element.
// CHECK-LABEL: func.func @shorter_rows_0
// CHECK: llvm.intr.masked.load {{.*}} -> vector<4xf64>
// CHECK: arith.select
func.func @shorter_rows(%x: tensor<50x3xf64>) -> tensor<50xi64> {
  %p = diptych.argmax %x {axis = 1 : i64} : tensor<50x3xf64> -> tensor<50xi64>
  return %p : tensor<50xi64>
}

// Of four rows of columns the extremum; places only where it is better.
// CHECK-LABEL: func.func @columns_0
// CHECK: llvm.alloca
// CHECK: arith.cmpf ogt
// CHECK: vector.reduction <or>
// CHECK: scf.if
// CHECK: arith.cmpf oeq
func.func @columns(%x: tensor<50x300xf64>) -> tensor<300xi64> {
  %p = diptych.argmax %x {axis = 0 : i64} : tensor<50x300xf64> -> tensor<300xi64>
  return %p : tensor<300xi64>
}
