// Products: register tiles of explicit fmas, in either numerics; views read where they lie.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels=vector-bytes=32 | FileCheck %s --check-prefix=AVX2
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels=contract=true | FileCheck %s --check-prefix=PARTS
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels="contract=true splits-vectors=true" | FileCheck %s --check-prefix=SPLIT

// 12 rows by 2 vectors with AVX-512, 4 by 2 with AVX2.
// CHECK-LABEL: func.func @product_0
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xf64>
// CHECK-COUNT-24: math.fma {{.*}} : vector<8xf64>
// CHECK: scf.yield
// AVX2-LABEL: func.func @product_0
// AVX2-COUNT-2: llvm.load {{.*}} -> vector<4xf64>
// AVX2-COUNT-8: math.fma {{.*}} : vector<4xf64>
// AVX2: scf.yield
func.func @product(%x: tensor<48x64xf64>, %y: tensor<64x32xf64>) -> tensor<48x32xf64> {
  %p = diptych.matmul %x, %y : tensor<48x64xf64>, tensor<64x32xf64> -> tensor<48x32xf64>
  return %p : tensor<48x32xf64>
}

// A transposed right side is read along k, turned in registers and kept for all tiles of its columns.
// CHECK-LABEL: func.func @transposed_0
// CHECK: llvm.alloca
// CHECK-NOT: masked.gather
// CHECK: vector.shuffle {{.*}} [0, 1, 4, 5, 8, 9, 12, 13]
// CHECK: vector.shuffle {{.*}} [0, 8, 2, 10, 4, 12, 6, 14]
// CHECK: llvm.store
// CHECK: math.fma
// CHECK-NOT: @transposed_1
func.func @transposed(%x: tensor<48x64xf64>, %y: tensor<32x64xf64>) -> tensor<48x32xf64> {
  %t = diptych.transpose %y {axes = array<i64: 1, 0>} : tensor<32x64xf64> -> tensor<64x32xf64>
  %p = diptych.matmul %x, %t : tensor<48x64xf64>, tensor<64x32xf64> -> tensor<48x32xf64>
  return %p : tensor<48x32xf64>
}

// For few rows it is turned where it is read.
// CHECK-LABEL: func.func @few_0
// CHECK-NOT: llvm.alloca
// CHECK: vector.shuffle {{.*}} [0, 8, 2, 10, 4, 12, 6, 14]
// CHECK-COUNT-64: math.fma
func.func @few(%x: tensor<8x64xf64>, %y: tensor<32x64xf64>) -> tensor<8x32xf64> {
  %t = diptych.transpose %y {axes = array<i64: 1, 0>} : tensor<32x64xf64> -> tensor<64x32xf64>
  %p = diptych.matmul %x, %t : tensor<8x64xf64>, tensor<64x32xf64> -> tensor<8x32xf64>
  return %p : tensor<8x32xf64>
}

// A matrix times few columns runs its vectors along its rows; what it has of a row is stored at once.
// CHECK-LABEL: func.func @narrow_0
// CHECK-COUNT-24: math.fma {{.*}} : vector<8xf64>
// CHECK: masked.store
// CHECK-NOT: masked.scatter
func.func @narrow(%x: tensor<96x64xf64>, %y: tensor<64x3xf64>) -> tensor<96x3xf64> {
  %p = diptych.matmul %x, %y : tensor<96x64xf64>, tensor<64x3xf64> -> tensor<96x3xf64>
  return %p : tensor<96x3xf64>
}

// Depth goes in blocks of 1024, whose totals are added in order.
// CHECK-LABEL: func.func @deep_0
// CHECK-DAG: arith.constant 1024 : i64
// CHECK: math.fma
// CHECK: arith.addf {{.*}} : vector<8xf64>
// CHECK: llvm.store
func.func @deep(%x: tensor<12x3000xf64>, %y: tensor<3000x16xf64>) -> tensor<12x16xf64> {
  %p = diptych.matmul %x, %y : tensor<12x3000xf64>, tensor<3000x16xf64> -> tensor<12x16xf64>
  return %p : tensor<12x16xf64>
}

