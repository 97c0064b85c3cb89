// Every operator and every structural operation parses, verifies and prints back the same.
// RUN: diptych-opt %s | diptych-opt | FileCheck %s
// RUN: diptych-opt %s --mlir-print-op-generic | diptych-opt | FileCheck %s

// CHECK-LABEL: func.func @operators(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x3xf64>, %[[Y:[a-z0-9]+]]: tensor<4x3xf64>, %[[B:[a-z0-9]+]]: tensor<4x3xi1>,
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<f64>, %[[M:[a-z0-9]+]]: tensor<3x2xf64>, %[[I:[a-z0-9]+]]: tensor<5xi64>, %[[U:[a-z0-9]+]]: tensor<5x3xf64>
func.func @operators(%x: tensor<4x3xf64>, %y: tensor<4x3xf64>, %b: tensor<4x3xi1>,
                     %s: tensor<f64>, %m: tensor<3x2xf64>, %i: tensor<5xi64>, %u: tensor<5x3xf64>) {
  // CHECK: diptych.neg %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %0 = diptych.neg %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.add %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %1 = diptych.add %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sub %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %2 = diptych.sub %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.mul %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %3 = diptych.mul %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.div %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %4 = diptych.div %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.pow %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %5 = diptych.pow %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.maximum %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %6 = diptych.maximum %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.minimum %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %7 = diptych.minimum %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.exp %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %8 = diptych.exp %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.expm1 %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %9 = diptych.expm1 %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.log %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %10 = diptych.log %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.log1p %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %11 = diptych.log1p %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sqrt %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %12 = diptych.sqrt %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.rsqrt %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %13 = diptych.rsqrt %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.tanh %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %14 = diptych.tanh %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sigmoid %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %15 = diptych.sigmoid %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.relu %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %16 = diptych.relu %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sin %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %17 = diptych.sin %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.cos %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %18 = diptych.cos %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.erf %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %19 = diptych.erf %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.abs %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %20 = diptych.abs %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sign %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %21 = diptych.sign %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.floor %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %22 = diptych.floor %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.eq %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %23 = diptych.eq %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.ne %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %24 = diptych.ne %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.lt %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %25 = diptych.lt %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.le %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %26 = diptych.le %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.gt %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %27 = diptych.gt %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.ge %[[X]], %[[Y]] : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  %28 = diptych.ge %x, %y : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi1>
  // CHECK: diptych.logical_and %[[B]], %[[B]] : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  %29 = diptych.logical_and %b, %b : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  // CHECK: diptych.logical_or %[[B]], %[[B]] : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  %30 = diptych.logical_or %b, %b : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  // CHECK: diptych.logical_xor %[[B]], %[[B]] : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  %31 = diptych.logical_xor %b, %b : tensor<4x3xi1>, tensor<4x3xi1> -> tensor<4x3xi1>
  // CHECK: diptych.logical_not %[[B]] : tensor<4x3xi1> -> tensor<4x3xi1>
  %32 = diptych.logical_not %b : tensor<4x3xi1> -> tensor<4x3xi1>
  // CHECK: diptych.stop_gradient %[[X]] : tensor<4x3xf64> -> tensor<4x3xf64>
  %33 = diptych.stop_gradient %x : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.sum %[[X]] {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  %34 = diptych.sum %x {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  // CHECK: diptych.prod %[[X]] {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  %35 = diptych.prod %x {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  // CHECK: diptych.max %[[X]] {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  %36 = diptych.max %x {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  // CHECK: diptych.min %[[X]] {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  %37 = diptych.min %x {axes = array<i64: 1>} : tensor<4x3xf64> -> tensor<4xf64>
  // CHECK: diptych.cumsum %[[X]] {axis = 1 : i64} : tensor<4x3xf64> -> tensor<4x3xf64>
  %c1 = diptych.cumsum %x {axis = 1 : i64} : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.linear_recurrence %[[X]], %[[X]] {axis = 0 : i64}
  %c2 = diptych.linear_recurrence %x, %x {axis = 0 : i64} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.argcummax %[[X]] {axis = 0 : i64} : tensor<4x3xf64> -> tensor<4x3xi64>
  %c3 = diptych.argcummax %x {axis = 0 : i64} : tensor<4x3xf64> -> tensor<4x3xi64>
  // CHECK: diptych.argmax %[[X]] {axis = 0 : i64} : tensor<4x3xf64> -> tensor<3xi64>
  %38 = diptych.argmax %x {axis = 0 : i64} : tensor<4x3xf64> -> tensor<3xi64>
  // CHECK: diptych.argmin %[[X]] {axis = 0 : i64} : tensor<4x3xf64> -> tensor<3xi64>
  %39 = diptych.argmin %x {axis = 0 : i64} : tensor<4x3xf64> -> tensor<3xi64>
  // CHECK: diptych.where %[[B]], %[[X]], %[[Y]] : tensor<4x3xi1>, tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  %40 = diptych.where %b, %x, %y : tensor<4x3xi1>, tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.convert %[[X]] : tensor<4x3xf64> -> tensor<4x3xi32>
  %41 = diptych.convert %x : tensor<4x3xf64> -> tensor<4x3xi32>
  // CHECK: diptych.constant dense<1.500000e+00> : tensor<2xf32>
  %42 = diptych.constant dense<1.500000e+00> : tensor<2xf32>
  // CHECK: diptych.constant dense<[1, 2]> : tensor<2xi64>
  %43 = diptych.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: diptych.constant dense<[true, false, true]> : tensor<3xi1>
  %44 = diptych.constant dense<[true, false, true]> : tensor<3xi1>
  // CHECK: diptych.constant dense<> : tensor<0xi32>
  %45 = diptych.constant dense<> : tensor<0xi32>
  // CHECK: diptych.iota {axis = 1 : i64} : tensor<2x5xi64>
  %46 = diptych.iota {axis = 1 : i64} : tensor<2x5xi64>
  // CHECK: diptych.broadcast %[[X]] {axes = array<i64: 1, 2>} : tensor<4x3xf64> -> tensor<2x4x3xf64>
  %47 = diptych.broadcast %x {axes = array<i64: 1, 2>} : tensor<4x3xf64> -> tensor<2x4x3xf64>
  // CHECK: diptych.broadcast %[[S]] {axes = array<i64>} : tensor<f64> -> tensor<7xf64>
  %48 = diptych.broadcast %s {axes = array<i64>} : tensor<f64> -> tensor<7xf64>
  // CHECK: diptych.reshape %[[X]] : tensor<4x3xf64> -> tensor<12xf64>
  %49 = diptych.reshape %x : tensor<4x3xf64> -> tensor<12xf64>
  // CHECK: diptych.transpose %[[X]] {axes = array<i64: 1, 0>} : tensor<4x3xf64> -> tensor<3x4xf64>
  %50 = diptych.transpose %x {axes = array<i64: 1, 0>} : tensor<4x3xf64> -> tensor<3x4xf64>
  // CHECK: diptych.slice %[[X]] {limits = array<i64: 4, 2>, starts = array<i64: 1, 0>, strides = array<i64: 2, 1>} : tensor<4x3xf64> -> tensor<2x2xf64>
  %51 = diptych.slice %x {limits = array<i64: 4, 2>, starts = array<i64: 1, 0>, strides = array<i64: 2, 1>} : tensor<4x3xf64> -> tensor<2x2xf64>
  // CHECK: diptych.pad %[[X]] {high = array<i64: 0, 2>, interior = array<i64: 0, 1>, low = array<i64: 1, 0>, value = 0.000000e+00 : f64} : tensor<4x3xf64> -> tensor<5x7xf64>
  %52 = diptych.pad %x {high = array<i64: 0, 2>, interior = array<i64: 0, 1>, low = array<i64: 1, 0>, value = 0.000000e+00 : f64} : tensor<4x3xf64> -> tensor<5x7xf64>
  // CHECK: diptych.reverse %[[X]] {axes = array<i64: 0>} : tensor<4x3xf64> -> tensor<4x3xf64>
  %53 = diptych.reverse %x {axes = array<i64: 0>} : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.concatenate %[[X]], %[[Y]] {axis = 1 : i64} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x6xf64>
  %54 = diptych.concatenate %x, %y {axis = 1 : i64} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x6xf64>
  // CHECK: diptych.matmul %[[X]], %[[M]] : tensor<4x3xf64>, tensor<3x2xf64> -> tensor<4x2xf64>
  %55 = diptych.matmul %x, %m : tensor<4x3xf64>, tensor<3x2xf64> -> tensor<4x2xf64>
  // CHECK: diptych.philox %[[I]], %[[I]], %[[I]] : tensor<5xi64>, tensor<5xi64>, tensor<5xi64> -> tensor<5xi64>
  %70 = diptych.philox %i, %i, %i : tensor<5xi64>, tensor<5xi64>, tensor<5xi64> -> tensor<5xi64>
  // CHECK: diptych.shift_right %[[I]], %[[I]] : tensor<5xi64>, tensor<5xi64> -> tensor<5xi64>
  %71 = diptych.shift_right %i, %i : tensor<5xi64>, tensor<5xi64> -> tensor<5xi64>
  // CHECK: diptych.gather %[[X]], %[[I]] {axis = 0 : i64} : tensor<4x3xf64>, tensor<5xi64> -> tensor<5x3xf64>
  %56 = diptych.gather %x, %i {axis = 0 : i64} : tensor<4x3xf64>, tensor<5xi64> -> tensor<5x3xf64>
  // CHECK: diptych.scatter_add %[[X]], %[[I]], %[[U]] {axis = 0 : i64} : tensor<4x3xf64>, tensor<5xi64>, tensor<5x3xf64> -> tensor<4x3xf64>
  %57 = diptych.scatter_add %x, %i, %u {axis = 0 : i64} : tensor<4x3xf64>, tensor<5xi64>, tensor<5x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.searchsorted %{{.*}}, %{{.*}} {right = true} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi64>
  %r1 = diptych.searchsorted %x, %x {right = true} : tensor<4x3xf64>, tensor<4x3xf64> -> tensor<4x3xi64>
  // CHECK: diptych.rolling_rank %[[X]] {axis = 0 : i64, window = array<i64: 2>} : tensor<4x3xf64> -> tensor<4x3xf64>
  %r2 = diptych.rolling_rank %x {axis = 0 : i64, window = array<i64: 2>} : tensor<4x3xf64> -> tensor<4x3xf64>
  // CHECK: diptych.argsort %[[X]] {axis = 1 : i64, descending = true} : tensor<4x3xf64> -> tensor<4x3xi64>
  %58 = diptych.argsort %x {axis = 1 : i64, descending = true} : tensor<4x3xf64> -> tensor<4x3xi64>
  // CHECK: %[[W:.*]] = diptych.windows %[[X]] {axes = array<i64: 0>, dilations = array<i64: 1>, sizes = array<i64: 2>, strides = array<i64: 2>} : tensor<4x3xf64> -> tensor<2x2x3xf64>
  %59 = diptych.windows %x {axes = array<i64: 0>, dilations = array<i64: 1>, sizes = array<i64: 2>, strides = array<i64: 2>} : tensor<4x3xf64> -> tensor<2x2x3xf64>
  // CHECK: diptych.overlap_add %[[W]] {axes = array<i64: 0>, dilations = array<i64: 1>, strides = array<i64: 2>} : tensor<2x2x3xf64> -> tensor<4x3xf64>
  %60 = diptych.overlap_add %59 {axes = array<i64: 0>, dilations = array<i64: 1>, strides = array<i64: 2>} : tensor<2x2x3xf64> -> tensor<4x3xf64>
  // CHECK: %[[V:.*]] = diptych.reshape %[[X]] : tensor<4x3xf64> -> tensor<1x1x4x3xf64>
  %61 = diptych.reshape %x : tensor<4x3xf64> -> tensor<1x1x4x3xf64>
  // CHECK: diptych.convolution %[[V]], %[[V]] {dilations = array<i64: 1>, strides = array<i64: 2>} : tensor<1x1x4x3xf64>, tensor<1x1x4x3xf64> -> tensor<1x1x1x1xf64>
  %62 = diptych.convolution %61, %61 {dilations = array<i64: 1>, strides = array<i64: 2>} : tensor<1x1x4x3xf64>, tensor<1x1x4x3xf64> -> tensor<1x1x1x1xf64>
  // CHECK: diptych.svd %[[X]] : tensor<4x3xf64> -> tensor<8x3xf64>
  %63 = diptych.svd %x : tensor<4x3xf64> -> tensor<8x3xf64>
  // CHECK: diptych.pinv %[[X]] {value = 1.000000e-10 : f64} : tensor<4x3xf64> -> tensor<3x4xf64>
  %64 = diptych.pinv %x {value = 1.0e-10 : f64} : tensor<4x3xf64> -> tensor<3x4xf64>
  // CHECK: diptych.qr %[[X]] : tensor<4x3xf64> -> tensor<3x7xf64>
  %65 = diptych.qr %x : tensor<4x3xf64> -> tensor<3x7xf64>
  return
}
