// Every covered operator, by the grammar; export_stablehlo_peer.test runs the same with a StableHLO compiler.
// RUN: diptych export %s -o %t.mlir
// RUN: python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// PARSED: {{[89][0-9]}} operations parsed
// RUN: FileCheck %s < %t.mlir
// CHECK: module @diptych {
// CHECK-NEXT: func.func public @main(%arg0: tensor<2x3xf64>, %arg1: tensor<3x4xf64>, %arg2: tensor<2xi64>)
// CHECK: stablehlo.dot_general %arg0, %arg1, contracting_dims = [1] x [0] : (tensor<2x3xf64>, tensor<3x4xf64>) -> tensor<2x4xf64>
// CHECK: stablehlo.reduce({{%[0-9]+}} init: {{%[0-9]+}}) applies stablehlo.add across dimensions = [1]
// CHECK: return

// What it can't say is named, with its line.
// RUN: sh %S/Inputs/exit_code.sh diptych export %s --function solves | FileCheck %s --check-prefix=SOLVE
// SOLVE: diptych: export_stablehlo.mlir:102: stablehlo: expected operators that StableHLO has, got diptych.det; leave it out
// SOLVE-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych export %s --function none | FileCheck %s --check-prefix=NONE
// NONE: expected a function @none
// RUN: sh %S/Inputs/exit_code.sh diptych export %s -o %t.none/x | FileCheck %s --check-prefix=WRITE
// WRITE: diptych: export: cannot write {{.*}}/x: No such file or directory
// WRITE-NEXT: exit code 3

// A derivative is expanded; a saved function's weights are constants.
// RUN: diptych export %s --function slope -o %t.slope.mlir && python3 %S/Inputs/check_stablehlo.py %t.slope.mlir
// RUN: diptych export %diptych_source/tests/unit/Inputs/saved_0.1.0_weights.diptych -o %t.saved.mlir
// RUN: python3 %S/Inputs/check_stablehlo.py %t.saved.mlir
// RUN: FileCheck %s --check-prefix=SAVED < %t.saved.mlir
// SAVED: @main(%arg0: tensor<3xf64>) -> (tensor<f64>)
// SAVED: stablehlo.constant dense<{{.*}}> : tensor<5x3xf64>

