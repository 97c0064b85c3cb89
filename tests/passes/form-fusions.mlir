// Which operators share a kernel. One idea a function.
// RUN: diptych-opt %s --diptych-form-fusions | FileCheck %s

// Pointwise operators join their consumer.
// CHECK-LABEL: @chain
// CHECK: diptych.fusion "pointwise"
// CHECK-NEXT: diptych.exp
// CHECK-NEXT: diptych.sin
// CHECK-NEXT: diptych.neg
// CHECK-NEXT: diptych.yield
// CHECK-NOT: diptych.fusion
func.func @chain(%x: tensor<4x8xf64>) -> tensor<4x8xf64> {
  %a = diptych.exp %x : tensor<4x8xf64> -> tensor<4x8xf64>
  %b = diptych.sin %a : tensor<4x8xf64> -> tensor<4x8xf64>
  %c = diptych.neg %b : tensor<4x8xf64> -> tensor<4x8xf64>
  return %c : tensor<4x8xf64>
}

// What two kernels need is stored by one of them where computing it costs more than reading it.
// CHECK-LABEL: @stores_heavy_value
// CHECK: %[[F:.*]]:2 = diptych.fusion "reduction"
// CHECK: diptych.exp
// CHECK: diptych.sum
// CHECK: diptych.yield
// CHECK: diptych.fusion "reduction" (%{{.*}} = %[[F]]#{{[01]}}
// CHECK-NOT: diptych.exp
// CHECK: diptych.sum
func.func @stores_heavy_value(%x: tensor<4x8xf64>) -> (tensor<4xf64>, tensor<8xf64>) {
  %a = diptych.exp %x : tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %t = diptych.sum %a {axes = array<i64: 0>} : tensor<4x8xf64> -> tensor<8xf64>
  return %s, %t : tensor<4xf64>, tensor<8xf64>
}

// What is cheap and reads one array is computed again in each.
// CHECK-LABEL: @recomputes_cheap_value
// CHECK: diptych.fusion "reduction" (%{{.*}} = %arg0 : tensor<4x8xf64>)
// CHECK-NEXT: diptych.neg
// CHECK: diptych.fusion "reduction" (%{{.*}} = %arg0 : tensor<4x8xf64>)
// CHECK-NEXT: diptych.neg
func.func @recomputes_cheap_value(%x: tensor<4x8xf64>) -> (tensor<4xf64>, tensor<8xf64>) {
  %a = diptych.neg %x : tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %t = diptych.sum %a {axes = array<i64: 0>} : tensor<4x8xf64> -> tensor<8xf64>
  return %s, %t : tensor<4xf64>, tensor<8xf64>
}

