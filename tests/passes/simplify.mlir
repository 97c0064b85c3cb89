// Strict numerics fold, merge and drop; standard numerics add algebra.
// RUN: diptych-opt %s --diptych-simplify | FileCheck %s --check-prefixes=CHECK,STRICT
// RUN: diptych-opt %s --diptych-simplify=numerics=standard | FileCheck %s --check-prefixes=CHECK,STANDARD

// CHECK-LABEL: @merges_equal_operations
// CHECK: %[[E:.*]] = diptych.exp
// CHECK-NEXT: diptych.mul %[[E]], %[[E]]
func.func @merges_equal_operations(%x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.exp %x : tensor<3xf64> -> tensor<3xf64>
  %b = diptych.exp %x : tensor<3xf64> -> tensor<3xf64>
  %c = diptych.mul %a, %b : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %c : tensor<3xf64>
}

// CHECK-LABEL: @drops_dead_operations
// CHECK-SAME: (%[[X:[a-z0-9]+]]: tensor<3xf64>
// CHECK-NEXT: return %[[X]]
func.func @drops_dead_operations(%x: tensor<3xf64>, %i: tensor<2xi64>) -> tensor<3xf64> {
  %a = diptych.exp %x : tensor<3xf64> -> tensor<3xf64>
  %b = diptych.gather %a, %i {axis = 0 : i64} : tensor<3xf64>, tensor<2xi64> -> tensor<2xf64>
  return %x : tensor<3xf64>
}

// Derivatives still to be taken see it.
// CHECK-LABEL: @keeps_stop_gradient
// CHECK: diptych.stop_gradient
func.func @keeps_stop_gradient(%x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.stop_gradient %x : tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @add_positive_zero
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>)
// STRICT: diptych.add
// STANDARD-NEXT: return %[[X]]
func.func @add_positive_zero(%x: tensor<3xf64>) -> tensor<3xf64> {
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %a = diptych.add %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %a : tensor<3xf64>
}

// CHECK-LABEL: @signs
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>, %[[Y:.*]]: tensor<3xf64>)
// STRICT-COUNT-2: diptych.neg
// STANDARD-NEXT: %[[A:.*]] = diptych.sub %[[Y]], %[[X]]
// STANDARD-NEXT: %[[B:.*]] = diptych.add %[[A]], %[[X]]
// STANDARD-NEXT: return %[[B]]
func.func @signs(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %n = diptych.neg %x : tensor<3xf64> -> tensor<3xf64>
  %a = diptych.add %n, %y : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %m = diptych.sub %z, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %k = diptych.neg %m : tensor<3xf64> -> tensor<3xf64>
  %b = diptych.add %a, %k : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %b : tensor<3xf64>
}

// CHECK-LABEL: @scales
// STRICT-COUNT-2: diptych.mul
// STANDARD: %[[C:.*]] = diptych.constant dense<-6.000000e+00>
// STANDARD-NEXT: %[[R:.*]] = diptych.mul %{{.*}}, %[[C]]
// STANDARD-NEXT: return %[[R]]
func.func @scales(%x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.constant dense<2.0> : tensor<3xf64>
  %b = diptych.constant dense<3.0> : tensor<3xf64>
  %n = diptych.neg %x : tensor<3xf64> -> tensor<3xf64>
  %c = diptych.mul %n, %a : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %d = diptych.mul %c, %b : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %d : tensor<3xf64>
}

// 1e-200 * 1e-200 is no number of the same order.
// CHECK-LABEL: @keeps_scales_that_vanish
// CHECK-COUNT-2: diptych.mul
func.func @keeps_scales_that_vanish(%x: tensor<3xf64>) -> tensor<3xf64> {
  %a = diptych.constant dense<1.0e-200> : tensor<3xf64>
  %c = diptych.mul %x, %a : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  %d = diptych.mul %c, %a : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %d : tensor<3xf64>
}

