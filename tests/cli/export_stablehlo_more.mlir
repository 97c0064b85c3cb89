// Operators that StableHLO has no one operation for, loops and branches: by the grammar, regions included;
// export_stablehlo_peer.test runs the same with a StableHLO compiler.
// RUN: diptych export %s --function moves -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: diptych export %s --function order -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: diptych export %s --function rolls -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: diptych export %s --function numbers -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: diptych export %s --function matrices -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: diptych export %s --function loops -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// RUN: FileCheck %s < %t.mlir
// RUN: diptych export %s --function slope -o %t.mlir && python3 %S/Inputs/check_stablehlo.py %t.mlir | FileCheck %s --check-prefix=PARSED
// PARSED: {{[1-9][0-9]+}} operations parsed

// The checker sees what is wrong in a region.
// RUN: diptych export %s --function loops -o %t.mlir
// RUN: sed 's/"stablehlo.if"/"stablehlo.while"/' %t.mlir > %t.wrong.mlir && not python3 %S/Inputs/check_stablehlo.py %t.wrong.mlir
// RUN: sed 's/stablehlo.return \(%[0-9]*\) : tensor<i1>/stablehlo.return \1 : tensor<f64>/' %t.mlir > %t.wrong.mlir && not python3 %S/Inputs/check_stablehlo.py %t.wrong.mlir

// CHECK: "stablehlo.while"(
// CHECK-NEXT: ^bb0(
// CHECK: stablehlo.compare LT
// CHECK: stablehlo.return {{.*}} : tensor<i1>
// CHECK-NEXT: }, {
// CHECK: stablehlo.dynamic_slice
// CHECK: stablehlo.dynamic_update_slice
// CHECK: "stablehlo.if"(

