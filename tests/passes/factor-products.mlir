// Sums of products of smaller arrays are summed without being written out.
// RUN: diptych-opt %s "--diptych-factor-products=min-bytes=0" --diptych-simplify=numerics=standard | FileCheck %s
// RUN: diptych-opt %s --diptych-factor-products | FileCheck %s --check-prefix=SMALL

// What has fewer bytes than the limit stays: SMALL sees every function as it was written.

// sum over n of a[t,n] X[t,n,k]: a product of matrices for each t.
// CHECK-LABEL: @sum_of_products
// CHECK: diptych.matmul {{.*}} : tensor<3x1x4xf64>, tensor<3x4x5xf64> -> tensor<3x1x5xf64>
// CHECK-NOT: tensor<5x3x4xf64>
// CHECK: return
// SMALL-LABEL: @sum_of_products
// SMALL: diptych.mul {{.*}} : tensor<5x3x4xf64>
// SMALL: diptych.sum
func.func @sum_of_products(%x: tensor<3x4x5xf64>, %a: tensor<3x4xf64>) -> tensor<5x3xf64> {
  %xt = diptych.transpose %x {axes = array<i64: 2, 0, 1>} : tensor<3x4x5xf64> -> tensor<5x3x4xf64>
  %w = diptych.broadcast %a {axes = array<i64: 1, 2>} : tensor<3x4xf64> -> tensor<5x3x4xf64>
  %v = diptych.mul %xt, %w : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %s = diptych.sum %v {axes = array<i64: 2>} : tensor<5x3x4xf64> -> tensor<5x3xf64>
  return %s : tensor<5x3xf64>
}

// What does not depend on n stands outside of the sum over n, and a divisor is its inverse.
// CHECK-LABEL: @outside_of_the_sum
// CHECK-DAG: diptych.sum %{{.*}} {axes = array<i64: 1>} : tensor<3x4xf64> -> tensor<3xf64>
// CHECK-DAG: diptych.div {{.*}} : tensor<3xf64>
// CHECK-NOT: tensor<5x3x4xf64>
// CHECK: return
func.func @outside_of_the_sum(%b: tensor<5x3xf64>, %c: tensor<3x4xf64>, %d: tensor<3xf64>) -> tensor<5x3xf64> {
  %bw = diptych.broadcast %b {axes = array<i64: 0, 1>} : tensor<5x3xf64> -> tensor<5x3x4xf64>
  %cw = diptych.broadcast %c {axes = array<i64: 1, 2>} : tensor<3x4xf64> -> tensor<5x3x4xf64>
  %dw = diptych.broadcast %d {axes = array<i64: 1>} : tensor<3xf64> -> tensor<5x3x4xf64>
  %v = diptych.mul %bw, %cw : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %q = diptych.div %v, %dw : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %s = diptych.sum %q {axes = array<i64: 2>} : tensor<5x3x4xf64> -> tensor<5x3xf64>
  return %s : tensor<5x3xf64>
}

// sum over j of (y[k,i] - y[k,j]) = n y[k,i] - sum over j of y[k,j]
// CHECK-LABEL: @differences
// CHECK: diptych.sum %arg0 {axes = array<i64: 1>} : tensor<5x4xf64> -> tensor<5xf64>
// CHECK-NOT: tensor<5x4x4xf64>
// CHECK: return
func.func @differences(%y: tensor<5x4xf64>) -> tensor<5x4xf64> {
  %i = diptych.broadcast %y {axes = array<i64: 0, 1>} : tensor<5x4xf64> -> tensor<5x4x4xf64>
  %j = diptych.broadcast %y {axes = array<i64: 0, 2>} : tensor<5x4xf64> -> tensor<5x4x4xf64>
  %d = diptych.sub %i, %j : tensor<5x4x4xf64>, tensor<5x4x4xf64> -> tensor<5x4x4xf64>
  %s = diptych.sum %d {axes = array<i64: 2>} : tensor<5x4x4xf64> -> tensor<5x4xf64>
  return %s : tensor<5x4xf64>
}

