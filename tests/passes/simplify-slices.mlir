// RUN: diptych-opt --diptych-simplify=numerics=standard %s | FileCheck %s

// Nothing is computed of a part that is not read.
// CHECK-LABEL: @parts
// CHECK-NOT: diptych.exp %arg0
// CHECK: %[[E:.*]] = diptych.exp %arg2
// CHECK: %[[B:.*]] = diptych.slice %arg1 {{.*}}starts = array<i64: 1>
// CHECK: diptych.concatenate %[[B]], %[[E]]
func.func @parts(%a: tensor<4xf64>, %b: tensor<3xf64>, %c: tensor<2xf64>) -> tensor<4xf64> {
  %x = diptych.exp %a : tensor<4xf64> -> tensor<4xf64>
  %e = diptych.exp %c : tensor<2xf64> -> tensor<2xf64>
  %j = diptych.concatenate %x, %b, %e {axis = 0 : i64} : tensor<4xf64>, tensor<3xf64>, tensor<2xf64> -> tensor<9xf64>
  %s = diptych.slice %j {starts = array<i64: 5>, limits = array<i64: 9>, strides = array<i64: 1>} : tensor<9xf64> -> tensor<4xf64>
  return %s : tensor<4xf64>
}

// What is added to it is cut first.
// CHECK-LABEL: @sum
// CHECK-NOT: concatenate
// CHECK-DAG: %[[B:.*]] = diptych.slice %arg1 {{.*}}starts = array<i64: 1>
// CHECK-DAG: %[[W:.*]] = diptych.slice %arg2 {{.*}}starts = array<i64: 5>
// CHECK: diptych.add %[[B]], %[[W]]
func.func @sum(%a: tensor<4xf64>, %b: tensor<3xf64>, %w: tensor<7xf64>) -> tensor<2xf64> {
  %j = diptych.concatenate %a, %b {axis = 0 : i64} : tensor<4xf64>, tensor<3xf64> -> tensor<7xf64>
  %t = diptych.add %j, %w : tensor<7xf64>, tensor<7xf64> -> tensor<7xf64>
  %s = diptych.slice %t {starts = array<i64: 5>, limits = array<i64: 7>, strides = array<i64: 1>} : tensor<7xf64> -> tensor<2xf64>
  return %s : tensor<2xf64>
}

// Who else reads what is joined needs it in one piece.
// CHECK-LABEL: @read_twice
// CHECK: %[[J:.*]] = diptych.concatenate %arg0, %arg1
// CHECK: diptych.slice %[[J]]
func.func @read_twice(%a: tensor<4xf64>, %b: tensor<3xf64>) -> (tensor<7xf64>, tensor<3xf64>) {
  %j = diptych.concatenate %a, %b {axis = 0 : i64} : tensor<4xf64>, tensor<3xf64> -> tensor<7xf64>
  %s = diptych.slice %j {starts = array<i64: 3>, limits = array<i64: 6>, strides = array<i64: 1>} : tensor<7xf64> -> tensor<3xf64>
  return %j, %s : tensor<7xf64>, tensor<3xf64>
}
