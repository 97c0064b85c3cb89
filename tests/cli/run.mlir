// diptych run: the same function compiled and replayed, its inputs, its stages.
// RUN: diptych run %s --input 0=1,2,3 --input 1=ones | FileCheck %s --check-prefix=VJP
// RUN: diptych run %s --input 0=1,2,3 --input 1=1 --interpret | FileCheck %s --check-prefix=VJP
// RUN: diptych run - --input 0=1,2,3 --input 1=1 < %s | FileCheck %s --check-prefix=VJP
// VJP: result 0:
// VJP-NEXT: 0.84147098480789{{.*}} f64[3]
// VJP-NEXT: result 1:
// VJP-NEXT: 0.54030230586813{{.*}} f64[3]

// RUN: diptych run %s --function rows --fill iota --input 1=1,0 | FileCheck %s --check-prefix=ROWS
// ROWS: result 0:
// ROWS-NEXT: {{\[\[2, 3\],}}
// ROWS-NEXT: {{\[0, 1\]\]}} f64[2,2]

// A single number prints with its type.
// RUN: diptych run %s --function total --fill ones | FileCheck %s --check-prefix=TOTAL
// TOTAL: {{^}}4 f64[]

// Random inputs are the same for the same seed, in both modes.
// RUN: diptych run %s --function total --random-seed 7 --numerics strict > %t.compiled
// RUN: diptych run %s --function total --random-seed 7 --interpret > %t.interpreted
// RUN: diff %t.compiled %t.interpreted

// RUN: diptych run %s --print-ir traced | FileCheck %s --check-prefix=TRACED
// TRACED: diptych.vjp
// RUN: diptych run %s --print-ir fused | FileCheck %s --check-prefix=FUSED
// FUSED: diptych.fusion
// FUSED-NOT: @rows
// RUN: diptych run %s --print-ir plan | FileCheck %s --check-prefix=PLAN
// PLAN: arena
// RUN: diptych run %s --print-ir llvm | FileCheck %s --check-prefix=LLVM
// LLVM: define

func.func private @sine(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.sin %x : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}
func.func @main(%x: tensor<3xf64>, %dy: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>) {
  %y, %dx = diptych.vjp @sine(%x) cotangents(%dy) wrt [0]
      : (tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %y, %dx : tensor<3xf64>, tensor<3xf64>
}
func.func @rows(%x: tensor<2x2xf64>, %i: tensor<2xi64>) -> tensor<2x2xf64> {
  %y = diptych.gather %x, %i {axis = 0 : i64} : tensor<2x2xf64>, tensor<2xi64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}
func.func @total(%x: tensor<2x2xf64>) -> tensor<f64> {
  %y = diptych.sum %x {axes = array<i64: 0, 1>} : tensor<2x2xf64> -> tensor<f64>
  return %y : tensor<f64>
}
