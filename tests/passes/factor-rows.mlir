// What scales whole rows and is known late is taken out of the sum over rows.
// RUN: diptych-opt %s --diptych-factor-rows --split-input-file | FileCheck %s

// The mean of all rows scales each: X' (c u) becomes a product for each row and one with c.
// CHECK-LABEL: @late_scale
// CHECK: %[[C:.*]] = diptych.sub
// CHECK: diptych.matmul {{.*}} : tensor<500x1x300xf64>, tensor<500x300x8xf64> -> tensor<500x1x8xf64>
// CHECK: %[[ROW:.*]] = diptych.reshape %[[C]] : tensor<500xf64> -> tensor<1x500xf64>
// CHECK: diptych.matmul %[[ROW]], {{.*}} : tensor<1x500xf64>, tensor<500x8xf64> -> tensor<1x8xf64>
// CHECK-NOT: tensor<8x150000xf64>
func.func @late_scale(%x: tensor<150000x8xf64>, %w: tensor<8x1xf64>) -> tensor<8x1xf64> {
  %s = diptych.matmul %x, %w : tensor<150000x8xf64>, tensor<8x1xf64> -> tensor<150000x1xf64>
  %r = diptych.reshape %s : tensor<150000x1xf64> -> tensor<500x300xf64>
  %u = diptych.exp %r : tensor<500x300xf64> -> tensor<500x300xf64>
  %day = diptych.sum %u {axes = array<i64: 1>} : tensor<500x300xf64> -> tensor<500xf64>
  %all = diptych.sum %day {axes = array<i64: 0>} : tensor<500xf64> -> tensor<f64>
  %mean = diptych.broadcast %all {axes = array<i64>} : tensor<f64> -> tensor<500xf64>
  %c = diptych.sub %day, %mean : tensor<500xf64>, tensor<500xf64> -> tensor<500xf64>
  %wide = diptych.broadcast %c {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %g = diptych.mul %wide, %u : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %column = diptych.reshape %g : tensor<500x300xf64> -> tensor<150000x1xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<150000x8xf64> -> tensor<8x150000xf64>
  %d = diptych.matmul %xt, %column : tensor<8x150000xf64>, tensor<150000x1xf64> -> tensor<8x1xf64>
  return %d : tensor<8x1xf64>
}

// -----

// A late number in every element cannot be taken out.
// CHECK-LABEL: @late_elements
// CHECK: diptych.matmul {{.*}} : tensor<8x150000xf64>, tensor<150000x1xf64>
func.func @late_elements(%x: tensor<150000x8xf64>, %w: tensor<8x1xf64>) -> tensor<8x1xf64> {
  %s = diptych.matmul %x, %w : tensor<150000x8xf64>, tensor<8x1xf64> -> tensor<150000x1xf64>
  %r = diptych.reshape %s : tensor<150000x1xf64> -> tensor<500x300xf64>
  %day = diptych.sum %r {axes = array<i64: 0>} : tensor<500x300xf64> -> tensor<300xf64>
  %wide = diptych.broadcast %day {axes = array<i64: 1>} : tensor<300xf64> -> tensor<500x300xf64>
  %g = diptych.mul %wide, %r : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %column = diptych.reshape %g : tensor<500x300xf64> -> tensor<150000x1xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<150000x8xf64> -> tensor<8x150000xf64>
  %d = diptych.matmul %xt, %column : tensor<8x150000xf64>, tensor<150000x1xf64> -> tensor<8x1xf64>
  return %d : tensor<8x1xf64>
}

// -----

// Nothing is late here: one product over all rows is best.
// CHECK-LABEL: @early
// CHECK: diptych.matmul {{.*}} : tensor<8x150000xf64>, tensor<150000x1xf64>
func.func @early(%x: tensor<150000x8xf64>, %c: tensor<500xf64>, %u: tensor<500x300xf64>) -> tensor<8x1xf64> {
  %wide = diptych.broadcast %c {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %g = diptych.mul %wide, %u : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %column = diptych.reshape %g : tensor<500x300xf64> -> tensor<150000x1xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<150000x8xf64> -> tensor<8x150000xf64>
  %d = diptych.matmul %xt, %column : tensor<8x150000xf64>, tensor<150000x1xf64> -> tensor<8x1xf64>
  return %d : tensor<8x1xf64>
}

// -----

// A number of the row that a sum within it gave, seen through a quotient: c_t times what is known early
// again, so there is one product for each row.
// CHECK-LABEL: @through_a_quotient
// CHECK: diptych.matmul {{.*}} : tensor<500x1x300xf64>, tensor<500x300x8xf64> -> tensor<500x1x8xf64>
// CHECK: diptych.matmul {{.*}} : tensor<1x500xf64>, tensor<500x8xf64> -> tensor<1x8xf64>
// CHECK-NOT: diptych.matmul
func.func @through_a_quotient(%x: tensor<150000x8xf64>, %w: tensor<8x1xf64>) -> tensor<8x1xf64> {
  %s = diptych.matmul %x, %w : tensor<150000x8xf64>, tensor<8x1xf64> -> tensor<150000x1xf64>
  %u = diptych.reshape %s : tensor<150000x1xf64> -> tensor<500x300xf64>
  %day = diptych.sum %u {axes = array<i64: 1>} : tensor<500x300xf64> -> tensor<500xf64>
  %all = diptych.sum %day {axes = array<i64: 0>} : tensor<500xf64> -> tensor<f64>
  %mean = diptych.broadcast %all {axes = array<i64>} : tensor<f64> -> tensor<500xf64>
  %c = diptych.sub %day, %mean : tensor<500xf64>, tensor<500xf64> -> tensor<500xf64>
  %wide = diptych.broadcast %c {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %g = diptych.mul %wide, %u : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %total = diptych.sum %g {axes = array<i64: 1>} : tensor<500x300xf64> -> tensor<500xf64>
  %share = diptych.div %total, %day : tensor<500xf64>, tensor<500xf64> -> tensor<500xf64>
  %shares = diptych.broadcast %share {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %h = diptych.sub %g, %shares : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %column = diptych.reshape %h : tensor<500x300xf64> -> tensor<150000x1xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<150000x8xf64> -> tensor<8x150000xf64>
  %d = diptych.matmul %xt, %column : tensor<8x150000xf64>, tensor<150000x1xf64> -> tensor<8x1xf64>
  return %d : tensor<8x1xf64>
}

// -----

// Two numbers scale each row, as in a Hessian-vector product: the vectors that they scale are rows of one
// product, which reads x once.
// CHECK-LABEL: @two_late_numbers
// CHECK: diptych.concatenate {{.*}} {axis = 1 : i64} : tensor<500x1x300xf64>, tensor<500x1x300xf64> -> tensor<500x2x300xf64>
// CHECK: diptych.matmul {{.*}} : tensor<500x2x300xf64>, tensor<500x300x8xf64> -> tensor<500x2x8xf64>
// CHECK-COUNT-2: diptych.matmul {{.*}} : tensor<1x500xf64>, tensor<500x8xf64> -> tensor<1x8xf64>
// CHECK-NOT: diptych.matmul
func.func @two_late_numbers(%x: tensor<150000x8xf64>, %w: tensor<8x1xf64>) -> tensor<8x1xf64> {
  %s = diptych.matmul %x, %w : tensor<150000x8xf64>, tensor<8x1xf64> -> tensor<150000x1xf64>
  %r = diptych.reshape %s : tensor<150000x1xf64> -> tensor<500x300xf64>
  %u = diptych.exp %r : tensor<500x300xf64> -> tensor<500x300xf64>
  %v = diptych.sin %r : tensor<500x300xf64> -> tensor<500x300xf64>
  %day = diptych.sum %u {axes = array<i64: 1>} : tensor<500x300xf64> -> tensor<500xf64>
  %all = diptych.sum %day {axes = array<i64: 0>} : tensor<500xf64> -> tensor<f64>
  %mean = diptych.broadcast %all {axes = array<i64>} : tensor<f64> -> tensor<500xf64>
  %c = diptych.sub %day, %mean : tensor<500xf64>, tensor<500xf64> -> tensor<500xf64>
  %d = diptych.mul %day, %mean : tensor<500xf64>, tensor<500xf64> -> tensor<500xf64>
  %cs = diptych.broadcast %c {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %ds = diptych.broadcast %d {axes = array<i64: 0>} : tensor<500xf64> -> tensor<500x300xf64>
  %cu = diptych.mul %cs, %u : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %dv = diptych.mul %ds, %v : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %g = diptych.add %cu, %dv : tensor<500x300xf64>, tensor<500x300xf64> -> tensor<500x300xf64>
  %column = diptych.reshape %g : tensor<500x300xf64> -> tensor<150000x1xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<150000x8xf64> -> tensor<8x150000xf64>
  %h = diptych.matmul %xt, %column : tensor<8x150000xf64>, tensor<150000x1xf64> -> tensor<8x1xf64>
  return %h : tensor<8x1xf64>
}
