// Convolutions: register tiles of explicit fmas over the loops of the kernel; who is broadcast and
// who is a vector follows from the strides.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s

// The kernel is packed into panels of outputs. Rows of the image are vectors, the kernel is
// broadcast: 11 rows of outputs (then 10) by 2 vectors,
// the innermost loop of 3 written out.
// CHECK-LABEL: func.func @rows_0
// CHECK-NOT: math.fma
// CHECK-LABEL: func.func @rows_2
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xf64>
// CHECK-COUNT-22: math.fma {{.*}} : vector<8xf64>
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xf64>
// CHECK-COUNT-22: math.fma {{.*}} : vector<8xf64>
// CHECK-NOT: masked.scatter
// CHECK-NOT: func.func @rows_3
func.func @rows(%x: tensor<2x1x5x18x18xf64>, %w: tensor<1x32x5x3x3xf64>) -> tensor<2x1x32x16x16xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x1x5x18x18xf64>, tensor<1x32x5x3x3xf64> -> tensor<2x1x32x16x16xf64>
  return %y : tensor<2x1x32x16x16xf64>
}

// Zeros around the image are not in memory: masks that stand before the loops, and the loop over the
// kernel's rows cut where the image begins and ends. Where it is not, zeros are multiplied.
// CHECK-LABEL: func.func @padded_2
// CHECK-COUNT-2: arith.andi {{.*}} : vector<8xi1>
// CHECK-NOT: llvm.intr.masked.load
// CHECK-COUNT-22: math.fma {{.*}} : vector<8xf64>
// CHECK: llvm.intr.masked.load
// CHECK-NOT: func.func @padded_3
func.func @padded(%x: tensor<2x1x5x16x16xf64>, %w: tensor<1x32x5x3x3xf64>) -> tensor<2x1x32x16x16xf64> {
  %p = diptych.pad %x {low = array<i64: 0, 0, 0, 1, 1>, high = array<i64: 0, 0, 0, 1, 1>, interior = array<i64: 0, 0, 0, 0, 0>, value = 0.0 : f64} : tensor<2x1x5x16x16xf64> -> tensor<2x1x5x18x18xf64>
  %y = diptych.convolution %p, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x1x5x18x18xf64>, tensor<1x32x5x3x3xf64> -> tensor<2x1x32x16x16xf64>
  return %y : tensor<2x1x32x16x16xf64>
}

// One output: rows of a tile are the image's. A vector of the image is loaded once for the rows that
// read it, the one above at a later step; 12 rows of 3 vectors serve 9 steps of 10. The kernel is
// read as it lies.
// CHECK-LABEL: func.func @one_output_0
// CHECK: scf.for {{.*}} iter_args
// CHECK-NOT: iter_args
// CHECK-COUNT-72: llvm.load {{.*}} -> vector<8xf64>
// CHECK-NOT: llvm.load {{.*}} -> vector<8xf64>
// CHECK: math.fma
// CHECK-NEXT: scf.yield
// CHECK-NOT: func.func @one_output_1
func.func @one_output(%x: tensor<2x1x5x12x18xf64>, %w: tensor<1x1x5x3x3xf64>) -> tensor<2x1x1x10x16xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x1x5x12x18xf64>, tensor<1x1x5x3x3xf64> -> tensor<2x1x1x10x16xf64>
  return %y : tensor<2x1x1x10x16xf64>
}

// Short sums are written out whole, in tiles of few rows.
// CHECK-LABEL: func.func @short_1
// CHECK-NOT: iter_args
// CHECK-COUNT-72: math.fma {{.*}} : vector<8xf64>
// CHECK-NOT: math.fma
// CHECK: return
func.func @short(%x: tensor<2x1x1x18x18xf64>, %w: tensor<1x32x1x3x3xf64>) -> tensor<2x1x32x16x16xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x1x1x18x18xf64>, tensor<1x32x1x3x3xf64> -> tensor<2x1x32x16x16xf64>
  return %y : tensor<2x1x32x16x16xf64>
}

