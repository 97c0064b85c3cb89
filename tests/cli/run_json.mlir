// Results as JSON: flat values with their shapes; what JSON has no number for is a string.
// RUN: diptych run %s --json --input 0=-1,0,4 | FileCheck %s
// RUN: diptych run %s --json --input 0=-1,0,4 --interpret | FileCheck %s
// CHECK: {"function":"main","results":[{"dtype":"f64","shape":[3],"values":["nan","-inf",1.3862943611198906]},
// CHECK-SAME: {"dtype":"{{bool|boolean}}","shape":[3],"values":[true,false,false]},
// CHECK-SAME: {"dtype":"f64","shape":[],"values":[0.1]}]}
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --json --print-ir plan | FileCheck %s --check-prefix=BOTH
// BOTH: diptych: --{{print-ir|json}} excludes --{{print-ir|json}}
// BOTH-NEXT: exit code 2

func.func @main(%x: tensor<3xf64>) -> (tensor<3xf64>, tensor<3xi1>, tensor<f64>) {
  %l = diptych.log %x : tensor<3xf64> -> tensor<3xf64>
  %z = diptych.constant dense<0.0> : tensor<3xf64>
  %n = diptych.lt %x, %z : tensor<3xf64>, tensor<3xf64> -> tensor<3xi1>
  %c = diptych.constant dense<0.1> : tensor<f64>
  return %l, %n, %c : tensor<3xf64>, tensor<3xi1>, tensor<f64>
}