// New axes multiply, the operand's own axes are summed, the rest is repeated.
// CHECK-LABEL: @sum_of_broadcast
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf64>)
// STRICT: diptych.sum {{.*}} : tensor<4x3x2x5xf64>
// STANDARD-DAG: %[[N:.*]] = diptych.constant dense<4.000000e+00> : tensor<3xf64>
// STANDARD-DAG: %[[S:.*]] = diptych.sum %[[X]] {axes = array<i64: 1>} : tensor<3x5xf64> -> tensor<3xf64>
// STANDARD: %[[M:.*]] = diptych.mul %[[S]], %[[N]]
// STANDARD-NEXT: %[[B:.*]] = diptych.broadcast %[[M]] {axes = array<i64: 0>} : tensor<3xf64> -> tensor<3x2xf64>
// STANDARD-NEXT: return %[[B]]
func.func @sum_of_broadcast(%x: tensor<3x5xf64>) -> tensor<3x2xf64> {
  %b = diptych.broadcast %x {axes = array<i64: 1, 3>} : tensor<3x5xf64> -> tensor<4x3x2x5xf64>
  %s = diptych.sum %b {axes = array<i64: 0, 3>} : tensor<4x3x2x5xf64> -> tensor<3x2xf64>
  return %s : tensor<3x2xf64>
}

