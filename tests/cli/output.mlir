// Where results go: a full disk is an error and no short file that looks whole; a pipe or device is written, not replaced.
// RUN: rm -rf %t && mkdir %t
// RUN: sh %S/Inputs/piped.sh %t/pipe diptych compile %s --emit mlir --name piped -o %t/pipe | FileCheck %s --check-prefix=PIPE
// PIPE: func.func @kernel.0.0
// PIPE: still a pipe
// RUN: sh %S/Inputs/piped.sh %t/pipe diptych export %s -o %t/pipe | FileCheck %s --check-prefix=EXPORT
// EXPORT: stablehlo.multiply
// EXPORT: still a pipe

// RUN: not diptych run %s 2>&1 >/dev/full | FileCheck %s --check-prefix=FULL
// RUN: not diptych doctor --json 2>&1 >/dev/full | FileCheck %s --check-prefix=FULL
// RUN: not diptych compile %s --emit asm 2>&1 >/dev/full | FileCheck %s --check-prefix=FULL
// RUN: not diptych export %s 2>&1 >/dev/full | FileCheck %s --check-prefix=FULL
// RUN: not diptych man 2>&1 >/dev/full | FileCheck %s --check-prefix=FULL
// FULL: diptych: stdout can't be written to the end: No space left on device
// RUN: sh %S/Inputs/exit_code.sh diptych compile %s --emit asm -o /dev/full | FileCheck %s --check-prefix=DEVICE
// DEVICE: diptych: aot: cannot write /dev/full: No space left on device
// DEVICE-NEXT: exit code 3

func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
  %0 = diptych.mul %x, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
