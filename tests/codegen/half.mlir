// Kernels on bf16 and f16: two bytes an element in memory, f32 in registers.
// RUN: diptych-opt %s --diptych-widen-halves --diptych-simplify --diptych-form-fusions --diptych-emit-kernels | FileCheck %s --check-prefixes=CHECK,STRICT
// RUN: diptych-opt %s --diptych-widen-halves --diptych-simplify --diptych-form-fusions --diptych-emit-kernels=contract=true | FileCheck %s --check-prefixes=CHECK,STANDARD

// Strict numerics round each result; standard numerics only what is stored.
// CHECK-LABEL: func.func @chain_0
// CHECK: llvm.load {{.*}} -> vector<[[N:[0-9]+]]xi16>
// CHECK: arith.bitcast {{.*}} to vector<[[N]]xbf16>
// CHECK: arith.extf {{.*}} to vector<[[N]]xf32>
// CHECK: arith.mulf
// STRICT: arith.truncf {{.*}} to vector<[[N]]xbf16>
// STANDARD-NOT: arith.truncf
// CHECK: arith.addf
// CHECK: arith.truncf {{.*}} to vector<[[N]]xbf16>
// CHECK-NEXT: arith.extf
// CHECK: llvm.store {{.*}} : vector<[[N]]xi16>
func.func @chain(%x: tensor<1024xbf16>, %y: tensor<1024xbf16>) -> tensor<1024xbf16> {
  %p = diptych.mul %x, %y : tensor<1024xbf16>, tensor<1024xbf16> -> tensor<1024xbf16>
  %s = diptych.add %p, %y : tensor<1024xbf16>, tensor<1024xbf16> -> tensor<1024xbf16>
  return %s : tensor<1024xbf16>
}