// Equal products share a kernel.
// CHECK-LABEL: func.func @twice_0
// CHECK-NOT: @twice_1
func.func @twice(%x: tensor<16x16xf64>) -> tensor<16x16xf64> {
  %a = diptych.matmul %x, %x : tensor<16x16xf64>, tensor<16x16xf64> -> tensor<16x16xf64>
  %b = diptych.matmul %a, %a : tensor<16x16xf64>, tensor<16x16xf64> -> tensor<16x16xf64>
  %c = diptych.matmul %b, %b : tensor<16x16xf64>, tensor<16x16xf64> -> tensor<16x16xf64>
  return %c : tensor<16x16xf64>
}

// The right side is computed where it is read, once for each tile of rows: no kernel, no array.
// CHECK-LABEL: func.func @computed_0
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-2: arith.mulf {{.*}} : vector<8xf64>
// CHECK-COUNT-24: math.fma {{.*}} : vector<8xf64>
// CHECK-NOT: @computed_1
func.func @computed(%x: tensor<48x600xf64>, %y: tensor<600x64xf64>, %a: tensor<600xf64>) -> tensor<48x64xf64> {
  %w = diptych.broadcast %a {axes = array<i64: 0>} : tensor<600xf64> -> tensor<600x64xf64>
  %v = diptych.mul %w, %y : tensor<600x64xf64>, tensor<600x64xf64> -> tensor<600x64xf64>
  %p = diptych.matmul %x, %v : tensor<48x600xf64>, tensor<600x64xf64> -> tensor<48x64xf64>
  return %p : tensor<48x64xf64>
}

// What costs more than a load is computed once, by a kernel of its own.
// CHECK-LABEL: func.func @costly_0
// CHECK-LABEL: func.func @costly_1
func.func @costly(%x: tensor<48x600xf64>, %y: tensor<600x64xf64>) -> tensor<48x64xf64> {
  %v = diptych.exp %y : tensor<600x64xf64> -> tensor<600x64xf64>
  %p = diptych.matmul %x, %v : tensor<48x600xf64>, tensor<600x64xf64> -> tensor<48x64xf64>
  return %p : tensor<48x64xf64>
}

// X'X: a tile of rows ends at the diagonal; blocks are added, then one half is copied to the other.
// CHECK-LABEL: func.func @gram_0
// CHECK: arith.divsi
// CHECK: math.fma
// CHECK-LABEL: func.func @gram_1
// CHECK-LABEL: func.func @gram_2
// CHECK: arith.select
func.func @gram(%x: tensor<9000x40xf64>) -> tensor<40x40xf64> {
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<9000x40xf64> -> tensor<40x9000xf64>
  %p = diptych.matmul %t, %x : tensor<40x9000xf64>, tensor<9000x40xf64> -> tensor<40x40xf64>
  return %p : tensor<40x40xf64>
}

// One row by rows along k, from memory: a line of each of 8 rows at a time, those of later tiles on their way to the second cache.
// CHECK-LABEL: func.func @ahead_0
// CHECK: scf.for {{.*}} iter_args({{[^,]*}}) -> (vector<8xf64>)
// CHECK-COUNT-8: llvm.intr.prefetch{{.*}}hint = 2
// CHECK-COUNT-8: math.fma {{.*}} : vector<8xf64>
// CHECK: scf.yield
func.func @ahead(%x: tensor<6000x504xf64>, %v: tensor<504x1xf64>) -> tensor<6000x1xf64> {
  %p = diptych.matmul %x, %v : tensor<6000x504xf64>, tensor<504x1xf64> -> tensor<6000x1xf64>
  return %p : tensor<6000x1xf64>
}