func.func @main(%x: tensor<2x3xf64>, %w: tensor<3x4xf64>, %i: tensor<2xi64>)
    -> (tensor<2xf64>, tensor<2x4xf64>, tensor<3x2xf64>, tensor<2x3xf64>, tensor<4x3xf32>, tensor<2x3xi1>, tensor<1x2x2x4xf64>, tensor<3x2xf64>, tensor<2xi64>) {
  %m = diptych.matmul %x, %w : tensor<2x3xf64>, tensor<3x4xf64> -> tensor<2x4xf64>
  %t = diptych.tanh %m : tensor<2x4xf64> -> tensor<2x4xf64>
  %s = diptych.sum %t {axes = array<i64: 1>} : tensor<2x4xf64> -> tensor<2xf64>
  %p = diptych.prod %t {axes = array<i64: 1>} : tensor<2x4xf64> -> tensor<2xf64>
  %hi = diptych.max %t {axes = array<i64: 1>} : tensor<2x4xf64> -> tensor<2xf64>
  %lo = diptych.min %t {axes = array<i64: 1>} : tensor<2x4xf64> -> tensor<2xf64>
  %s1 = diptych.add %s, %p : tensor<2xf64>, tensor<2xf64> -> tensor<2xf64>
  %s2 = diptych.sub %hi, %lo : tensor<2xf64>, tensor<2xf64> -> tensor<2xf64>
  %s3 = diptych.mul %s1, %s2 : tensor<2xf64>, tensor<2xf64> -> tensor<2xf64>
  %a = diptych.softplus %m : tensor<2x4xf64> -> tensor<2x4xf64>
  %b = diptych.relu %a : tensor<2x4xf64> -> tensor<2x4xf64>
  %c = diptych.atan %b : tensor<2x4xf64> -> tensor<2x4xf64>
  %d = diptych.sigmoid %c : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_exp = diptych.exp %d : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_log = diptych.log %d_exp : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_sqrt = diptych.sqrt %d_log : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_log1p = diptych.log1p %d_sqrt : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_sin = diptych.sin %d_log1p : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_cos = diptych.cos %d_sin : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_tan = diptych.tan %d_cos : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_neg = diptych.neg %d_tan : tensor<2x4xf64> -> tensor<2x4xf64>
  %d_div = diptych.div %d_neg, %d : tensor<2x4xf64>, tensor<2x4xf64> -> tensor<2x4xf64>
  %e0 = diptych.abs %d_div : tensor<2x4xf64> -> tensor<2x4xf64>
  %e = diptych.cbrt %e0 : tensor<2x4xf64> -> tensor<2x4xf64>
  %f = diptych.rsqrt %e : tensor<2x4xf64> -> tensor<2x4xf64>
  %xt = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x2xf64>
  %xr = diptych.reverse %xt {axes = array<i64: 0>} : tensor<3x2xf64> -> tensor<3x2xf64>
  %ex = diptych.exp %xr : tensor<3x2xf64> -> tensor<3x2xf64>
  %em = diptych.expm1 %xr : tensor<3x2xf64> -> tensor<3x2xf64>
  %po = diptych.pow %ex, %em : tensor<3x2xf64>, tensor<3x2xf64> -> tensor<3x2xf64>
  %fl = diptych.floor %x : tensor<2x3xf64> -> tensor<2x3xf64>
  %ce = diptych.ceil %x : tensor<2x3xf64> -> tensor<2x3xf64>
  %ro = diptych.round %x : tensor<2x3xf64> -> tensor<2x3xf64>
  %sg = diptych.sign %x : tensor<2x3xf64> -> tensor<2x3xf64>
  %ab = diptych.abs %x : tensor<2x3xf64> -> tensor<2x3xf64>
  %f1 = diptych.add %fl, %ce : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %f2 = diptych.atan2 %ro, %ab : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %f3 = diptych.maximum %f1, %f2 : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %f4 = diptych.minimum %f3, %sg : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %two = diptych.constant dense<[[2.0, 0.7, 2.0], [1.5, 3.0, 2.5]]> : tensor<2x3xf64>
  %f5 = diptych.fmod %x, %two : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %lt = diptych.lt %f5, %f4 : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %ge = diptych.ge %x, %f4 : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %no = diptych.logical_not %ge : tensor<2x3xi1> -> tensor<2x3xi1>
  %c_eq = diptych.eq %x, %two : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %c_ne = diptych.ne %x, %two : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %c_le = diptych.le %x, %two : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %c_gt = diptych.gt %x, %two : tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xi1>
  %l1 = diptych.logical_and %c_ne, %c_le : tensor<2x3xi1>, tensor<2x3xi1> -> tensor<2x3xi1>
  %l2 = diptych.logical_xor %l1, %c_gt : tensor<2x3xi1>, tensor<2x3xi1> -> tensor<2x3xi1>
  %l3 = diptych.logical_or %l2, %c_eq : tensor<2x3xi1>, tensor<2x3xi1> -> tensor<2x3xi1>
  %an0 = diptych.logical_xor %lt, %l3 : tensor<2x3xi1>, tensor<2x3xi1> -> tensor<2x3xi1>
  %an = diptych.logical_or %an0, %no : tensor<2x3xi1>, tensor<2x3xi1> -> tensor<2x3xi1>
  %wh = diptych.where %an, %f4, %f5 : tensor<2x3xi1>, tensor<2x3xf64>, tensor<2x3xf64> -> tensor<2x3xf64>
  %row = diptych.slice %x {starts = array<i64: 1, 0>, limits = array<i64: 2, 3>, strides = array<i64: 1, 2>} : tensor<2x3xf64> -> tensor<1x2xf64>
  %pd = diptych.pad %row {low = array<i64: 1, 0>, high = array<i64: 2, 0>, interior = array<i64: 0, 1>, value = -1.5 : f64} : tensor<1x2xf64> -> tensor<4x3xf64>
  %cv = diptych.convert %pd : tensor<4x3xf64> -> tensor<4x3xf32>
  %im = diptych.broadcast %x {axes = array<i64: 3, 4>} : tensor<2x3xf64> -> tensor<1x2x2x2x3xf64>
  %ic = diptych.concatenate %im, %im {axis = 4 : i64} : tensor<1x2x2x2x3xf64>, tensor<1x2x2x2x3xf64> -> tensor<1x2x2x2x6xf64>
  %ke = diptych.iota {axis = 4 : i64} : tensor<2x2x2x1x3xf64>
  %co = diptych.convolution %ic, %ke {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<1x2x2x2x6xf64>, tensor<2x2x2x1x3xf64> -> tensor<1x2x2x2x4xf64>
  %cs = diptych.sum %co {axes = array<i64: 1>} : tensor<1x2x2x2x4xf64> -> tensor<1x2x2x4xf64>
  %ga = diptych.gather %xt, %i {axis = 1 : i64} : tensor<3x2xf64>, tensor<2xi64> -> tensor<3x2xf64>
  %gb = diptych.reshape %ga : tensor<3x2xf64> -> tensor<6xf64>
  %gc = diptych.reshape %gb : tensor<6xf64> -> tensor<3x2xf64>
  %io = diptych.iota {axis = 0 : i64} : tensor<2xi64>
  %in = diptych.sub %io, %i : tensor<2xi64>, tensor<2xi64> -> tensor<2xi64>
  return %s3, %f, %po, %wh, %cv, %an, %cs, %gc, %in : tensor<2xf64>, tensor<2x4xf64>, tensor<3x2xf64>, tensor<2x3xf64>, tensor<4x3xf32>, tensor<2x3xi1>, tensor<1x2x2x4xf64>, tensor<3x2xf64>, tensor<2xi64>
}
func.func @solves(%x: tensor<3x3xf64>) -> tensor<f64> {
  %y = diptych.det %x {regular = true} : tensor<3x3xf64> -> tensor<f64>
  return %y : tensor<f64>
}
func.func private @loss(%w: tensor<3xf64>, %x: tensor<5x3xf64>) -> tensor<f64> {
  %c = diptych.reshape %w : tensor<3xf64> -> tensor<3x1xf64>
  %m = diptych.matmul %x, %c : tensor<5x3xf64>, tensor<3x1xf64> -> tensor<5x1xf64>
  %t = diptych.tanh %m : tensor<5x1xf64> -> tensor<5x1xf64>
  %s = diptych.sum %t {axes = array<i64: 0, 1>} : tensor<5x1xf64> -> tensor<f64>
  return %s : tensor<f64>
}
func.func @slope(%w: tensor<3xf64>, %x: tensor<5x3xf64>) -> (tensor<f64>, tensor<3xf64>) {
  %one = diptych.constant dense<1.0> : tensor<f64>
  %y, %dw = diptych.vjp @loss(%w, %x) cotangents(%one) wrt [0] : (tensor<3xf64>, tensor<5x3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  return %y, %dw : tensor<f64>, tensor<3xf64>
}
