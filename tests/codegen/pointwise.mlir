// Pointwise kernels: vectors with masked tails, hoisted lines, strict and contracted arithmetic.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels | FileCheck %s --check-prefixes=CHECK,STRICT
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels=contract=true | FileCheck %s --check-prefixes=CHECK,CONTRACT
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-kernels=vector-bytes=32 | FileCheck %s --check-prefix=AVX2

// Whole vectors first, then one masked vector for what is left of [lo, hi).
// CHECK-LABEL: func.func @axpy_0
// CHECK-SAME: (%{{[a-z0-9]+}}: !llvm.ptr, %{{[a-z0-9]+}}: !llvm.ptr, %[[LO:[a-z0-9]+]]: i64, %[[HI:[a-z0-9]+]]: i64)
// CHECK: scf.for %{{.*}} = %[[LO]] to %[[END:[a-z0-9_]+]] step
// CHECK: llvm.load {{.*}} -> vector<16xf64>
// STRICT: arith.mulf %{{[^ ]*}}, %{{[^ ]*}} : vector<16xf64>
// STRICT: arith.addf %{{[^ ]*}}, %{{[^ ]*}} : vector<16xf64>
// CONTRACT: arith.mulf {{.*}} fastmath<contract> : vector<16xf64>
// CONTRACT: arith.addf {{.*}} fastmath<contract> : vector<16xf64>
// CHECK: llvm.store {{.*}} : vector<16xf64>
// CHECK: scf.for %{{.*}} = %[[END]] to %[[HI]] step
// CHECK: arith.shli
// CHECK: llvm.bitcast {{.*}} : i16 to vector<16xi1>
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// AVX2-LABEL: @axpy_0
// AVX2: llvm.load {{.*}} -> vector<8xf64>
// AVX2: arith.cmpi slt
// AVX2: llvm.intr.masked.load
func.func @axpy(%x: tensor<1000xf64>, %y: tensor<1000xf64>, %z: tensor<1000xf64>) -> tensor<1000xf64> {
  %p = diptych.mul %x, %y : tensor<1000xf64>, tensor<1000xf64> -> tensor<1000xf64>
  %s = diptych.add %p, %z : tensor<1000xf64>, tensor<1000xf64> -> tensor<1000xf64>
  return %s : tensor<1000xf64>
}

// What a row shares is loaded and computed once a row, as a scalar.
// CHECK-LABEL: func.func @row_invariant_0
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> f64
// CHECK: math.sqrt %{{.*}} : f64
// CHECK: vector.broadcast
// CHECK: scf.for
// CHECK-NOT: math.sqrt
// CHECK: arith.divf {{.*}} : vector<16xf64>
// CHECK-NOT: math.sqrt
// CHECK: return
func.func @row_invariant(%x: tensor<50x100xf64>, %v: tensor<50xf64>) -> tensor<50x100xf64> {
  %r = diptych.sqrt %v : tensor<50xf64> -> tensor<50xf64>
  %b = diptych.broadcast %r {axes = array<i64: 0>} : tensor<50xf64> -> tensor<50x100xf64>
  %d = diptych.div %x, %b : tensor<50x100xf64>, tensor<50x100xf64> -> tensor<50x100xf64>
  return %d : tensor<50x100xf64>
}

// What is left of a row of known length has a known mask.
// CHECK-LABEL: func.func @known_rest_0
// CHECK-NOT: llvm.bitcast
// CHECK: scf.if
// CHECK: %[[REST:.*]] = arith.constant dense<[true, true, true, true, false, false, false, false, false, false, false, false, false, false, false, false]> : vector<16xi1>
// CHECK: llvm.intr.masked.load %{{.*}}, %[[REST]]
// CHECK-NOT: llvm.bitcast
// CHECK: return
func.func @known_rest(%x: tensor<50x100xf64>, %v: tensor<100xf64>) -> tensor<50x100xf64> {
  %b = diptych.broadcast %v {axes = array<i64: 1>} : tensor<100xf64> -> tensor<50x100xf64>
  %d = diptych.add %x, %b : tensor<50x100xf64>, tensor<50x100xf64> -> tensor<50x100xf64>
  %e = diptych.exp %d : tensor<50x100xf64> -> tensor<50x100xf64>
  return %e : tensor<50x100xf64>
}

// Axes that memory walks as one are one loop.
// CHECK-LABEL: func.func @merged_0
// CHECK-COUNT-2: scf.for
// CHECK-NOT: scf.for
// CHECK: return
func.func @merged(%x: tensor<3x50x20xf64>) -> tensor<3x50x20xf64> {
  %n = diptych.neg %x : tensor<3x50x20xf64> -> tensor<3x50x20xf64>
  return %n : tensor<3x50x20xf64>
}

// A reversed axis is a stride of -1: gathered.
// CHECK-LABEL: func.func @reversed_0
// CHECK: llvm.intr.masked.gather
func.func @reversed(%x: tensor<100xf64>) -> tensor<100xf64> {
  %r = diptych.reverse %x {axes = array<i64: 0>} : tensor<100xf64> -> tensor<100xf64>
  %n = diptych.neg %r : tensor<100xf64> -> tensor<100xf64>
  return %n : tensor<100xf64>
}

// Booleans are bytes in memory and bits in registers.
// CHECK-LABEL: func.func @comparison_0
// CHECK: arith.cmpf olt
// CHECK: arith.extui %{{.*}} : vector<16xi1> to vector<16xi8>
// CHECK: llvm.store {{.*}} : vector<16xi8>
func.func @comparison(%x: tensor<100xf64>, %y: tensor<100xf64>) -> tensor<100xi1> {
  %r = diptych.lt %x, %y : tensor<100xf64>, tensor<100xf64> -> tensor<100xi1>
  return %r : tensor<100xi1>
}

// Nothing to do is no kernel.
// CHECK-NOT: @nothing
func.func @nothing(%x: tensor<0x3xf64>) -> tensor<0x3xf64> {
  %n = diptych.neg %x : tensor<0x3xf64> -> tensor<0x3xf64>
  return %n : tensor<0x3xf64>
}

// What is read backwards is read by vectors, and turned around in a register.
// CHECK-LABEL: func.func @backwards_0
// CHECK: llvm.load {{.*}} -> vector<16xf64>
// CHECK: vector.shuffle {{.*}} [15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
// CHECK-NOT: gather
// CHECK: llvm.store {{.*}} : vector<16xf64>
func.func @backwards(%x: tensor<1000xf64>) -> tensor<1000xf64> {
  %r = diptych.reverse %x {axes = array<i64: 0>} : tensor<1000xf64> -> tensor<1000xf64>
  %s = diptych.add %r, %r : tensor<1000xf64>, tensor<1000xf64> -> tensor<1000xf64>
  return %s : tensor<1000xf64>
}