// X' (a X + b c): the first term is one product of matrices whose right side is computed where it is
// read; of the second, the sum over n comes first, then the one over t.
// CHECK-LABEL: @product
// CHECK-DAG: diptych.matmul {{.*}} : tensor<3x1x16xf64>, tensor<3x16x20xf64> -> tensor<3x1x20xf64>
// CHECK-DAG: diptych.matmul {{.*}} : tensor<20x3xf64>, tensor<3x20xf64> -> tensor<20x20xf64>
// CHECK-DAG: %[[W:.*]] = diptych.mul {{.*}} : tensor<48x20xf64>
// CHECK-DAG: diptych.matmul {{.*}}, %[[W]] : tensor<20x48xf64>, tensor<48x20xf64> -> tensor<20x20xf64>
// CHECK-NOT: tensor<20x3x16xf64>
// CHECK: return
func.func @product(%x: tensor<3x16x20xf64>, %a: tensor<3x16xf64>, %b: tensor<20x3xf64>, %c: tensor<3x16xf64>) -> tensor<20x20xf64> {
  %flat = diptych.reshape %x : tensor<3x16x20xf64> -> tensor<48x20xf64>
  %left = diptych.transpose %flat {axes = array<i64: 1, 0>} : tensor<48x20xf64> -> tensor<20x48xf64>
  %xt = diptych.transpose %x {axes = array<i64: 2, 0, 1>} : tensor<3x16x20xf64> -> tensor<20x3x16xf64>
  %aw = diptych.broadcast %a {axes = array<i64: 1, 2>} : tensor<3x16xf64> -> tensor<20x3x16xf64>
  %bw = diptych.broadcast %b {axes = array<i64: 0, 1>} : tensor<20x3xf64> -> tensor<20x3x16xf64>
  %cw = diptych.broadcast %c {axes = array<i64: 1, 2>} : tensor<3x16xf64> -> tensor<20x3x16xf64>
  %ax = diptych.mul %xt, %aw : tensor<20x3x16xf64>, tensor<20x3x16xf64> -> tensor<20x3x16xf64>
  %bc = diptych.mul %bw, %cw : tensor<20x3x16xf64>, tensor<20x3x16xf64> -> tensor<20x3x16xf64>
  %v = diptych.add %ax, %bc : tensor<20x3x16xf64>, tensor<20x3x16xf64> -> tensor<20x3x16xf64>
  %vf = diptych.reshape %v : tensor<20x3x16xf64> -> tensor<20x48xf64>
  %right = diptych.transpose %vf {axes = array<i64: 1, 0>} : tensor<20x48xf64> -> tensor<48x20xf64>
  %p = diptych.matmul %left, %right : tensor<20x48xf64>, tensor<48x20xf64> -> tensor<20x20xf64>
  return %p : tensor<20x20xf64>
}

// a X + c X with one X is (a + c) X: one product of matrices, not two.
// CHECK-LABEL: @collected
// CHECK: diptych.add {{.*}} : tensor<3x4xf64>
// CHECK: diptych.matmul {{.*}} : tensor<5x12xf64>, tensor<12x5xf64> -> tensor<5x5xf64>
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @collected(%x: tensor<3x4x5xf64>, %a: tensor<3x4xf64>, %c: tensor<3x4xf64>) -> tensor<5x5xf64> {
  %flat = diptych.reshape %x : tensor<3x4x5xf64> -> tensor<12x5xf64>
  %left = diptych.transpose %flat {axes = array<i64: 1, 0>} : tensor<12x5xf64> -> tensor<5x12xf64>
  %aw = diptych.broadcast %a {axes = array<i64: 0, 1>} : tensor<3x4xf64> -> tensor<3x4x5xf64>
  %cw = diptych.broadcast %c {axes = array<i64: 0, 1>} : tensor<3x4xf64> -> tensor<3x4x5xf64>
  %ax = diptych.mul %x, %aw : tensor<3x4x5xf64>, tensor<3x4x5xf64> -> tensor<3x4x5xf64>
  %cx = diptych.mul %cw, %x : tensor<3x4x5xf64>, tensor<3x4x5xf64> -> tensor<3x4x5xf64>
  %v = diptych.add %ax, %cx : tensor<3x4x5xf64>, tensor<3x4x5xf64> -> tensor<3x4x5xf64>
  %right = diptych.reshape %v : tensor<3x4x5xf64> -> tensor<12x5xf64>
  %p = diptych.matmul %left, %right : tensor<5x12xf64>, tensor<12x5xf64> -> tensor<5x5xf64>
  return %p : tensor<5x5xf64>
}