// From a cache two vectors of rows, which come by themselves.
// CHECK-LABEL: func.func @near_0
// CHECK: scf.for {{.*}} -> (vector<8xf64>, vector<8xf64>)
// CHECK-NOT: prefetch
// CHECK-COUNT-16: math.fma {{.*}} : vector<8xf64>
// CHECK: scf.yield
func.func @near(%x: tensor<600x504xf64>, %v: tensor<504x1xf64>) -> tensor<600x1xf64> {
  %p = diptych.matmul %x, %v : tensor<600x504xf64>, tensor<504x1xf64> -> tensor<600x1xf64>
  return %p : tensor<600x1xf64>
}

// A vector by a tall matrix: registers hold the sums of a row, which is read from end to end.
// CHECK-LABEL: func.func @tall_0
// CHECK: scf.for {{.*}} -> (vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>, vector<8xf64>)
// CHECK-COUNT-10: math.fma {{.*}} : vector<8xf64>
// CHECK: scf.yield
func.func @tall(%v: tensor<1x20000xf64>, %x: tensor<20000x80xf64>) -> tensor<1x80xf64> {
  %p = diptych.matmul %v, %x : tensor<1x20000xf64>, tensor<20000x80xf64> -> tensor<1x80xf64>
  return %p : tensor<1x80xf64>
}

// Rows that have to be turned: two vectors of them share what is loaded of the left operand; one at a time where that is loaded with the product.
// CHECK-LABEL: func.func @turned_0
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-128: math.fma {{.*}} : vector<8xf64>
// CHECK-NEXT: scf.yield
// SPLIT-LABEL: func.func @turned_0
// SPLIT: scf.for {{.*}} iter_args
// SPLIT-COUNT-64: math.fma {{.*}} : vector<8xf64>
// SPLIT-NEXT: scf.yield
func.func @turned(%x: tensor<8x200xf64>, %y: tensor<200x200xf64>) -> tensor<8x200xf64> {
  %t = diptych.transpose %y {axes = array<i64: 1, 0>} : tensor<200x200xf64> -> tensor<200x200xf64>
  %p = diptych.matmul %x, %t : tensor<8x200xf64>, tensor<200x200xf64> -> tensor<8x200xf64>
  return %p : tensor<8x200xf64>
}

// One row in partial sums: what the last cache sends is asked for in front, but not where that takes the place of a load.
// PARTS-LABEL: func.func @held_0
// PARTS: llvm.intr.prefetch
// SPLIT-LABEL: func.func @held_0
// SPLIT-NOT: prefetch
func.func @held(%x: tensor<20000x40xf64>, %v: tensor<40x1xf64>) -> tensor<20000x1xf64> {
  %p = diptych.matmul %x, %v : tensor<20000x40xf64>, tensor<40x1xf64> -> tensor<20000x1xf64>
  return %p : tensor<20000x1xf64>
}

// Long rows side by side, from memory: each asks for a row that comes next. From a cache they come by themselves.
// PARTS-LABEL: func.func @long_0
// PARTS-COUNT-8: llvm.intr.prefetch{{.*}}hint = 2
// SPLIT-LABEL: func.func @long_0
// SPLIT-COUNT-16: llvm.intr.prefetch{{.*}}hint = 2
func.func @long(%x: tensor<2048x2048xf64>, %v: tensor<2048x1xf64>) -> tensor<2048x1xf64> {
  %p = diptych.matmul %x, %v : tensor<2048x2048xf64>, tensor<2048x1xf64> -> tensor<2048x1xf64>
  return %p : tensor<2048x1xf64>
}
// PARTS-LABEL: func.func @long_near_0
// PARTS-NOT: prefetch
// SPLIT-LABEL: func.func @long_near_0
// SPLIT-NOT: prefetch
func.func @long_near(%x: tensor<400x2048xf64>, %v: tensor<2048x1xf64>) -> tensor<400x1xf64> {
  %p = diptych.matmul %x, %v : tensor<400x2048xf64>, tensor<2048x1xf64> -> tensor<400x1xf64>
  return %p : tensor<400x1xf64>
}
