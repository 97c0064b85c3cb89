// Cumulative operators: one chain of operations a row, in order.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s

// Of a single vector's columns the sums so far stay in a register.
// CHECK-LABEL: func.func @columns_0
// CHECK: scf.for {{.*}} iter_args(%{{[^,]*}}) -> (vector<[[N:[0-9]+]]xf64>)
// CHECK: arith.addf {{.*}} : vector<[[N]]xf64>
// CHECK: llvm.store
func.func @columns(%x: tensor<10x4xf64>) -> tensor<10x4xf64> {
  %y = diptych.cumsum %x {axis = 0 : i64} : tensor<10x4xf64> -> tensor<10x4xf64>
  return %y : tensor<10x4xf64>
}

// What is summed and what reads the sums stand in the same loop. Of one or two sums, rows are walked
// as they lie in memory, in strips whose sums so far are on the stack.
// CHECK-LABEL: func.func @strips_0
// CHECK: %[[T:.*]] = llvm.alloca
// CHECK: %[[S:.*]] = llvm.alloca
// CHECK: scf.for %[[FIRST:.*]] = %arg2 to %arg3
// CHECK: scf.for {{.*}} = %{{.*}} to %c10_i64 step %c1_i64
// CHECK: scf.for %{{.*}} step %c[[N:[0-9]+]]_i64
// CHECK: llvm.getelementptr %[[S]]
// CHECK: llvm.load {{.*}} -> vector<[[N]]xf64>
// CHECK: llvm.getelementptr %[[T]]
// CHECK: llvm.load {{.*}} -> vector<[[N]]xf64>
// CHECK: arith.addf
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: arith.subf
// CHECK-COUNT-3: llvm.store
func.func @strips(%x: tensor<10x67xf64>) -> tensor<10x67xf64> {
  %q = diptych.mul %x, %x : tensor<10x67xf64>, tensor<10x67xf64> -> tensor<10x67xf64>
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xf64>
  %t = diptych.cumsum %q {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xf64>
  %m = diptych.sub %s, %t : tensor<10x67xf64>, tensor<10x67xf64> -> tensor<10x67xf64>
  return %m : tensor<10x67xf64>
}

// More of them stay in registers where rows are few. The rest of a row of columns is the same loop
// under a mask.
// CHECK-LABEL: func.func @registers_0
// CHECK-NOT: llvm.alloca
// CHECK: scf.for
// CHECK: scf.for {{.*}} iter_args(%[[S:.*]] = {{.*}}, %[[T:.*]] = {{.*}}, %[[U:.*]] = {{.*}}) -> (vector<[[N:[0-9]+]]xf64>, vector<[[N]]xf64>, vector<[[N]]xf64>)
// CHECK-DAG: arith.addf %[[S]]
// CHECK-DAG: arith.addf %[[T]]
// CHECK-DAG: arith.addf %[[U]]
// CHECK: llvm.store
// CHECK: scf.yield %{{.*}}, %{{.*}} : vector<[[N]]xf64>
// CHECK: llvm.intr.masked.store
func.func @registers(%x: tensor<10x67xf64>) -> tensor<10x67xf64> {
  %q = diptych.mul %x, %x : tensor<10x67xf64>, tensor<10x67xf64> -> tensor<10x67xf64>
  %s = diptych.cumsum %x {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xf64>
  %t = diptych.cumsum %q {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xf64>
  %m = diptych.sub %s, %t : tensor<10x67xf64>, tensor<10x67xf64> -> tensor<10x67xf64>
  %u = diptych.cumsum %m {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xf64>
  return %u : tensor<10x67xf64>
}

// Along rows four chains run at once; a step is one fma, f32 is carried in f64.
// CHECK-LABEL: func.func @rows_0
// CHECK: scf.for {{.*}} iter_args({{.*}}) -> (f64, f64, f64, f64)
// CHECK-COUNT-4: math.fma {{.*}} : f64
// CHECK: scf.for {{.*}} iter_args(%{{[^,]*}}) -> (f64)
func.func @rows(%a: tensor<7x9xf32>, %b: tensor<7x9xf32>) -> tensor<7x9xf32> {
  %y = diptych.linear_recurrence %a, %b {axis = 1 : i64} : tensor<7x9xf32>, tensor<7x9xf32> -> tensor<7x9xf32>
  return %y : tensor<7x9xf32>
}

// Positions of extrema are walked in strips too, which carry the extremum beside its place.
// CHECK-LABEL: func.func @extrema_0
// CHECK: %[[PLACES:.*]] = llvm.alloca {{.*}} x vector<[[N:[0-9]+]]xi64>
// CHECK: %[[BEST:.*]] = llvm.alloca {{.*}} x vector<[[N]]xf64>
// CHECK: scf.for {{.*}} = %{{.*}} to %c10_i64 step %c1_i64
// CHECK: scf.for %{{.*}} step %c[[N]]_i64
// CHECK-DAG: llvm.getelementptr %[[BEST]]
// CHECK-DAG: llvm.getelementptr %[[PLACES]]
// CHECK: arith.cmpf ugt
// CHECK-COUNT-2: arith.select
// CHECK-COUNT-3: llvm.store
func.func @extrema(%x: tensor<10x67xf64>) -> tensor<10x67xi64> {
  %y = diptych.argcummax %x {axis = 0 : i64} : tensor<10x67xf64> -> tensor<10x67xi64>
  return %y : tensor<10x67xi64>
}
