// diptych compile: what is made, where, for which CPU; the C program gets the numbers of diptych run.
// RUN: rm -rf %t && mkdir %t
// RUN: diptych compile %s -o %t/model.o --arguments x,y
// RUN: ls %t | FileCheck %s --check-prefix=FILES
// FILES: model.h
// FILES-NEXT: model.o
// FILES-NOT: {{.}}

// Private functions are no entries; --arguments names parameters.
// RUN: FileCheck %s --check-prefix=HEADER < %t/model.h
// HEADER: int model_main(const double *x, double *out, void *workspace);
// HEADER: int model_product(const double *x, const double *y, double *out, void *workspace);
// HEADER-NOT: helper
// RUN: echo '#include "model.h"' > %t/main.c
// RUN: echo '#include <stdio.h>' >> %t/main.c
// RUN: echo 'int main(void) { double x[3] = {1, 2, 3}, y[3] = {4, 5, 6}, z[3]; _Alignas(64) char ws[4096];' >> %t/main.c
// RUN: echo 'printf("%%d ", model_product(x, y, z, ws)); printf("%%g %%g %%g", z[0], z[1], z[2]); return 0; }' >> %t/main.c
// RUN: cc %t/main.c %t/model.o -o %t/program && %t/program | FileCheck %s --check-prefix=PRODUCT
// PRODUCT: 0 4 10 18

// The output's name decides; lib and the extension are no part of the artefact's.
// RUN: diptych compile --function product %s -o %t/libother.a
// RUN: nm %t/libother.a | FileCheck %s --check-prefix=ARCHIVE
// ARCHIVE-NOT: other_main
// ARCHIVE: i other_product
// RUN: diptych compile %s -o %t/libother.so --json | FileCheck %s --check-prefix=JSON
// JSON: {"diptych":"{{.*}}","abi":1,"name":"other",{{.*}}"files":["{{.*}}/libother.so","{{.*}}/other.h"]}
// RUN: nm -D --defined-only %t/libother.so | FileCheck %s --check-prefix=SHARED
// SHARED: i other_main

// Text goes to stdout.
// RUN: diptych compile %s --emit header | FileCheck %s --check-prefix=TEXT
// TEXT: int compile_main(
// RUN: diptych compile %s --emit mlir --function product | FileCheck %s --check-prefix=MLIR
// MLIR: func.func @kernel.0.0
// RUN: diptych compile %s --emit llvm --target x86-64-v4 | FileCheck %s --check-prefix=LLVM
// LLVM: ifunc i32 (ptr, ptr, ptr), ptr @compile_main.resolve
// LLVM: "target-cpu"="x86-64-v4"
// RUN: diptych compile - -o %t/piped.ll --name named < %s && FileCheck %s --check-prefix=PIPED < %t/piped.ll
// PIPED: @named_product
// RUN: diptych compile %s --emit asm --target x86-64-v3 | FileCheck %s --check-prefix=V3
// V3-NOT: zmm
// V3: ymm
// V3-NOT: zmm

// A power of two is one instruction where there is one, and no call anywhere.
// RUN: diptych compile %s --emit asm --function growth --target x86-64-v4 | FileCheck %s --check-prefix=SCALE
// SCALE-NOT: vpsllq
// SCALE: vscalefpd
// SCALE-NOT: vpsllq
// RUN: diptych compile %s --emit asm --function growth --target x86-64-v3 | FileCheck %s --check-prefix=STEPS
// STEPS-NOT: ldexp
// STEPS-COUNT-2: vpsllq $52
// STEPS-NOT: ldexp
// RUN: diptych compile %s --emit llvm --function growth --target aarch64 | FileCheck %s --check-prefix=SHIFTS
// SHIFTS-NOT: ldexp
// SHIFTS: shl <
// SHIFTS-NOT: ldexp

// Code for another family, and for several CPUs of this one.
// RUN: diptych compile %s --emit asm --target aarch64 | FileCheck %s --check-prefix=ARM
// ARM: fmul v
// RUN: diptych compile %s --emit asm --target x86-64-v4,x86-64-v3 | FileCheck %s --check-prefix=BOTH
// BOTH: plan.main.0
// BOTH: plan.main.1
// RUN: diptych compile %s -o %t/arm.o --target aarch64 && file=%t/arm.o && readelf -h $file | FileCheck %s --check-prefix=ELF
// ELF: AArch64

func.func private @helper(%x: tensor<3xf64>) -> tensor<3xf64> {
  return %x : tensor<3xf64>
}
func.func @main(%x: tensor<3xf64>) -> tensor<3xf64> {
  %0 = diptych.mul %x, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
func.func @product(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %0 = diptych.mul %x, %y : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return %0 : tensor<3xf64>
}
func.func @growth(%x: tensor<1000xf64>) -> tensor<1000xf64> {
  %0 = diptych.exp %x : tensor<1000xf64> -> tensor<1000xf64>
  return %0 : tensor<1000xf64>
}