// Every second element of the image: two vectors of neighbours, and what is wanted of them.
// CHECK-LABEL: func.func @every_second_0
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xf64>
// CHECK-NEXT: vector.shuffle {{.*}} [0, 2, 4, 6, 9, 11, 13, 15]
// CHECK-NOT: func.func @every_second_1
func.func @every_second(%x: tensor<2x1x5x17x33xf64>, %w: tensor<1x1x5x3x3xf64>) -> tensor<2x1x1x8x16xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : tensor<2x1x5x17x33xf64>, tensor<1x1x5x3x3xf64> -> tensor<2x1x1x8x16xf64>
  return %y : tensor<2x1x1x8x16xf64>
}

// A row of one axis has so many vectors that their sums do not wait for each other: 8, of which 3
// steps are written out.
// CHECK-LABEL: func.func @long_row_0
// CHECK-COUNT-24: math.fma {{.*}} : vector<8xf64>
// CHECK-NOT: math.fma
// CHECK: return
func.func @long_row(%x: tensor<2x1x16x66xf64>, %w: tensor<1x1x16x3xf64>) -> tensor<2x1x1x64xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<2x1x16x66xf64>, tensor<1x1x16x3xf64> -> tensor<2x1x1x64xf64>
  return %y : tensor<2x1x1x64xf64>
}

// With long strides the image has no vectors: the kernel is packed into panels of outputs. What lies
// together in the result are rows of a tile, which is turned before it is stored.
// CHECK-LABEL: func.func @strided_0
// CHECK-NOT: math.fma
// CHECK-LABEL: func.func @strided_1
// CHECK-COUNT-16: math.fma {{.*}} : vector<8xf64>
// CHECK: vector.shuffle
// CHECK-NOT: masked.scatter
// CHECK: return
func.func @strided(%x: tensor<2x1x5x17x39xf64>, %w: tensor<1x16x5x3x3xf64>) -> tensor<2x1x16x8x8xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 2, 5>, dilations = array<i64: 1, 1>} : tensor<2x1x5x17x39xf64>, tensor<1x16x5x3x3xf64> -> tensor<2x1x16x8x8xf64>
  return %y : tensor<2x1x16x8x8xf64>
}

// Few results that are long sums: blocks are parts of their own, added in order by another kernel.
// CHECK-LABEL: func.func @gradient_0
// CHECK-LABEL: func.func @gradient_1
// CHECK: math.fma
// CHECK-LABEL: func.func @gradient_2
// CHECK-NOT: math.fma
// CHECK: arith.addf {{.*}} : vector<8xf64>
func.func @gradient(%x: tensor<1x1x64x28x28xf64>, %c: tensor<1x32x64x26x26xf64>) -> tensor<1x1x32x3x3xf64> {
  %y = diptych.convolution %x, %c {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x1x64x28x28xf64>, tensor<1x32x64x26x26xf64> -> tensor<1x1x32x3x3xf64>
  return %y : tensor<1x1x32x3x3xf64>
}

// Windows laid on the result: places of a window outside, so that they are added in their order.
// CHECK-LABEL: func.func @overlap_0
// CHECK-NOT: llvm.load {{.*}} f64
// CHECK-LABEL: func.func @overlap_1
// CHECK: arith.addf
// CHECK-NOT: func.func @overlap_2
func.func @overlap(%x: tensor<4x9x3xf64>) -> tensor<4x11xf64> {
  %y = diptych.overlap_add %x {axes = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<4x9x3xf64> -> tensor<4x11xf64>
  return %y : tensor<4x11xf64>
}

// Rows go by two steps of the innermost loop: written out, their 27 elements would have to stay in
// registers beside 22 sums, so it is a loop.
// CHECK-LABEL: func.func @by_two_1
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-22: math.fma {{.*}} : vector<8xf64>
// CHECK-NEXT: scf.yield
// CHECK-NOT: func.func @by_two_2
func.func @by_two(%x: tensor<1x1x3x41x113xf64>, %w: tensor<1x64x3x7x7xf64>) -> tensor<1x1x64x18x54xf64> {
  %y = diptych.convolution %x, %w {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>} : tensor<1x1x3x41x113xf64>, tensor<1x64x3x7x7xf64> -> tensor<1x1x64x18x54xf64>
  return %y : tensor<1x1x64x18x54xf64>
}
