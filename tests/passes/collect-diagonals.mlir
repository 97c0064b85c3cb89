// RUN: diptych-opt --diptych-collect-diagonals %s | FileCheck %s

// Two diagonals: two masks, and only vectors are multiplied.
// CHECK-LABEL: @two
// CHECK: diptych.mul {{.*}} -> tensor<5xf64>
// CHECK-NOT: diptych.mul {{.*}} -> tensor<6x5xf64>
// CHECK: diptych.where
// CHECK: %[[W:.*]] = diptych.where
// CHECK: return %[[W]]
func.func @two(%a: tensor<5xf64>, %b: tensor<5xf64>) -> tensor<6x5xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 5>, starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %y = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<5xf64> -> tensor<6x5xf64>
  %v = diptych.broadcast %b {axes = array<i64: 1>} : tensor<5xf64> -> tensor<6x5xf64>
  %p = diptych.mul %x, %u : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %q = diptych.mul %v, %y : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %d = diptych.sub %p, %q : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  return %d : tensor<6x5xf64>
}

// By steps of two, and back; numbers of rows are moved to their columns.
// CHECK-LABEL: @steps
// CHECK-NOT: diptych.mul {{.*}} -> tensor<6x3xf64>
// CHECK: diptych.where
// CHECK-NOT: diptych.where
// CHECK: return
func.func @steps(%a: tensor<3xf64>, %b: tensor<6xf64>) -> tensor<6x6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 2>} : tensor<6x6xf64> -> tensor<6x3xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<3xf64> -> tensor<6x3xf64>
  %v = diptych.broadcast %b {axes = array<i64: 0>} : tensor<6xf64> -> tensor<6x3xf64>
  %p = diptych.mul %x, %u : tensor<6x3xf64>, tensor<6x3xf64> -> tensor<6x3xf64>
  %q = diptych.mul %p, %v : tensor<6x3xf64>, tensor<6x3xf64> -> tensor<6x3xf64>
  %d = diptych.pad %q {high = array<i64: 0, 1>, interior = array<i64: 0, 1>, low = array<i64: 0, 0>, value = 0.000000e+00 : f64} : tensor<6x3xf64> -> tensor<6x6xf64>
  return %d : tensor<6x6xf64>
}

// Diagonals of different steps may meet: they are added.
// CHECK-LABEL: @crossing
// CHECK: %[[A:.*]] = diptych.where
// CHECK: %[[B:.*]] = diptych.where
// CHECK: diptych.add %[[B]], %[[A]]
func.func @crossing(%a: tensor<3xf64>) -> tensor<6x3xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 0>, strides = array<i64: 1, 2>} : tensor<6x6xf64> -> tensor<6x3xf64>
  %y = diptych.slice %i {limits = array<i64: 6, 3>, starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x3xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<3xf64> -> tensor<6x3xf64>
  %p = diptych.mul %x, %u : tensor<6x3xf64>, tensor<6x3xf64> -> tensor<6x3xf64>
  %q = diptych.add %p, %y : tensor<6x3xf64>, tensor<6x3xf64> -> tensor<6x3xf64>
  return %q : tensor<6x3xf64>
}

// A sum over columns is each diagonal's numbers in their rows.
// CHECK-LABEL: @sums
// CHECK-NOT: tensor<6x5xf64>
// CHECK: diptych.pad
// CHECK: diptych.pad
// CHECK: %[[S:.*]] = diptych.add
// CHECK: return %[[S]]
func.func @sums(%a: tensor<5xf64>) -> tensor<6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 5>, starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %y = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<5xf64> -> tensor<6x5xf64>
  %p = diptych.mul %x, %u : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %d = diptych.sub %p, %y : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %s = diptych.sum %d {axes = array<i64: 1>} : tensor<6x5xf64> -> tensor<6xf64>
  return %s : tensor<6xf64>
}

// Products are sums of rows or of columns.
// CHECK-LABEL: @rows
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @rows(%a: tensor<5xf64>, %m: tensor<5x4xf64>) -> tensor<6x4xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 5>, starts = array<i64: 0, 0>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %y = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<5xf64> -> tensor<6x5xf64>
  %p = diptych.mul %x, %u : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %d = diptych.sub %p, %y : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %s = diptych.matmul %d, %m : tensor<6x5xf64>, tensor<5x4xf64> -> tensor<6x4xf64>
  return %s : tensor<6x4xf64>
}
// CHECK-LABEL: @columns
// CHECK-NOT: diptych.matmul
// CHECK: return
func.func @columns(%a: tensor<3xf64>, %m: tensor<4x6xf64>) -> tensor<4x3xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 2>} : tensor<6x6xf64> -> tensor<6x3xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<3xf64> -> tensor<6x3xf64>
  %p = diptych.mul %x, %u : tensor<6x3xf64>, tensor<6x3xf64> -> tensor<6x3xf64>
  %s = diptych.matmul %m, %p : tensor<4x6xf64>, tensor<6x3xf64> -> tensor<4x3xf64>
  return %s : tensor<4x3xf64>
}