// What reads two is too where the kernels read most of these anyway: none stores it for the other.
// CHECK-LABEL: @recomputes_what_reads_nothing_more
// CHECK: diptych.fusion "reduction" ({{.*}} = %arg0 : {{.*}} = %arg1 : {{.*}}) -> tensor<{{[48]}}xf64>
// CHECK: diptych.fusion "reduction" ({{.*}} = %arg0 : {{.*}} = %arg1 : {{.*}}) -> tensor<{{[48]}}xf64>
func.func @recomputes_what_reads_nothing_more(%x: tensor<4x8xf64>, %y: tensor<4x8xf64>) -> (tensor<4xf64>, tensor<8xf64>) {
  %a = diptych.mul %x, %y : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %d = diptych.sub %x, %y : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %b = diptych.mul %a, %d : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %c = diptych.add %a, %x : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %c {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %t = diptych.sum %b {axes = array<i64: 0>} : tensor<4x8xf64> -> tensor<8xf64>
  return %s, %t : tensor<4xf64>, tensor<8xf64>
}

// Else one stores it.
// CHECK-LABEL: @stores_what_reads_more
// CHECK: %[[F:.*]]:2 = diptych.fusion "reduction" ({{.*}} = %arg0 : {{.*}} = %arg1 :
// CHECK: diptych.fusion "reduction" ({{.*}} = %[[F]]#0 :
func.func @stores_what_reads_more(%x: tensor<4x8xf64>, %y: tensor<4x8xf64>) -> (tensor<4xf64>, tensor<8xf64>) {
  %a = diptych.mul %x, %y : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %t = diptych.sum %a {axes = array<i64: 0>} : tensor<4x8xf64> -> tensor<8xf64>
  return %s, %t : tensor<4xf64>, tensor<8xf64>
}

// A value used twice inside one kernel is computed once.
// CHECK-LABEL: @diamond
// CHECK: diptych.fusion "pointwise"
// CHECK: %[[E:.*]] = diptych.exp
// CHECK-NEXT: diptych.mul %[[E]], %[[E]]
// CHECK-NOT: diptych.fusion
func.func @diamond(%x: tensor<8xf64>) -> tensor<8xf64> {
  %a = diptych.exp %x : tensor<8xf64> -> tensor<8xf64>
  %b = diptych.mul %a, %a : tensor<8xf64>, tensor<8xf64> -> tensor<8xf64>
  return %b : tensor<8xf64>
}

// A reduction takes in what it reduces, and stores what leaves the function.
// CHECK-LABEL: @reduction_stores_returned_value
// CHECK: %[[F:.*]]:2 = diptych.fusion "reduction"
// CHECK-SAME: -> (tensor<4x8xf64>, tensor<4xf64>)
// CHECK: %[[E:.*]] = diptych.exp
// CHECK: %[[S:.*]] = diptych.sum %[[E]]
// CHECK: diptych.yield %[[E]], %[[S]]
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @reduction_stores_returned_value(%x: tensor<4x8xf64>) -> (tensor<4x8xf64>, tensor<4xf64>) {
  %a = diptych.exp %x : tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %a {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  return %a, %s : tensor<4x8xf64>, tensor<4xf64>
}

// Several axes are reduced one at a time, innermost first: the canonical order.
// CHECK-LABEL: @splits_axes
// CHECK: diptych.fusion "reduction"
// CHECK: diptych.sum {{.*}}axes = array<i64: 2>{{.*}}tensor<2x3x4xf64> -> tensor<2x3xf64>
// CHECK: diptych.fusion "reduction"
// CHECK: diptych.sum {{.*}}axes = array<i64: 0>{{.*}}tensor<2x3xf64> -> tensor<3xf64>
func.func @splits_axes(%x: tensor<2x3x4xf64>) -> tensor<3xf64> {
  %s = diptych.sum %x {axes = array<i64: 0, 2>} : tensor<2x3x4xf64> -> tensor<3xf64>
  return %s : tensor<3xf64>
}

// A kernel runs as a whole: what needs its result can't be part of it. (Softmax is three kernels.)
// CHECK-LABEL: @no_cycle
// CHECK: %[[M:.*]] = diptych.fusion "reduction" (%{{.*}} = %arg0
// CHECK: diptych.max
// CHECK: %[[E:.*]]:2 = diptych.fusion "reduction" ({{.*}}%[[M]]
// CHECK: diptych.exp
// CHECK: diptych.sum
// CHECK: diptych.fusion "pointwise"
// CHECK-NOT: diptych.exp
// CHECK: diptych.div
func.func @no_cycle(%x: tensor<4x8xf64>) -> tensor<4x8xf64> {
  %m = diptych.max %x {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %mb = diptych.broadcast %m {axes = array<i64: 0>} : tensor<4xf64> -> tensor<4x8xf64>
  %d = diptych.sub %x, %mb : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  %e = diptych.exp %d : tensor<4x8xf64> -> tensor<4x8xf64>
  %s = diptych.sum %e {axes = array<i64: 1>} : tensor<4x8xf64> -> tensor<4xf64>
  %sb = diptych.broadcast %s {axes = array<i64: 0>} : tensor<4xf64> -> tensor<4x8xf64>
  %p = diptych.div %e, %sb : tensor<4x8xf64>, tensor<4x8xf64> -> tensor<4x8xf64>
  return %p : tensor<4x8xf64>
}

// A kernel that stores what an earlier operator reads stands behind it until the block is in order;
// what is alive is asked after that. %u is dead, and shares a kernel with %e.
// CHECK-LABEL: @kernels_of_a_loop_are_ordered_before_the_dead_go
// CHECK: ^bb0(%[[V:[a-z0-9]+]]: tensor<3x3xf64>, %[[W:[a-z0-9]+]]: tensor<3x3xf64>, %[[S:[a-z0-9]+]]: tensor<3x3xf64>):
// CHECK-NEXT: %[[E:.*]]:2 = diptych.fusion "pointwise" (%{{.*}} = %[[V]] : tensor<3x3xf64>, %{{.*}} = %[[W]] :
// CHECK: diptych.matmul %[[E]]#0, %[[S]]
func.func @kernels_of_a_loop_are_ordered_before_the_dead_go(
    %c: tensor<3x3xf64>, %d: tensor<3x3xf64>, %a: tensor<3x3xf64>) -> tensor<3x3xf64> {
  %r = diptych.scan consts(%c, %d) carry(%a) xs() length 4
      : (tensor<3x3xf64>, tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64> {
  ^bb0(%v: tensor<3x3xf64>, %w: tensor<3x3xf64>, %s: tensor<3x3xf64>):
    %t = diptych.add %v, %w : tensor<3x3xf64>, tensor<3x3xf64> -> tensor<3x3xf64>
    %e = diptych.exp %t : tensor<3x3xf64> -> tensor<3x3xf64>
    %n = diptych.matmul %e, %s : tensor<3x3xf64>, tensor<3x3xf64> -> tensor<3x3xf64>
    %u = diptych.neg %e : tensor<3x3xf64> -> tensor<3x3xf64>
    diptych.yield %n : tensor<3x3xf64>
  }
  return %r : tensor<3x3xf64>
}

// What is heavy and varies along the innermost loop only is computed once, by a kernel of its own;
// along an outer loop it is computed once for a row anyway.
// CHECK-LABEL: @heavy_and_repeated
// CHECK: %[[V:.*]] = diptych.fusion "pointwise"
// CHECK-NEXT: diptych.sqrt
// CHECK-NEXT: diptych.yield
// CHECK: diptych.fusion "pointwise"
// CHECK-NOT: diptych.fusion
// CHECK: diptych.exp
func.func @heavy_and_repeated(%x: tensor<64x8xf64>, %r: tensor<8xf64>, %c: tensor<64xf64>) -> tensor<64x8xf64> {
  %s = diptych.sqrt %r : tensor<8xf64> -> tensor<8xf64>
  %sb = diptych.broadcast %s {axes = array<i64: 1>} : tensor<8xf64> -> tensor<64x8xf64>
  %e = diptych.exp %c : tensor<64xf64> -> tensor<64xf64>
  %eb = diptych.broadcast %e {axes = array<i64: 0>} : tensor<64xf64> -> tensor<64x8xf64>
  %a = diptych.div %x, %sb : tensor<64x8xf64>, tensor<64x8xf64> -> tensor<64x8xf64>
  %b = diptych.mul %a, %eb : tensor<64x8xf64>, tensor<64x8xf64> -> tensor<64x8xf64>
  return %b : tensor<64x8xf64>
}

// A vector that scales a product's right operand is stored, so that the product has little to do for
// each element where it reads it.
// CHECK-LABEL: @scales_an_operand
// CHECK: %[[C:.*]] = diptych.fusion "pointwise"
// CHECK: diptych.exp
// CHECK: diptych.sqrt
// CHECK: %[[Y:.*]] = diptych.fusion "pointwise" ({{.*}}%[[C]]
// CHECK-NOT: diptych.sqrt
// CHECK: diptych.mul
// CHECK: diptych.matmul %{{.*}}, %[[Y]]
func.func @scales_an_operand(%x: tensor<4000x16xf64>, %c: tensor<4000xf64>) -> tensor<16x16xf64> {
  %e = diptych.exp %c : tensor<4000xf64> -> tensor<4000xf64>
  %s = diptych.sqrt %e : tensor<4000xf64> -> tensor<4000xf64>
  %b = diptych.broadcast %s {axes = array<i64: 0>} : tensor<4000xf64> -> tensor<4000x16xf64>
  %y = diptych.mul %x, %b : tensor<4000x16xf64>, tensor<4000x16xf64> -> tensor<4000x16xf64>
  %t = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<4000x16xf64> -> tensor<16x4000xf64>
  %p = diptych.matmul %t, %y : tensor<16x4000xf64>, tensor<4000x16xf64> -> tensor<16x16xf64>
  return %p : tensor<16x16xf64>
}

// Sums of windows go window after window: computed among places, the quotient would be computed for each.
// CHECK-LABEL: @quotients_of_windows
// CHECK: diptych.fusion "pointwise"
// CHECK: diptych.div
// CHECK: diptych.fusion "pointwise"
// CHECK: diptych.mul
// CHECK: diptych.overlap_add
func.func @quotients_of_windows(%x: tensor<8x5xf64>, %a: tensor<8xf64>, %b: tensor<8xf64>) -> tensor<12xf64> {
  %q = diptych.div %a, %b : tensor<8xf64>, tensor<8xf64> -> tensor<8xf64>
  %w = diptych.broadcast %q {axes = array<i64: 0>} : tensor<8xf64> -> tensor<8x5xf64>
  %m = diptych.mul %x, %w : tensor<8x5xf64>, tensor<8x5xf64> -> tensor<8x5xf64>
  %y = diptych.overlap_add %m {axes = array<i64: 0>, strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<8x5xf64> -> tensor<12xf64>
  return %y : tensor<12xf64>
}