func.func @moves(%x: tensor<2x7xf64>, %i: tensor<3xi64>) -> (tensor<2x3x3xf64>, tensor<1x2x3x4xf64>, tensor<2x7xf64>, tensor<2x7xf64>, tensor<2x7xf64>, tensor<5xi32>) {
  %w = diptych.windows %x {axes = array<i64: 1>, sizes = array<i64: 3>, strides = array<i64: 2>, dilations = array<i64: 1>} : tensor<2x7xf64> -> tensor<2x3x3xf64>
  %v = diptych.windows %x {axes = array<i64: 0, 1>, sizes = array<i64: 2, 4>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<2x7xf64> -> tensor<1x2x4x4xf64>
  %u = diptych.slice %v {starts = array<i64: 0, 0, 1, 0>, limits = array<i64: 1, 2, 4, 4>, strides = array<i64: 1, 1, 1, 1>} : tensor<1x2x4x4xf64> -> tensor<1x2x3x4xf64>
  %o = diptych.overlap_add %w {axes = array<i64: 1>, strides = array<i64: 2>, dilations = array<i64: 1>} : tensor<2x3x3xf64> -> tensor<2x7xf64>
  %g = diptych.gather %x, %i {axis = 1 : i64} : tensor<2x7xf64>, tensor<3xi64> -> tensor<2x3xf64>
  %n = diptych.neg %g : tensor<2x3xf64> -> tensor<2x3xf64>
  %a = diptych.scatter_add %x, %i, %n {axis = 1 : i64} : tensor<2x7xf64>, tensor<3xi64>, tensor<2x3xf64> -> tensor<2x7xf64>
  %c = diptych.iota {axis = 1 : i64} : tensor<2x3xf64>
  %s = diptych.scatter %x, %i, %c {axis = 1 : i64} : tensor<2x7xf64>, tensor<3xi64>, tensor<2x3xf64> -> tensor<2x7xf64>
  %k = diptych.iota {axis = 0 : i64} : tensor<5xi32>
  %z = diptych.constant dense<1> : tensor<3xi32>
  %d = diptych.scatter_add %k, %i, %z {axis = 0 : i64} : tensor<5xi32>, tensor<3xi64>, tensor<3xi32> -> tensor<5xi32>
  return %w, %u, %o, %a, %s, %d : tensor<2x3x3xf64>, tensor<1x2x3x4xf64>, tensor<2x7xf64>, tensor<2x7xf64>, tensor<2x7xf64>, tensor<5xi32>
}

func.func @order(%x: tensor<3x5xf64>, %i: tensor<6xi32>)
    -> (tensor<3xi64>, tensor<5xi64>, tensor<i64>, tensor<3x5xf64>, tensor<6xi32>, tensor<3x5xf64>, tensor<3x5xi64>, tensor<3x5xi64>,
        tensor<3x5xi64>, tensor<3x5xi64>, tensor<6xi64>, tensor<3x5xi64>, tensor<3x2xi64>) {
  %r = diptych.sqrt %x : tensor<3x5xf64> -> tensor<3x5xf64>
  %am = diptych.argmax %r {axis = 1 : i64} : tensor<3x5xf64> -> tensor<3xi64>
  %an = diptych.argmin %x {axis = 0 : i64} : tensor<3x5xf64> -> tensor<5xi64>
  %ai = diptych.argmax %i {axis = 0 : i64} : tensor<6xi32> -> tensor<i64>
  %cs = diptych.cumsum %x {axis = 1 : i64} : tensor<3x5xf64> -> tensor<3x5xf64>
  %ci = diptych.cumsum %i {axis = 0 : i64} : tensor<6xi32> -> tensor<6xi32>
  %lr = diptych.linear_recurrence %x, %x {axis = 1 : i64} : tensor<3x5xf64>, tensor<3x5xf64> -> tensor<3x5xf64>
  %cm = diptych.argcummax %r {axis = 1 : i64} : tensor<3x5xf64> -> tensor<3x5xi64>
  %cn = diptych.argcummin %x {axis = 0 : i64} : tensor<3x5xf64> -> tensor<3x5xi64>
  %so = diptych.argsort %r {axis = 1 : i64, descending = false} : tensor<3x5xf64> -> tensor<3x5xi64>
  %sd = diptych.argsort %r {axis = 0 : i64, descending = true} : tensor<3x5xf64> -> tensor<3x5xi64>
  %si = diptych.argsort %i {axis = 0 : i64, descending = true} : tensor<6xi32> -> tensor<6xi64>
  %row = diptych.iota {axis = 1 : i64} : tensor<3x5xf64>
  %se = diptych.searchsorted %row, %r {right = false} : tensor<3x5xf64>, tensor<3x5xf64> -> tensor<3x5xi64>
  %two = diptych.slice %row {starts = array<i64: 0, 1>, limits = array<i64: 3, 3>, strides = array<i64: 1, 1>} : tensor<3x5xf64> -> tensor<3x2xf64>
  %sr = diptych.searchsorted %row, %two {right = true} : tensor<3x5xf64>, tensor<3x2xf64> -> tensor<3x2xi64>
  return %am, %an, %ai, %cs, %ci, %lr, %cm, %cn, %so, %sd, %si, %se, %sr
    : tensor<3xi64>, tensor<5xi64>, tensor<i64>, tensor<3x5xf64>, tensor<6xi32>, tensor<3x5xf64>, tensor<3x5xi64>, tensor<3x5xi64>,
      tensor<3x5xi64>, tensor<3x5xi64>, tensor<6xi64>, tensor<3x5xi64>, tensor<3x2xi64>
}

func.func @rolls(%x: tensor<3x5xf64>, %k: tensor<3x5x2xi64>)
    -> (tensor<3x5xi64>, tensor<3x5xi64>, tensor<3x5xf64>, tensor<3x5xf32>, tensor<3x5x2xi64>, tensor<3x5x2xi64>) {
  %r = diptych.sqrt %x : tensor<3x5xf64> -> tensor<3x5xf64>
  %hi = diptych.rolling_argmax %r {axis = 1 : i64, window = array<i64: 3>} : tensor<3x5xf64> -> tensor<3x5xi64>
  %lo = diptych.rolling_argmin %r {axis = 0 : i64, window = array<i64: 9>} : tensor<3x5xf64> -> tensor<3x5xi64>
  %ra = diptych.rolling_rank %r {axis = 1 : i64, window = array<i64: 4>} : tensor<3x5xf64> -> tensor<3x5xf64>
  %f = diptych.convert %r : tensor<3x5xf64> -> tensor<3x5xf32>
  %rf = diptych.rolling_rank %f {axis = 0 : i64, window = array<i64: 2>} : tensor<3x5xf32> -> tensor<3x5xf32>
  %se = diptych.rolling_argselect %r, %k {axis = 1 : i64, window = array<i64: 3>} : tensor<3x5xf64>, tensor<3x5x2xi64> -> tensor<3x5x2xi64>
  %sf = diptych.rolling_argselect %f, %k {axis = 0 : i64, window = array<i64: 2>} : tensor<3x5xf32>, tensor<3x5x2xi64> -> tensor<3x5x2xi64>
  return %hi, %lo, %ra, %rf, %se, %sf
    : tensor<3x5xi64>, tensor<3x5xi64>, tensor<3x5xf64>, tensor<3x5xf32>, tensor<3x5x2xi64>, tensor<3x5x2xi64>
}

func.func @numbers(%x: tensor<6xf64>, %k: tensor<6xi64>)
    -> (tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>,
        tensor<6xi64>, tensor<6xi64>) {
  %erf = diptych.erf %x : tensor<6xf64> -> tensor<6xf64>
  %erfc = diptych.erfc %x : tensor<6xf64> -> tensor<6xf64>
  %inv = diptych.erfinv %erf : tensor<6xf64> -> tensor<6xf64>
  %cdf = diptych.normal_cdf %x : tensor<6xf64> -> tensor<6xf64>
  %lg = diptych.lgamma %x : tensor<6xf64> -> tensor<6xf64>
  %ab = diptych.abs %x : tensor<6xf64> -> tensor<6xf64>
  %di = diptych.digamma %ab : tensor<6xf64> -> tensor<6xf64>
  %sh = diptych.sinh %x : tensor<6xf64> -> tensor<6xf64>
  %ch = diptych.cosh %x : tensor<6xf64> -> tensor<6xf64>
  %hy = diptych.sub %ch, %sh : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  %as = diptych.asin %erf : tensor<6xf64> -> tensor<6xf64>
  %ac = diptych.acos %erf : tensor<6xf64> -> tensor<6xf64>
  %an = diptych.mul %as, %ac : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  %e2 = diptych.exp2 %x : tensor<6xf64> -> tensor<6xf64>
  %l2 = diptych.log2 %e2 : tensor<6xf64> -> tensor<6xf64>
  %l10 = diptych.log10 %e2 : tensor<6xf64> -> tensor<6xf64>
  %lo = diptych.add %l2, %l10 : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  %tr = diptych.trunc %x : tensor<6xf64> -> tensor<6xf64>
  %tl = diptych.add %tr, %lo : tensor<6xf64>, tensor<6xf64> -> tensor<6xf64>
  %c = diptych.iota {axis = 0 : i64} : tensor<6xi64>
  %ph = diptych.philox %k, %c, %k : tensor<6xi64>, tensor<6xi64>, tensor<6xi64> -> tensor<6xi64>
  %st = diptych.constant dense<[0, 1, 11, 63, 64, -1]> : tensor<6xi64>
  %sr = diptych.shift_right %ph, %st : tensor<6xi64>, tensor<6xi64> -> tensor<6xi64>
  return %erf, %erfc, %inv, %cdf, %lg, %di, %hy, %an, %tl, %ph, %sr
    : tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>, tensor<6xf64>,
      tensor<6xi64>, tensor<6xi64>
}

func.func @matrices(%x: tensor<2x3x3xf64>, %b: tensor<2x3x2xf64>) -> (tensor<2x3x3xf64>, tensor<2x3x2xf64>, tensor<2x3x2xf64>) {
  %t = diptych.transpose %x {axes = array<i64: 0, 2, 1>} : tensor<2x3x3xf64> -> tensor<2x3x3xf64>
  %p = diptych.matmul %x, %t : tensor<2x3x3xf64>, tensor<2x3x3xf64> -> tensor<2x3x3xf64>
  %eye = diptych.constant dense<[[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]]> : tensor<2x3x3xf64>
  %d = diptych.add %p, %eye : tensor<2x3x3xf64>, tensor<2x3x3xf64> -> tensor<2x3x3xf64>
  %l = diptych.cholesky %d {check = true} : tensor<2x3x3xf64> -> tensor<2x3x3xf64>
  %y = diptych.triangular_solve %l, %b {lower = true, transposed = false, unit = false, check = true} : tensor<2x3x3xf64>, tensor<2x3x2xf64> -> tensor<2x3x2xf64>
  %z = diptych.triangular_solve %d, %b {lower = false, transposed = true, unit = true, check = true} : tensor<2x3x3xf64>, tensor<2x3x2xf64> -> tensor<2x3x2xf64>
  return %l, %y, %z : tensor<2x3x3xf64>, tensor<2x3x2xf64>, tensor<2x3x2xf64>
}

func.func @loops(%w: tensor<3xf64>, %xs: tensor<4x3xf64>)
    -> (tensor<3xf64>, tensor<4xf64>, tensor<3xf64>, tensor<4x3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<0xf64>) {
  %zero = diptych.constant dense<0.0> : tensor<3xf64>
  %c, %ys = diptych.scan consts(%w) carry(%zero) xs(%xs) length 4 : (tensor<3xf64>, tensor<3xf64>, tensor<4x3xf64>) -> (tensor<3xf64>, tensor<4xf64>) {
  ^bb0(%w0: tensor<3xf64>, %c0: tensor<3xf64>, %x0: tensor<3xf64>):
    %p = diptych.mul %c0, %w0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %n = diptych.add %p, %x0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %s = diptych.sum %n {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
    diptych.yield %n, %s : tensor<3xf64>, tensor<f64>
  }
  %d, %zs = diptych.scan consts() carry(%w) xs(%xs) length 4 reverse : (tensor<3xf64>, tensor<4x3xf64>) -> (tensor<3xf64>, tensor<4x3xf64>) {
  ^bb0(%c0: tensor<3xf64>, %x0: tensor<3xf64>):
    %n = diptych.sub %x0, %c0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    diptych.yield %n, %c0 : tensor<3xf64>, tensor<3xf64>
  }
  %e = diptych.while consts(%w) carry(%c) max_steps 5 : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64> {
  ^bb0(%w0: tensor<3xf64>, %c0: tensor<3xf64>):
    %q = diptych.mul %c0, %c0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %s = diptych.sum %q {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
    %one = diptych.constant dense<0.01> : tensor<f64>
    %more = diptych.gt %s, %one : tensor<f64>, tensor<f64> -> tensor<i1>
    diptych.yield %more : tensor<i1>
  } do {
  ^bb0(%w0: tensor<3xf64>, %c0: tensor<3xf64>):
    %sum = diptych.sum %c0 {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
    %nought = diptych.constant dense<0.0> : tensor<f64>
    %up = diptych.gt %sum, %nought : tensor<f64>, tensor<f64> -> tensor<i1>
    %n = diptych.cond %up(%c0, %w0) : (tensor<i1>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64> {
    ^bb0(%a: tensor<3xf64>, %b: tensor<3xf64>):
      %h = diptych.mul %a, %b : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
      diptych.yield %h : tensor<3xf64>
    } else {
    ^bb0(%a: tensor<3xf64>, %b: tensor<3xf64>):
      %h = diptych.neg %a : tensor<3xf64> -> tensor<3xf64>
      diptych.yield %h : tensor<3xf64>
    }
    diptych.yield %n : tensor<3xf64>
  }
  %none = diptych.constant dense<> : tensor<0x3xf64>
  %f, %nos = diptych.scan consts() carry(%w) xs(%none) length 0 : (tensor<3xf64>, tensor<0x3xf64>) -> (tensor<3xf64>, tensor<0xf64>) {
  ^bb0(%c0: tensor<3xf64>, %x0: tensor<3xf64>):
    %n = diptych.sub %x0, %c0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %s = diptych.sum %n {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
    diptych.yield %n, %s : tensor<3xf64>, tensor<f64>
  }
  return %c, %ys, %d, %zs, %e, %f, %nos : tensor<3xf64>, tensor<4xf64>, tensor<3xf64>, tensor<4x3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<0xf64>
}

// The derivative of a loop is a loop.
func.func private @recurrent(%w: tensor<3xf64>, %xs: tensor<4x3xf64>) -> tensor<f64> {
  %zero = diptych.constant dense<0.0> : tensor<3xf64>
  %c = diptych.scan consts(%w) carry(%zero) xs(%xs) length 4 : (tensor<3xf64>, tensor<3xf64>, tensor<4x3xf64>) -> tensor<3xf64> {
  ^bb0(%w0: tensor<3xf64>, %c0: tensor<3xf64>, %x0: tensor<3xf64>):
    %p = diptych.mul %c0, %w0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %n = diptych.add %p, %x0 : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
    %t = diptych.tanh %n : tensor<3xf64> -> tensor<3xf64>
    diptych.yield %t : tensor<3xf64>
  }
  %s = diptych.sum %c {axes = array<i64: 0>} : tensor<3xf64> -> tensor<f64>
  return %s : tensor<f64>
}
func.func @slope(%w: tensor<3xf64>, %xs: tensor<4x3xf64>) -> (tensor<f64>, tensor<3xf64>) {
  %one = diptych.constant dense<1.0> : tensor<f64>
  %y, %dw = diptych.vjp @recurrent(%w, %xs) cotangents(%one) wrt [0] : (tensor<3xf64>, tensor<4x3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  return %y, %dw : tensor<f64>, tensor<3xf64>
}