// Rows that a slice hides stay hidden where rows are padded: nothing is known then, before that all.
// CHECK-LABEL: @hidden
// CHECK: diptych.where
// CHECK: diptych.pad
func.func @hidden(%a: tensor<6xf64>) -> tensor<6x6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<6xf64> -> tensor<6x6xf64>
  %p = diptych.mul %i, %u : tensor<6x6xf64>, tensor<6x6xf64> -> tensor<6x6xf64>
  %x = diptych.slice %p {limits = array<i64: 4, 6>, starts = array<i64: 1, 0>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<3x6xf64>
  %n = diptych.neg %x : tensor<3x6xf64> -> tensor<3x6xf64>
  %d = diptych.pad %n {high = array<i64: 1, 0>, interior = array<i64: 0, 0>, low = array<i64: 2, 0>, value = 0.000000e+00 : f64} : tensor<3x6xf64> -> tensor<6x6xf64>
  return %d : tensor<6x6xf64>
}

// CHECK-LABEL: @turned
// CHECK-NOT: diptych.transpose
// CHECK: return
func.func @turned(%a: tensor<5xf64>) -> tensor<5x6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %x = diptych.slice %i {limits = array<i64: 6, 6>, starts = array<i64: 0, 1>, strides = array<i64: 1, 1>} : tensor<6x6xf64> -> tensor<6x5xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<5xf64> -> tensor<6x5xf64>
  %p = diptych.mul %x, %u : tensor<6x5xf64>, tensor<6x5xf64> -> tensor<6x5xf64>
  %t = diptych.transpose %p {axes = array<i64: 1, 0>} : tensor<6x5xf64> -> tensor<5x6xf64>
  return %t : tensor<5x6xf64>
}

// CHECK-LABEL: @chosen
// CHECK-NOT: tensor<6x6xf64>, tensor<6xf64>
// CHECK: diptych.where {{.*}} -> tensor<6xf64>
func.func @chosen(%a: tensor<6xf64>, %on: tensor<6xi1>) -> tensor<6x6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<6xf64> -> tensor<6x6xf64>
  %p = diptych.mul %i, %u : tensor<6x6xf64>, tensor<6x6xf64> -> tensor<6x6xf64>
  %z = diptych.constant dense<0.000000e+00> : tensor<6x6xf64>
  %w = diptych.broadcast %on {axes = array<i64: 1>} : tensor<6xi1> -> tensor<6x6xi1>
  %d = diptych.where %w, %p, %z : tensor<6x6xi1>, tensor<6x6xf64>, tensor<6x6xf64> -> tensor<6x6xf64>
  return %d : tensor<6x6xf64>
}

// What is no diagonal stays, and so does what is as cheap as its diagonals.
// CHECK-LABEL: @left
// CHECK: %[[P:.*]] = diptych.mul
// CHECK: %[[D:.*]] = diptych.add %[[P]], %arg1
// CHECK: return %[[D]]
func.func @left(%a: tensor<6xf64>, %b: tensor<6x6xf64>) -> tensor<6x6xf64> {
  %r = diptych.iota {axis = 0 : i64} : tensor<6x6xi64>
  %c = diptych.iota {axis = 1 : i64} : tensor<6x6xi64>
  %e = diptych.eq %r, %c : tensor<6x6xi64>, tensor<6x6xi64> -> tensor<6x6xi1>
  %i = diptych.convert %e : tensor<6x6xi1> -> tensor<6x6xf64>
  %u = diptych.broadcast %a {axes = array<i64: 1>} : tensor<6xf64> -> tensor<6x6xf64>
  %p = diptych.mul %i, %u : tensor<6x6xf64>, tensor<6x6xf64> -> tensor<6x6xf64>
  %d = diptych.add %p, %b : tensor<6x6xf64>, tensor<6x6xf64> -> tensor<6x6xf64>
  return %d : tensor<6x6xf64>
}