// (x - m)^2 multiplied out would lose its digits.
// CHECK-LABEL: @keeps_squares
// CHECK: %[[D:.*]] = diptych.sub
// CHECK: %[[Q:.*]] = diptych.mul %[[D]], %[[D]]
// CHECK: diptych.sum %[[Q]]
func.func @keeps_squares(%x: tensor<5x3x4xf64>, %m: tensor<5x3xf64>) -> tensor<5x3xf64> {
  %mw = diptych.broadcast %m {axes = array<i64: 0, 1>} : tensor<5x3xf64> -> tensor<5x3x4xf64>
  %d = diptych.sub %x, %mw : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %q = diptych.mul %d, %d : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %s = diptych.sum %q {axes = array<i64: 2>} : tensor<5x3x4xf64> -> tensor<5x3xf64>
  return %s : tensor<5x3xf64>
}

// exp(x) is nowhere in memory: one kernel computes, scales and sums it.
// CHECK-LABEL: @keeps_what_is_computed
// CHECK: diptych.exp
// CHECK: diptych.mul {{.*}} : tensor<5x3x4xf64>
// CHECK: diptych.sum
func.func @keeps_what_is_computed(%x: tensor<5x3x4xf64>, %a: tensor<3x4xf64>) -> tensor<5x3xf64> {
  %e = diptych.exp %x : tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %w = diptych.broadcast %a {axes = array<i64: 1, 2>} : tensor<3x4xf64> -> tensor<5x3x4xf64>
  %v = diptych.mul %e, %w : tensor<5x3x4xf64>, tensor<5x3x4xf64> -> tensor<5x3x4xf64>
  %s = diptych.sum %v {axes = array<i64: 2>} : tensor<5x3x4xf64> -> tensor<5x3xf64>
  return %s : tensor<5x3xf64>
}

// Two large arrays would be two products of matrices in place of one.
// CHECK-LABEL: @keeps_one_product
// CHECK: diptych.add
// CHECK: diptych.matmul
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @keeps_one_product(%l: tensor<70x4xf64>, %x: tensor<3x4x5xf64>, %y: tensor<3x4x5xf64>, %a: tensor<3x4xf64>) -> tensor<3x70x5xf64> {
  %w = diptych.broadcast %a {axes = array<i64: 0, 1>} : tensor<3x4xf64> -> tensor<3x4x5xf64>
  %ax = diptych.mul %x, %w : tensor<3x4x5xf64>, tensor<3x4x5xf64> -> tensor<3x4x5xf64>
  %v = diptych.add %ax, %y : tensor<3x4x5xf64>, tensor<3x4x5xf64> -> tensor<3x4x5xf64>
  %lw = diptych.broadcast %l {axes = array<i64: 1, 2>} : tensor<70x4xf64> -> tensor<3x70x4xf64>
  %p = diptych.matmul %lw, %v : tensor<3x70x4xf64>, tensor<3x4x5xf64> -> tensor<3x70x5xf64>
  return %p : tensor<3x70x5xf64>
}

// Pairs are left to fusion: the product that reads a X computes it.
// CHECK-LABEL: @keeps_two_axes
// CHECK: diptych.mul
// CHECK: diptych.sum
func.func @keeps_two_axes(%x: tensor<3x4xf64>, %a: tensor<4xf64>) -> tensor<3xf64> {
  %w = diptych.broadcast %a {axes = array<i64: 1>} : tensor<4xf64> -> tensor<3x4xf64>
  %v = diptych.mul %x, %w : tensor<3x4xf64>, tensor<3x4xf64> -> tensor<3x4xf64>
  %s = diptych.sum %v {axes = array<i64: 1>} : tensor<3x4xf64> -> tensor<3xf64>
  return %s : tensor<3xf64>
}

// W and its transpose are two arrays: they must not be collected as one.
// CHECK-LABEL: @tells_an_array_from_its_transpose
// CHECK: diptych.matmul
// CHECK: return
func.func @tells_an_array_from_its_transpose(%u: tensor<3x2xf64>, %w: tensor<6x2x2xf64>, %s: tensor<2xf64>) -> tensor<6x3x2xf64> {
  %uw = diptych.broadcast %u {axes = array<i64: 1, 2>} : tensor<3x2xf64> -> tensor<6x3x2xf64>
  %sw = diptych.broadcast %s {axes = array<i64: 2>} : tensor<2xf64> -> tensor<6x2x2xf64>
  %ws = diptych.mul %w, %sw : tensor<6x2x2xf64>, tensor<6x2x2xf64> -> tensor<6x2x2xf64>
  %t = diptych.transpose %ws {axes = array<i64: 0, 2, 1>} : tensor<6x2x2xf64> -> tensor<6x2x2xf64>
  %v = diptych.add %ws, %t : tensor<6x2x2xf64>, tensor<6x2x2xf64> -> tensor<6x2x2xf64>
  %y = diptych.matmul %uw, %v : tensor<6x3x2xf64>, tensor<6x2x2xf64> -> tensor<6x3x2xf64>
  return %y : tensor<6x3x2xf64>
}

