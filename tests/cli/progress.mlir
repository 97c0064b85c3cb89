// What takes over a second says so on a terminal, in colour unless NO_COLOR asks for none, and clears its line; elsewhere
// nothing is said.
// RUN: env TERM=xterm python3 %S/Inputs/on_terminal.py diptych run %s --interpret --input 0=8e6 | FileCheck %s --check-prefix=COLOUR
// COLOUR: terminal: '\r\x1b[K\x1b[2m1 s  \x1b[0mreplaying {{.*}}progress.mlir{{.*}}\r\x1b[K'
// COLOUR-NEXT: exit code 0
// RUN: env TERM=xterm NO_COLOR=1 python3 %S/Inputs/on_terminal.py diptych run %s --interpret --input 0=8e6 | FileCheck %s --check-prefix=PLAIN
// PLAIN: terminal: '\r\x1b[K1 s  replaying {{.*}}\r\x1b[K'
// PLAIN-NEXT: exit code 0
// RUN: diptych run %s --interpret --input 0=8e6 2>&1 | FileCheck %s --check-prefix=PIPE
// PIPE-NOT: replaying
// PIPE: 8000000 f64[]

func.func @main(%limit: tensor<f64>) -> tensor<f64> {
  %zero = diptych.constant dense<0.0> : tensor<f64>
  %one = diptych.constant dense<1.0> : tensor<f64>
  %s = diptych.while consts(%limit, %one) carry(%zero) : (tensor<f64>, tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%m: tensor<f64>, %v: tensor<f64>, %c: tensor<f64>):
    %p = diptych.lt %c, %m : tensor<f64>, tensor<f64> -> tensor<i1>
    diptych.yield %p : tensor<i1>
  } do {
  ^bb0(%m: tensor<f64>, %v: tensor<f64>, %c: tensor<f64>):
    %d = diptych.add %c, %v : tensor<f64>, tensor<f64> -> tensor<f64>
    diptych.yield %d : tensor<f64>
  }
  return %s : tensor<f64>
}