// CHECK-LABEL: @pointwise_of_broadcasts
// CHECK-SAME: (%[[X:.*]]: tensor<3xf64>, %[[Y:.*]]: tensor<3xf64>)
// STRICT-COUNT-2: diptych.broadcast
// STANDARD: %[[A:.*]] = diptych.add %[[X]], %[[Y]] : tensor<3xf64>
// STANDARD: %[[M:.*]] = diptych.mul %[[A]], %{{.*}} : tensor<3xf64>
// STANDARD: %[[B:.*]] = diptych.broadcast %[[M]] {axes = array<i64: 1>}
// STANDARD-NEXT: return %[[B]]
func.func @pointwise_of_broadcasts(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<2x3xf64> {
  %k = diptych.constant dense<3.0> : tensor<2x3xf64>
  %a = diptych.broadcast %x {axes = array<i64: 1>} : tensor<3xf64> -> tensor<2x3xf64>
  %b = diptych.broadcast %y {axes = array<i64: 1>} : tensor<3xf64> -> tensor<2x3xf64>
  %c = diptych.add %a, %b : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %d = diptych.mul %c, %k : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  return %d : tensor<2x3xf64>
}

// CHECK-LABEL: @keeps_broadcasts_along_different_axes
// CHECK-COUNT-2: diptych.broadcast
// CHECK: diptych.add
func.func @keeps_broadcasts_along_different_axes(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3x3xf64> {
  %a = diptych.broadcast %x {axes = array<i64: 0>} : tensor<3xf64> -> tensor<3x3xf64>
  %b = diptych.broadcast %y {axes = array<i64: 1>} : tensor<3xf64> -> tensor<3x3xf64>
  %c = diptych.add %a, %b : tensor<3x3xf64>, tensor<3x3xf64> -> tensor<3x3xf64>
  return %c : tensor<3x3xf64>
}

// A sum of nothing is 0, even of a NaN.
// CHECK-LABEL: @keeps_sum_of_no_copies
// CHECK: diptych.sum {{.*}} : tensor<0x3xf64>
func.func @keeps_sum_of_no_copies(%x: tensor<3xf64>) -> tensor<3xf64> {
  %b = diptych.broadcast %x {axes = array<i64: 1>} : tensor<3xf64> -> tensor<0x3xf64>
  %s = diptych.sum %b {axes = array<i64: 0>} : tensor<0x3xf64> -> tensor<3xf64>
  return %s : tensor<3xf64>
}

//===-- The order of products ----------------------------------------------------------------===//

// A vector on the right: two reads of matrices, and no product of them.
// CHECK-LABEL: @product_chain
// CHECK-SAME: (%[[A:[a-z0-9]+]]: tensor<50x40xf64>, %[[B:[a-z0-9]+]]: tensor<40x30xf64>, %[[X:[a-z0-9]+]]:
// STRICT: %[[P:.*]] = diptych.matmul %[[A]], %[[B]]
// STRICT-NEXT: diptych.matmul %[[P]], %[[X]]
// STANDARD: %[[P:.*]] = diptych.matmul %[[B]], %[[X]]
// STANDARD-NEXT: diptych.matmul %[[A]], %[[P]]
func.func @product_chain(%a: tensor<50x40xf64>, %b: tensor<40x30xf64>, %x: tensor<30x1xf64>) -> tensor<50x1xf64> {
  %p = diptych.matmul %a, %b : tensor<50x40xf64>, tensor<40x30xf64> -> tensor<50x30xf64>
  %y = diptych.matmul %p, %x : tensor<50x30xf64>, tensor<30x1xf64> -> tensor<50x1xf64>
  return %y : tensor<50x1xf64>
}

// Through the transpose of a product, which is one of transposes: (A B)' x = B' (A' x). Batches too.
// CHECK-LABEL: @product_chain_transposed
// STANDARD: %[[T:.*]] = diptych.transpose %arg0 {axes = array<i64: 0, 2, 1>}
// STANDARD: diptych.matmul %[[T]], %arg2 : tensor<7x40x50xf64>, tensor<7x50x1xf64>
// STANDARD: diptych.matmul %{{.*}} : tensor<7x30x40xf64>, tensor<7x40x1xf64>
// STANDARD-NOT: diptych.matmul
// CHECK: return
func.func @product_chain_transposed(%arg0: tensor<7x50x40xf64>, %arg1: tensor<7x40x30xf64>, %arg2: tensor<7x50x1xf64>) -> tensor<7x30x1xf64> {
  %p = diptych.matmul %arg0, %arg1 : tensor<7x50x40xf64>, tensor<7x40x30xf64> -> tensor<7x50x30xf64>
  %t = diptych.transpose %p {axes = array<i64: 0, 2, 1>} : tensor<7x50x30xf64> -> tensor<7x30x50xf64>
  %y = diptych.matmul %t, %arg2 : tensor<7x30x50xf64>, tensor<7x50x1xf64> -> tensor<7x30x1xf64>
  return %y : tensor<7x30x1xf64>
}

// The textbook's chain of four: (A (B C)) D, not ((A B) C) D.
// CHECK-LABEL: @product_of_four
// STANDARD: %[[BC:.*]] = diptych.matmul %arg1, %arg2
// STANDARD: %[[ABC:.*]] = diptych.matmul %arg0, %[[BC]]
// STANDARD: diptych.matmul %[[ABC]], %arg3
func.func @product_of_four(%arg0: tensor<40x20xf64>, %arg1: tensor<20x30xf64>, %arg2: tensor<30x10xf64>, %arg3: tensor<10x30xf64>) -> tensor<40x30xf64> {
  %p = diptych.matmul %arg0, %arg1 : tensor<40x20xf64>, tensor<20x30xf64> -> tensor<40x30xf64>
  %q = diptych.matmul %p, %arg2 : tensor<40x30xf64>, tensor<30x10xf64> -> tensor<40x10xf64>
  %r = diptych.matmul %q, %arg3 : tensor<40x10xf64>, tensor<10x30xf64> -> tensor<40x30xf64>
  return %r : tensor<40x30xf64>
}

// A product that somebody else reads is made anyway, and stays a factor.
// CHECK-LABEL: @product_used_twice
// CHECK: %[[P:.*]] = diptych.matmul %arg0, %arg1
// CHECK-NEXT: %[[Y:.*]] = diptych.matmul %[[P]], %arg2
// CHECK-NEXT: return %[[P]], %[[Y]]
func.func @product_used_twice(%arg0: tensor<50x40xf64>, %arg1: tensor<40x30xf64>, %arg2: tensor<30x1xf64>) -> (tensor<50x30xf64>, tensor<50x1xf64>) {
  %p = diptych.matmul %arg0, %arg1 : tensor<50x40xf64>, tensor<40x30xf64> -> tensor<50x30xf64>
  %y = diptych.matmul %p, %arg2 : tensor<50x30xf64>, tensor<30x1xf64> -> tensor<50x1xf64>
  return %p, %y : tensor<50x30xf64>, tensor<50x1xf64>
}

// x I = x, also where the identity was turned, has unit axes, or stands in a batch.
// CHECK-LABEL: @product_with_identity
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf64>, %[[B:.*]]: tensor<2x4x4xf64>)
// STRICT-COUNT-3: diptych.matmul
// STANDARD-NOT: diptych.matmul
// STANDARD: return %[[X]], %[[X]], %[[B]]
func.func @product_with_identity(%x: tensor<3x4xf64>, %b: tensor<2x4x4xf64>) -> (tensor<3x4xf64>, tensor<3x4xf64>, tensor<2x4x4xf64>) {
  %i = diptych.iota {axis = 0 : i64} : tensor<4x4xi64>
  %j = diptych.iota {axis = 1 : i64} : tensor<4x4xi64>
  %e = diptych.eq %i, %j : tensor<4x4xi64>, tensor<4x4xi64> -> tensor<4x4xi1>
  %id = diptych.convert %e : tensor<4x4xi1> -> tensor<4x4xf64>
  %right = diptych.matmul %x, %id : tensor<3x4xf64>, tensor<4x4xf64> -> tensor<3x4xf64>
  %unit = diptych.reshape %id : tensor<4x4xf64> -> tensor<4x4x1xf64>
  %turned = diptych.transpose %unit {axes = array<i64: 1, 0, 2>} : tensor<4x4x1xf64> -> tensor<4x4x1xf64>
  %flat = diptych.reshape %turned : tensor<4x4x1xf64> -> tensor<4x4xf64>
  %other = diptych.matmul %x, %flat : tensor<3x4xf64>, tensor<4x4xf64> -> tensor<3x4xf64>
  %many = diptych.broadcast %id {axes = array<i64: 1, 2>} : tensor<4x4xf64> -> tensor<2x4x4xf64>
  %left = diptych.matmul %many, %b : tensor<2x4x4xf64>, tensor<2x4x4xf64> -> tensor<2x4x4xf64>
  return %right, %other, %left : tensor<3x4xf64>, tensor<3x4xf64>, tensor<2x4x4xf64>
}

// x (c I) = c x; a vector along either axis of the identity is its diagonal.
// CHECK-LABEL: @product_with_diagonal
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf64>, %[[D:.*]]: tensor<4xf64>)
// STRICT-COUNT-3: diptych.matmul
// STANDARD-NOT: diptych.matmul
// STANDARD: return
func.func @product_with_diagonal(%x: tensor<3x4xf64>, %d: tensor<4xf64>) -> (tensor<3x4xf64>, tensor<3x4xf64>, tensor<4x3xf64>) {
  %c = diptych.constant dense<-0.5> : tensor<4x4xf64>
  %i = diptych.iota {axis = 0 : i64} : tensor<4x4xi64>
  %j = diptych.iota {axis = 1 : i64} : tensor<4x4xi64>
  %e = diptych.eq %i, %j : tensor<4x4xi64>, tensor<4x4xi64> -> tensor<4x4xi1>
  %id = diptych.convert %e : tensor<4x4xi1> -> tensor<4x4xf64>
  %ci = diptych.mul %id, %c : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %right = diptych.matmul %x, %ci : tensor<3x4xf64>, tensor<4x4xf64> -> tensor<3x4xf64>
  %rows = diptych.broadcast %d {axes = array<i64: 0>} : tensor<4xf64> -> tensor<4x4xf64>
  %id_d = diptych.mul %rows, %ci : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %both = diptych.matmul %x, %id_d : tensor<3x4xf64>, tensor<4x4xf64> -> tensor<3x4xf64>
  %columns = diptych.broadcast %d {axes = array<i64: 1>} : tensor<4xf64> -> tensor<4x4xf64>
  %d_id = diptych.mul %id, %columns : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %n = diptych.neg %d_id : tensor<4x4xf64> -> tensor<4x4xf64>
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<3x4xf64> -> tensor<4x3xf64>
  %left = diptych.matmul %n, %t : tensor<4x4xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  return %right, %both, %left : tensor<3x4xf64>, tensor<3x4xf64>, tensor<4x3xf64>
}