// Unit tangents of a matrix: x times each is a column of x where the unit stands, and its product
// with b is an outer one.
// CHECK-LABEL: @follows_identities
// CHECK-NOT: diptych.matmul
// CHECK: diptych.mul {{.*}} : tensor<4x3x5xf64>
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @follows_identities(%x: tensor<5x4xf64>, %b: tensor<3xf64>) -> tensor<12x5xf64> {
  %i = diptych.iota {axis = 0 : i64} : tensor<12x12xi64>
  %j = diptych.iota {axis = 1 : i64} : tensor<12x12xi64>
  %e = diptych.eq %i, %j : tensor<12x12xi64>, tensor<12x12xi64> -> tensor<12x12xi1>
  %unit = diptych.convert %e : tensor<12x12xi1> -> tensor<12x12xf64>
  %units = diptych.reshape %unit : tensor<12x12xf64> -> tensor<12x4x3xf64>
  %xs = diptych.broadcast %x {axes = array<i64: 1, 2>} : tensor<5x4xf64> -> tensor<12x5x4xf64>
  %v = diptych.matmul %xs, %units : tensor<12x5x4xf64>, tensor<12x4x3xf64> -> tensor<12x5x3xf64>
  %bs = diptych.broadcast %b {axes = array<i64: 2>} : tensor<3xf64> -> tensor<12x5x3xf64>
  %w = diptych.mul %v, %bs : tensor<12x5x3xf64>, tensor<12x5x3xf64> -> tensor<12x5x3xf64>
  %s = diptych.sum %w {axes = array<i64: 2>} : tensor<12x5x3xf64> -> tensor<12x5xf64>
  return %s : tensor<12x5xf64>
}

// R (diag(s) - s s') scales R's columns and takes R s away.
// CHECK-LABEL: @takes_a_diagonal_apart
// CHECK: diptych.matmul {{.*}} -> tensor<1x7xf64>
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @takes_a_diagonal_apart(%r: tensor<7x4xf64>, %s: tensor<4xf64>) -> tensor<7x4xf64> {
  %i = diptych.iota {axis = 0 : i64} : tensor<4x4xi64>
  %j = diptych.iota {axis = 1 : i64} : tensor<4x4xi64>
  %e = diptych.eq %i, %j : tensor<4x4xi64>, tensor<4x4xi64> -> tensor<4x4xi1>
  %unit = diptych.convert %e : tensor<4x4xi1> -> tensor<4x4xf64>
  %rows = diptych.broadcast %s {axes = array<i64: 0>} : tensor<4xf64> -> tensor<4x4xf64>
  %columns = diptych.broadcast %s {axes = array<i64: 1>} : tensor<4xf64> -> tensor<4x4xf64>
  %d = diptych.mul %unit, %rows : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %o = diptych.mul %rows, %columns : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %m = diptych.sub %d, %o : tensor<4x4xf64>, tensor<4x4xf64> -> tensor<4x4xf64>
  %p = diptych.matmul %r, %m : tensor<7x4xf64>, tensor<4x4xf64> -> tensor<7x4xf64>
  return %p : tensor<7x4xf64>
}

