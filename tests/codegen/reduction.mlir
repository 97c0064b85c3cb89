// Reductions in the canonical order: 16 partials, a tree, blocks of 4096; never contracted.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels=contract=true | FileCheck %s --check-prefix=CONTRACT

// Along a row the partials are the lanes of one vector; a tail is masked with the identity.
// CHECK-LABEL: func.func @rows_0
// CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args
// CHECK: llvm.load {{.*}} -> vector<16xf64>
// CHECK: arith.addf {{.*}} : vector<16xf64>
// CHECK: arith.select
// CHECK: vector.shuffle {{.*}} [0, 1, 2, 3, 4, 5, 6, 7]
// CHECK: vector.shuffle {{.*}} [8, 9, 10, 11, 12, 13, 14, 15]
// CHECK: vector.extract
// CHECK: llvm.store {{.*}} : f64
func.func @rows(%x: tensor<50x100xf64>) -> tensor<50xf64> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<50x100xf64> -> tensor<50xf64>
  return %s : tensor<50xf64>
}

// Across columns they are 16 vectors; few rows stay in registers.
// CHECK-LABEL: func.func @few_columns_0
// CHECK-NOT: llvm.alloca
// CHECK-COUNT-3: llvm.load {{.*}} -> vector<{{[0-9]+}}xf64>
// CHECK: llvm.store
func.func @few_columns(%x: tensor<3x100xf64>) -> tensor<100xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<3x100xf64> -> tensor<100xf64>
  return %s : tensor<100xf64>
}

// CHECK-LABEL: func.func @many_columns_0
// CHECK: llvm.alloca
// CHECK: scf.for
// CHECK: arith.andi
func.func @many_columns(%x: tensor<300x100xf64>) -> tensor<100xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<300x100xf64> -> tensor<100xf64>
  return %s : tensor<100xf64>
}

// Blocks of 4096 have totals of their own.
// CHECK-LABEL: func.func @blocks_0
// CHECK-DAG: arith.constant 4096 : i64
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK: arith.addf {{.*}} : f64
func.func @blocks(%x: tensor<10000xf64>) -> tensor<f64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<10000xf64> -> tensor<f64>
  return %s : tensor<f64>
}

// What is summed may contract; the sum itself never does.
// CONTRACT-LABEL: func.func @sum_of_products_0
// CONTRACT: arith.mulf {{.*}} fastmath<contract> : vector<16xf64>
// CONTRACT: arith.addf %{{[^ ]*}}, %{{[^ ]*}} : vector<16xf64>
// CONTRACT-NOT: arith.addf {{.*}}fastmath
func.func @sum_of_products(%x: tensor<50x100xf64>, %y: tensor<50x100xf64>) -> tensor<50xf64> {
  %p = diptych.mul %x, %y : tensor<50x100xf64>, tensor<50x100xf64> -> tensor<50x100xf64>
  %s = diptych.sum %p {axes = array<i64: 1>} : tensor<50x100xf64> -> tensor<50xf64>
  return %s : tensor<50xf64>
}

// Few columns: 16 rows to a turn, a register for each; memory holds partials only for what is left.
// CHECK-LABEL: func.func @eight_columns_0
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: llvm.store
// CHECK-COUNT-16: arith.addf {{.*}} : vector<8xf64>
// CHECK: scf.yield
func.func @eight_columns(%x: tensor<100x8xf64>) -> tensor<8xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<100x8xf64> -> tensor<8xf64>
  return %s : tensor<8xf64>
}

// Rows of five: eight rows are the lanes.
// CHECK-LABEL: func.func @ragged_rows_0
// CHECK: llvm.intr.masked.gather {{.*}} vector<{{[0-9]+}}xf64>
// CHECK-NOT: vector.shuffle
// CHECK: return
func.func @ragged_rows(%x: tensor<100x5xf64>) -> tensor<100xf64> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<100x5xf64> -> tensor<100xf64>
  return %s : tensor<100xf64>
}

// Numbers of a row, however many, do not make its vectors run across rows.
// CHECK-LABEL: func.func @numbers_of_rows_0
// CHECK-NOT: gather
// CHECK: llvm.load {{.*}} -> vector<16xf64>
// CHECK: vector.shuffle
// CHECK-NOT: gather
// CHECK: return
func.func @numbers_of_rows(%x: tensor<50x100xf64>, %m: tensor<50xf64>, %s: tensor<50xf64>) -> tensor<50xf64> {
  %mean = diptych.broadcast %m {axes = array<i64: 0>} : tensor<50xf64> -> tensor<50x100xf64>
  %scale = diptych.broadcast %s {axes = array<i64: 0>} : tensor<50xf64> -> tensor<50x100xf64>
  %d = diptych.sub %x, %mean : tensor<50x100xf64>, tensor<50x100xf64> -> tensor<50x100xf64>
  %p = diptych.mul %d, %scale : tensor<50x100xf64>, tensor<50x100xf64> -> tensor<50x100xf64>
  %t = diptych.sum %p {axes = array<i64: 1>} : tensor<50x100xf64> -> tensor<50xf64>
  return %t : tensor<50xf64>
}

// Columns in memory are read by 8 rows side by side, and each asks for a row that comes later, in whole vectors and in what is left: not what caches hold.
// CHECK-LABEL: func.func @far_columns_0
// CHECK-COUNT-16: llvm.intr.prefetch{{.*}}hint = 2
// CHECK-NOT: prefetch
// CHECK-LABEL: func.func @near_columns_0
// CHECK-NOT: prefetch
// CHECK-LABEL: func.func @light_rows_0
func.func @far_columns(%x: tensor<6000x500xf64>) -> tensor<500xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<6000x500xf64> -> tensor<500xf64>
  return %s : tensor<500xf64>
}
func.func @near_columns(%x: tensor<1000x300xf64>) -> tensor<300xf64> {
  %s = diptych.sum %x {axes = array<i64: 0>} : tensor<1000x300xf64> -> tensor<300xf64>
  return %s : tensor<300xf64>
}

// A light body along a row takes four steps in a turn.
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-4: arith.addf {{.*}} : vector<16xf32>
// CHECK: scf.yield
func.func @light_rows(%x: tensor<50x1000xf32>) -> tensor<50xf32> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<50x1000xf32> -> tensor<50xf32>
  return %s : tensor<50xf32>
}