// Ones along another axis than the product's, and a reshape that mixes axes.
// CHECK-LABEL: @keeps_product_with_other_matrices
// CHECK-COUNT-2: diptych.matmul
func.func @keeps_product_with_other_matrices(%x: tensor<3x4x4xf64>, %y: tensor<3x4xf64>) -> (tensor<3x4x4xf64>, tensor<3x4xf64>) {
  %i = diptych.iota {axis = 0 : i64} : tensor<4x4xi64>
  %j = diptych.iota {axis = 1 : i64} : tensor<4x4xi64>
  %e = diptych.eq %i, %j : tensor<4x4xi64>, tensor<4x4xi64> -> tensor<4x4xi1>
  %id = diptych.convert %e : tensor<4x4xi1> -> tensor<4x4xf64>
  %three = diptych.slice %id {starts = array<i64: 0, 0>, limits = array<i64: 3, 4>, strides = array<i64: 1, 1>} : tensor<4x4xf64> -> tensor<3x4xf64>
  %side = diptych.broadcast %three {axes = array<i64: 0, 2>} : tensor<3x4xf64> -> tensor<3x4x4xf64>
  %a = diptych.matmul %x, %side : tensor<3x4x4xf64>, tensor<3x4x4xf64> -> tensor<3x4x4xf64>
  %split = diptych.reshape %id : tensor<4x4xf64> -> tensor<2x2x4xf64>
  %mixed = diptych.transpose %split {axes = array<i64: 1, 0, 2>} : tensor<2x2x4xf64> -> tensor<2x2x4xf64>
  %again = diptych.reshape %mixed : tensor<2x2x4xf64> -> tensor<4x4xf64>
  %b = diptych.matmul %y, %again : tensor<3x4xf64>, tensor<4x4xf64> -> tensor<3x4xf64>
  return %a, %b : tensor<3x4x4xf64>, tensor<3x4xf64>
}

