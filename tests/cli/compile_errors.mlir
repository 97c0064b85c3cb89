// diptych compile: what can't be compiled is named, and nothing is left; 3 is the file's fault, 2 the command line's.
// RUN: rm -rf %t && mkdir %t
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --function nope | FileCheck %s --check-prefix=NAME
// NAME: diptych: {{.*}}compile_errors.mlir: expected a function @nope with a body, got @main, @both, @sorted; choose one with --function
// NAME-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --target aarch64 | FileCheck %s --check-prefix=LIBRARY
// LIBRARY: diptych: {{.*}}compile_errors.mlir:[[#]]: aot: argsort is computed by library code {{.*}}which an artefact can't carry here: {{.*}}; call it outside
// LIBRARY-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/none/a.o --function main | FileCheck %s --check-prefix=FOLDER
// FOLDER: diptych: aot: cannot write {{.*}}/none/a.o: No such file or directory
// FOLDER-NEXT: exit code 3
// RUN: sh %S/Inputs/exit_code.sh diptych compile %t/none.mlir -o %t/a.o | FileCheck %s --check-prefix=INPUT
// INPUT: diptych: {{.*}}No such file or directory
// INPUT-NEXT: exit code 3

// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --target pdp11 | FileCheck %s --check-prefix=CPU
// CPU: diptych: expected a CPU that LLVM knows, got 'pdp11'; try native
// CPU-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.exe | FileCheck %s --check-prefix=EXTENSION
// EXTENSION: diptych: -o {{.*}}/a.exe: expected an output ending in .o, .a, .so
// EXTENSION-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a-b.o | FileCheck %s --check-prefix=SYMBOL
// SYMBOL: diptych: expected a C identifier as the artefact's name, got 'a-b'; choose one with --name
// SYMBOL-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --threads 0 | FileCheck %s --check-prefix=THREADS
// THREADS: diptych: aot: expected threads from 1 to 256, got 0
// THREADS-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o - | FileCheck %s --check-prefix=STDOUT
// STDOUT: diptych: -o -: only text goes to stdout
// STDOUT-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s --emit asm --json | FileCheck %s --check-prefix=REPORT
// REPORT: diptych: --json: expected files to report on; give -o
// REPORT-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --function main --arguments x,y | FileCheck %s --check-prefix=MANY
// MANY: diptych: --arguments: expected 1 names, one for each parameter of @main, got 2
// MANY-NEXT: exit code 2
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --function both --arguments x | FileCheck %s --check-prefix=FEW
// FEW: diptych: --arguments: expected 2 names, one for each parameter of @both, got 1
// FEW-NEXT: exit code 2

// A folder in the library's place is seen before the header gets its own.
// RUN: mkdir %t/a.o
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s -o %t/a.o --function main | FileCheck %s --check-prefix=TAKEN
// TAKEN: diptych: aot: cannot write {{.*}}/a.o: Is a directory
// TAKEN-NEXT: exit code 3
// RUN: rmdir %t/a.o
// RUN: ls %t | count 0

func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
  return %x : tensor<3xf64>
}
func.func @both(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %0 = diptych.add %x, %y : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
func.func @sorted(%x: tensor<3xf64>) -> tensor<3xi64> {
  %i = diptych.argsort %x {axis = 0 : i64, descending = false} : tensor<3xf64> -> tensor<3xi64>
  return %i : tensor<3xi64>
}
