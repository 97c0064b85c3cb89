// Cumulative operators join kernels that go in the order of their axis.
// RUN: diptych-opt %s --diptych-form-fusions | FileCheck %s

// What is summed, the sums along one axis and what reads them element by element are one kernel.
// CHECK-LABEL: @moments
// CHECK: %[[Y:.*]] = diptych.fusion "scan" (%{{.*}} = %arg0 : tensor<10x64xf64>) -> tensor<10x64xf64> {
// CHECK: diptych.mul
// CHECK-COUNT-2: diptych.cumsum
// CHECK: diptych.sub
// CHECK: diptych.yield
// CHECK-NOT: diptych.cumsum
// CHECK: return %[[Y]]
func.func @moments(%x: tensor<10x64xf64>) -> tensor<10x64xf64> {
  %q = diptych.mul %x, %x : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %t = diptych.cumsum %q {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %m = diptych.sub %t, %s : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  return %m : tensor<10x64xf64>
}

// Read backwards, a sum is stored before: its reader is another kernel. Two such sums share one.
// CHECK-LABEL: @both_ways
// CHECK: %[[B:.*]]:2 = diptych.fusion "scan" (%{{.*}} = %arg0 : tensor<10x64xf64>) -> (tensor<10x64xf64>, tensor<10x64xf64>)
// CHECK: diptych.fusion "scan" ({{.*}} = %[[B]]#{{[01]}} : {{.*}} = %[[B]]#{{[01]}} :
func.func @both_ways(%x: tensor<10x64xf64>) -> tensor<10x64xf64> {
  %q = diptych.mul %x, %x : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  %r = diptych.reverse %x {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %p = diptych.reverse %q {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %rs = diptych.cumsum %r {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %ps = diptych.cumsum %p {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %back = diptych.reverse %rs {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %back2 = diptych.reverse %ps {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %m = diptych.mul %back, %s : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  %n = diptych.add %m, %back2 : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  return %n : tensor<10x64xf64>
}

// What reads a sum from the end goes from the end too, and so joins its kernel. Then the result is
// turned, not the sum.
// CHECK-LABEL: @from_the_end
// CHECK: %[[G:.*]] = diptych.fusion "scan" ({{.*}} = %arg1 : {{.*}} = %arg0 : {{.*}}) -> tensor<10x64xf64> {
// CHECK-COUNT-2: diptych.reverse
// CHECK: diptych.cumsum
// CHECK-NOT: diptych.reverse
// CHECK: diptych.mul
// CHECK: diptych.yield
// CHECK: %[[R:.*]] = diptych.reverse %[[G]]
// CHECK: return %[[R]]
func.func @from_the_end(%g: tensor<10x64xf64>, %y: tensor<10x64xf64>) -> tensor<10x64xf64> {
  %r = diptych.reverse %g {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %s = diptych.cumsum %r {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %b = diptych.reverse %s {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %m = diptych.mul %b, %y : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  return %m : tensor<10x64xf64>
}

// Also where the reader needs it at another place by way of a member.
// CHECK-LABEL: @read_elsewhere
// CHECK: %[[S:.*]] = diptych.fusion "scan"
// CHECK-NEXT: diptych.cumsum
// CHECK-NEXT: diptych.yield
// CHECK: diptych.fusion "pointwise" (%{{.*}} = %[[S]] :
// CHECK-NOT: diptych.cumsum
func.func @read_elsewhere(%x: tensor<8x8xf64>) -> tensor<8x8xf64> {
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<8x8xf64> -> tensor<8x8xf64>
  %e = diptych.neg %s : tensor<8x8xf64> -> tensor<8x8xf64>
  %t = diptych.transpose %e {axes = array<i64: 1, 0>} : tensor<8x8xf64> -> tensor<8x8xf64>
  %a = diptych.add %e, %t : tensor<8x8xf64>, tensor<8x8xf64> -> tensor<8x8xf64>
  return %a : tensor<8x8xf64>
}

// Sums of sums, and a recurrence, in one loop.
// CHECK-LABEL: @nested
// CHECK: diptych.fusion "scan"
// CHECK: diptych.cumsum
// CHECK: diptych.linear_recurrence
// CHECK: diptych.cumsum
// CHECK: diptych.yield
func.func @nested(%x: tensor<3x10x64xf32>, %d: tensor<3x10x64xf32>) -> tensor<3x10x64xf32> {
  %s = diptych.cumsum %x {axis = 1 : i64} : tensor<3x10x64xf32> -> tensor<3x10x64xf32>
  %r = diptych.linear_recurrence %d, %s {axis = 1 : i64} : tensor<3x10x64xf32>, tensor<3x10x64xf32> -> tensor<3x10x64xf32>
  %u = diptych.cumsum %r {axis = 1 : i64} : tensor<3x10x64xf32> -> tensor<3x10x64xf32>
  return %u : tensor<3x10x64xf32>
}

// Along the last axis they have kernels of their own; sums along two axes do not meet.
// CHECK-LABEL: @last_axis
// CHECK-NOT: "scan"
// CHECK: return
func.func @last_axis(%y: tensor<64x10xf64>) -> tensor<64x10xf64> {
  %e = diptych.exp %y : tensor<64x10xf64> -> tensor<64x10xf64>
  %t = diptych.cumsum %e {axis = 1 : i64} : tensor<64x10xf64> -> tensor<64x10xf64>
  return %t : tensor<64x10xf64>
}
// CHECK-LABEL: @two_axes
// CHECK: diptych.fusion "scan"
// CHECK-NEXT: diptych.cumsum %{{.*}} {axis = 1 : i64}
// CHECK-NEXT: diptych.yield
// CHECK: diptych.fusion "scan"
// CHECK-NEXT: diptych.cumsum %{{.*}} {axis = 0 : i64}
// CHECK-NEXT: diptych.neg
func.func @two_axes(%x: tensor<5x10x64xf64>) -> tensor<5x10x64xf64> {
  %s = diptych.cumsum %x {axis = 1 : i64} : tensor<5x10x64xf64> -> tensor<5x10x64xf64>
  %t = diptych.cumsum %s {axis = 0 : i64} : tensor<5x10x64xf64> -> tensor<5x10x64xf64>
  %n = diptych.neg %t : tensor<5x10x64xf64> -> tensor<5x10x64xf64>
  return %n : tensor<5x10x64xf64>
}