// Transposes, and reshapes by axes of one element, that undo each other.
// CHECK-LABEL: @shorter_chains
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf64>, %[[Y:.*]]: tensor<2x3x1xf64>)
// STRICT-COUNT-4: diptych.transpose
// STANDARD: %[[T:.*]] = diptych.transpose %[[Y]] {axes = array<i64: 2, 1, 0>}
// STANDARD-NOT: diptych.transpose
// STANDARD: %[[R:.*]] = diptych.reshape %[[T]] : tensor<1x3x2xf64> -> tensor<3x2xf64>
// STANDARD: return %[[X]], %[[R]]
func.func @shorter_chains(%x: tensor<3x4xf64>, %y: tensor<2x3x1xf64>) -> (tensor<3x4xf64>, tensor<3x2xf64>) {
  %a = diptych.reshape %x : tensor<3x4xf64> -> tensor<3x1x4xf64>
  %b = diptych.transpose %a {axes = array<i64: 2, 1, 0>} : tensor<3x1x4xf64> -> tensor<4x1x3xf64>
  %c = diptych.reshape %b : tensor<4x1x3xf64> -> tensor<4x3xf64>
  %d = diptych.transpose %c {axes = array<i64: 1, 0>} : tensor<4x3xf64> -> tensor<3x4xf64>
  %e = diptych.transpose %y {axes = array<i64: 2, 0, 1>} : tensor<2x3x1xf64> -> tensor<1x2x3xf64>
  %f = diptych.reshape %e : tensor<1x2x3xf64> -> tensor<2x3xf64>
  %g = diptych.transpose %f {axes = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x2xf64>
  return %d, %g : tensor<3x4xf64>, tensor<3x2xf64>
}

// A product with one number, seen through a reshape and back.
// CHECK-LABEL: @scale_by_a_matrix_of_one
// CHECK-SAME: (%[[X:.*]]: tensor<3x4xf64>)
// STRICT: diptych.matmul
// STANDARD: %[[C:.*]] = diptych.constant dense<5.000000e-01> : tensor<3x4xf64>
// STANDARD-NOT: diptych.reshape
// STANDARD: %[[S:.*]] = diptych.mul %[[X]], %[[C]]
// STANDARD: return %[[S]]
func.func @scale_by_a_matrix_of_one(%x: tensor<3x4xf64>) -> tensor<3x4xf64> {
  %c = diptych.constant dense<0.5> : tensor<1x1xf64>
  %f = diptych.reshape %x : tensor<3x4xf64> -> tensor<12x1xf64>
  %p = diptych.matmul %f, %c : tensor<12x1xf64>, tensor<1x1xf64> -> tensor<12x1xf64>
  %r = diptych.reshape %p : tensor<12x1xf64> -> tensor<3x4xf64>
  return %r : tensor<3x4xf64>
}

// x y' alone is a product of elements; as a factor it is multiplied in the order that costs least.
// CHECK-LABEL: @outer_products
// CHECK-SAME: (%[[A:.*]]: tensor<50x40xf64>, %[[X:.*]]: tensor<40x1xf64>, %[[Y:.*]]: tensor<1x30xf64>)
// STRICT-COUNT-2: diptych.matmul
// STANDARD: %[[AX:.*]] = diptych.matmul %[[A]], %[[X]]
// STANDARD-NOT: diptych.matmul
// STANDARD: return
func.func @outer_products(%a: tensor<50x40xf64>, %x: tensor<40x1xf64>, %y: tensor<1x30xf64>) -> (tensor<40x30xf64>, tensor<50x30xf64>) {
  %o = diptych.matmul %x, %y : tensor<40x1xf64>, tensor<1x30xf64> -> tensor<40x30xf64>
  %p = diptych.matmul %x, %y : tensor<40x1xf64>, tensor<1x30xf64> -> tensor<40x30xf64>
  %q = diptych.matmul %a, %p : tensor<50x40xf64>, tensor<40x30xf64> -> tensor<50x30xf64>
  return %o, %q : tensor<40x30xf64>, tensor<50x30xf64>
}
