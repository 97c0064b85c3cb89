// diptych run: what can't be run is named; the file's fault ends with 3, the command line's with 2.
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function nope | FileCheck %s --check-prefix=NAME
// NAME: diptych: {{.*}}run_errors.mlir: expected a function @nope with a body, got @main, @dynamic, @calls, @rows, @huge; choose one with --function
// NAME-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function dynamic | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: diptych: expected a tensor of known sizes {{.*}}, got tensor<?xf64>
// DYNAMIC-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function calls | FileCheck %s --check-prefix=CALLS
// CALLS: diptych: {{.*}}got func.call; inline calls before compiling
// CALLS-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function rows --input 1=0,5 | FileCheck %s --check-prefix=INDEX
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function rows --input 1=0,5 --interpret | FileCheck %s --check-prefix=INDEX
// INDEX: diptych: {{.*}}gather: {{.*}}out of range
// INDEX-NEXT: exit code 3

// RUN: sh %S/Inputs/exit_code.sh diptych run %s --input 7=1 | FileCheck %s --check-prefix=WHICH
// WHICH: diptych: --input 7: the function has 1 inputs, counted from 0
// WHICH-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --input 0=1,x | FileCheck %s --check-prefix=VALUE
// VALUE: diptych: --input 0: expected numbers between commas, got 'x'
// VALUE-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --input 0=1,2 | FileCheck %s --check-prefix=COUNT
// COUNT: diptych: --input 0: expected 3 values for f64[3], or one for all, got 2
// COUNT-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function rows --input 1=0.5 | FileCheck %s --check-prefix=WHOLE
// WHOLE: diptych: --input 1: expected a value of i64, got 0.5
// WHOLE-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --input 0=1 --input 0=2 | FileCheck %s --check-prefix=TWICE
// TWICE: diptych: --input 0: expected it once, got it again
// TWICE-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --random-seed -1 | FileCheck %s --check-prefix=SEED
// SEED: diptych: --random-seed: expected a whole number from 0 to 2^64 - 1, got '-1'; see diptych run --help
// SEED-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --random-seed 18446744073709551616 | FileCheck %s --check-prefix=LARGE
// LARGE: diptych: --random-seed: expected a whole number {{.*}}, got '18446744073709551616'
// LARGE-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --random-seed 18446744073709551615 | FileCheck %s --check-prefix=LARGEST
// LARGEST: exit code 0
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --print-ir nope | FileCheck %s --check-prefix=STAGE
// STAGE: diptych: --print-ir: nope not in {traced,
// STAGE-NEXT: exit code 2

// Inputs are made by the command itself: no line of its own source is shown.
// RUN: sh %S/Inputs/exit_code.sh diptych run %s --function huge | FileCheck %s --check-prefix=MEMORY
// MEMORY: diptych: out of memory: 32000000000000 bytes
// MEMORY-NEXT: exit code 3
// RUN: env DIPTYCH_CPU=v0 sh %S/Inputs/exit_code.sh diptych run %s | FileCheck %s --check-prefix=CPU
// CPU: diptych: DIPTYCH_CPU: expected v3 or v4, got "v0"
// CPU-NEXT: exit code 3

func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = diptych.sin %x : tensor<3xf64> -> tensor<3xf64>
  return %y : tensor<3xf64>
}
func.func @dynamic(%x: tensor<?xf64>) -> tensor<?xf64> { return %x : tensor<?xf64> }
func.func @calls(%x: tensor<3xf64>) -> tensor<3xf64> {
  %y = call @main(%x) : (tensor<3xf64>) -> tensor<3xf64>
  return %y : tensor<3xf64>
}
func.func @rows(%x: tensor<2x2xf64>, %i: tensor<2xi64>) -> tensor<2x2xf64> {
  %y = diptych.gather %x, %i {axis = 0 : i64} : tensor<2x2xf64>, tensor<2xi64> -> tensor<2x2xf64>
  return %y : tensor<2x2xf64>
}
func.func @huge(%x: tensor<4000000000000xf64>) -> tensor<4000000000000xf64> {
  return %x : tensor<4000000000000xf64>
}