// What multiplies an identity is one factor, difference or not, and is read where the identity says.
// CHECK-LABEL: @differences_beside_an_identity
// CHECK: %[[D:.*]] = diptych.sub
// CHECK-NOT: diptych.sum
// CHECK-NOT: diptych.sub
// CHECK: diptych.mul {{.*}} -> tensor<2x3x4x2xf64>
// CHECK-NOT: diptych.sum
// CHECK: return
func.func @differences_beside_an_identity(%x: tensor<4x3xf64>, %m: tensor<2x3xf64>) -> tensor<6x4x2xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %u = diptych.reshape %i : tensor<6x6xf64> -> tensor<6x2x3xf64>
  %xs = diptych.broadcast %x {axes = array<i64: 0, 2>} : tensor<4x3xf64> -> tensor<4x2x3xf64>
  %ms = diptych.broadcast %m {axes = array<i64: 1, 2>} : tensor<2x3xf64> -> tensor<4x2x3xf64>
  %d = diptych.sub %xs, %ms : tensor<4x2x3xf64>, tensor<4x2x3xf64> -> tensor<4x2x3xf64>
  %ds = diptych.broadcast %d {axes = array<i64: 1, 2, 3>} : tensor<4x2x3xf64> -> tensor<6x4x2x3xf64>
  %us = diptych.broadcast %u {axes = array<i64: 0, 2, 3>} : tensor<6x2x3xf64> -> tensor<6x4x2x3xf64>
  %t = diptych.mul %us, %ds : tensor<6x4x2x3xf64>, tensor<6x4x2x3xf64> -> tensor<6x4x2x3xf64>
  %v = diptych.mul %t, %ds : tensor<6x4x2x3xf64>, tensor<6x4x2x3xf64> -> tensor<6x4x2x3xf64>
  %s = diptych.sum %v {axes = array<i64: 3>} : tensor<6x4x2x3xf64> -> tensor<6x4x2xf64>
  return %s : tensor<6x4x2xf64>
}

// Three factors meet in t: two become one array, and the products of all three are not written.
// CHECK-LABEL: @joins_factors
// CHECK: diptych.mul {{.*}} : tensor<20x3x4xf64>
// CHECK-NOT: diptych.mul
// CHECK: diptych.matmul {{.*}} -> tensor<6x12xf64>
// CHECK-NOT: diptych.sum
// CHECK: return
func.func @joins_factors(%x: tensor<20x6xf64>, %a: tensor<20x3xf64>, %b: tensor<20x4xf64>) -> tensor<6x3x4xf64> {
  %xs = diptych.broadcast %x {axes = array<i64: 0, 1>} : tensor<20x6xf64> -> tensor<20x6x3x4xf64>
  %as = diptych.broadcast %a {axes = array<i64: 0, 2>} : tensor<20x3xf64> -> tensor<20x6x3x4xf64>
  %bs = diptych.broadcast %b {axes = array<i64: 0, 3>} : tensor<20x4xf64> -> tensor<20x6x3x4xf64>
  %xa = diptych.mul %xs, %as : tensor<20x6x3x4xf64>, tensor<20x6x3x4xf64> -> tensor<20x6x3x4xf64>
  %v = diptych.mul %xa, %bs : tensor<20x6x3x4xf64>, tensor<20x6x3x4xf64> -> tensor<20x6x3x4xf64>
  %s = diptych.sum %v {axes = array<i64: 0>} : tensor<20x6x3x4xf64> -> tensor<6x3x4xf64>
  return %s : tensor<6x3x4xf64>
}

// An operand that is left as it is, two arrays of its whole size and a column: none is lost.
// CHECK-LABEL: @keeps_two_whole_arrays
// CHECK: diptych.mul %arg2, %arg3
func.func @keeps_two_whole_arrays(%a: tensor<13x5xf64>, %b: tensor<4x5xf64>, %x: tensor<5x3xf64>,
                                  %y: tensor<5x3xf64>, %s: tensor<5xf64>) -> tensor<52x3xf64> {
  %0 = diptych.broadcast %a {axes = array<i64: 0, 2>} : tensor<13x5xf64> -> tensor<13x4x5xf64>
  %1 = diptych.broadcast %b {axes = array<i64: 1, 2>} : tensor<4x5xf64> -> tensor<13x4x5xf64>
  %2 = diptych.mul %0, %1 : tensor<13x4x5xf64>, tensor<13x4x5xf64> -> tensor<13x4x5xf64>
  %3 = diptych.reshape %2 : tensor<13x4x5xf64> -> tensor<52x5xf64>
  %4 = diptych.broadcast %s {axes = array<i64: 0>} : tensor<5xf64> -> tensor<5x3xf64>
  %5 = diptych.mul %x, %4 : tensor<5x3xf64>, tensor<5x3xf64> -> tensor<5x3xf64>
  %6 = diptych.mul %5, %y : tensor<5x3xf64>, tensor<5x3xf64> -> tensor<5x3xf64>
  %7 = diptych.matmul %3, %6 : tensor<52x5xf64>, tensor<5x3xf64> -> tensor<52x3xf64>
  return %7 : tensor<52x3xf64>
}
