// Pads and concatenations along one axis join kernels, which are cut where their pieces meet.
// RUN: diptych-opt %s --diptych-form-fusions | FileCheck %s

// CHECK-LABEL: @reads_pieces
// CHECK: diptych.fusion "pieces"
// CHECK: diptych.pad
// CHECK: diptych.concatenate
// CHECK: diptych.add
// CHECK-NOT: diptych.fusion
func.func @reads_pieces(%x: tensor<90xf64>, %y: tensor<10xf64>) -> tensor<100xf64> {
  %p = diptych.pad %x {low = array<i64: 4>, high = array<i64: 6>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<90xf64> -> tensor<100xf64>
  %c = diptych.concatenate %x, %y {axis = 0 : i64} : tensor<90xf64>, tensor<10xf64> -> tensor<100xf64>
  %s = diptych.add %p, %c : tensor<100xf64>, tensor<100xf64> -> tensor<100xf64>
  return %s : tensor<100xf64>
}

// A pad inside a concatenation is at other places: it is an array.
// CHECK-LABEL: @nested
// CHECK: diptych.fusion "pointwise"
// CHECK: diptych.pad
// CHECK: diptych.fusion "pieces"
// CHECK: diptych.concatenate
// CHECK-NEXT: diptych.exp
func.func @nested(%x: tensor<3xf64>) -> tensor<8xf64> {
  %a = diptych.exp %x : tensor<3xf64> -> tensor<3xf64>
  %p = diptych.pad %a {low = array<i64: 1>, high = array<i64: 1>, interior = array<i64: 0>, value = 0.0 : f64} : tensor<3xf64> -> tensor<5xf64>
  %c = diptych.concatenate %p, %x {axis = 0 : i64} : tensor<5xf64>, tensor<3xf64> -> tensor<8xf64>
  %b = diptych.exp %c : tensor<8xf64> -> tensor<8xf64>
  return %b : tensor<8xf64>
}

// Cuts are of one axis: what is padded along another is padded in memory.
// CHECK-LABEL: @one_axis
// CHECK: %[[P:.*]] = diptych.pad %arg0
// CHECK: diptych.fusion "pieces" ({{.*}} = %[[P]]
// CHECK: diptych.pad {{.*}}low = array<i64: 0, 2>
// CHECK: diptych.add
func.func @one_axis(%x: tensor<8x100xf64>, %y: tensor<10x98xf64>) -> tensor<10x100xf64> {
  %p = diptych.pad %x {low = array<i64: 2, 0>, high = array<i64: 0, 0>, interior = array<i64: 0, 0>, value = 0.0 : f64} : tensor<8x100xf64> -> tensor<10x100xf64>
  %q = diptych.pad %y {low = array<i64: 0, 2>, high = array<i64: 0, 0>, interior = array<i64: 0, 0>, value = 0.0 : f64} : tensor<10x98xf64> -> tensor<10x100xf64>
  %s = diptych.add %p, %q : tensor<10x100xf64>, tensor<10x100xf64> -> tensor<10x100xf64>
  return %s : tensor<10x100xf64>
}

// Rows of three elements would leave most lanes idle.
// CHECK-LABEL: @short_rows
// CHECK-NOT: "pieces"
// CHECK: diptych.pad
// CHECK: diptych.fusion "pointwise"
func.func @short_rows(%x: tensor<100x3xf64>) -> tensor<100x4xf64> {
  %p = diptych.pad %x {low = array<i64: 0, 1>, high = array<i64: 0, 0>, interior = array<i64: 0, 0>, value = 0.0 : f64} : tensor<100x3xf64> -> tensor<100x4xf64>
  %e = diptych.exp %p : tensor<100x4xf64> -> tensor<100x4xf64>
  return %e : tensor<100x4xf64>
}

// Readers of a sum from its end are turned, and pads with them: the other end is padded.
// CHECK-LABEL: @turned
// CHECK: diptych.fusion "scan"
// CHECK: diptych.fusion "pieces"
// CHECK: diptych.pad {{.*}}high = array<i64: 1, 0>, interior = array<i64: 0, 0>, low = array<i64: 0, 0>
// CHECK: diptych.add
func.func @turned(%x: tensor<10x64xf64>, %z: tensor<9x64xf64>) -> tensor<10x64xf64> {
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<10x64xf64> -> tensor<10x64xf64>
  %r = diptych.reverse %s {axes = array<i64: 0>} : tensor<10x64xf64> -> tensor<10x64xf64>
  %t = diptych.slice %r {starts = array<i64: 1, 0>, limits = array<i64: 10, 64>, strides = array<i64: 1, 1>} : tensor<10x64xf64> -> tensor<9x64xf64>
  %m = diptych.mul %t, %z : tensor<9x64xf64>, tensor<9x64xf64> -> tensor<9x64xf64>
  %p = diptych.pad %m {low = array<i64: 1, 0>, high = array<i64: 0, 0>, interior = array<i64: 0, 0>, value = 0.0 : f64} : tensor<9x64xf64> -> tensor<10x64xf64>
  %y = diptych.add %p, %r : tensor<10x64xf64>, tensor<10x64xf64> -> tensor<10x64xf64>
  return %y : tensor<10x64xf64>
}
