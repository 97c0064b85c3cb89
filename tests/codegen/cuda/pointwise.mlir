// Pointwise kernels: 16 bytes to a thread where memory allows, no fused rounding in strict numerics.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="contract=true output=%t.fma" -o /dev/null && FileCheck %s --check-prefix=CONTRACT < %t.fma

// CHECK-LABEL: .entry axpy_0(
// CHECK: .reqntid 256
// CHECK-COUNT-3: ld.global{{.*}}.v2.b64
// CHECK-NOT: fma
// CHECK: add.rn.f64
// CHECK: st.global.v2.b64
// CHECK-NOT: bar.sync
// CHECK: ret;
// CONTRACT-LABEL: .entry axpy_0(
// CONTRACT: fma.rn.f64
func.func @axpy(%x: tensor<1000xf64>, %y: tensor<1000xf64>, %z: tensor<1000xf64>) -> tensor<1000xf64> {
  %p = diptych.mul %x, %y : tensor<1000xf64>, tensor<1000xf64> -> tensor<1000xf64>
  %s = diptych.add %p, %z : tensor<1000xf64>, tensor<1000xf64> -> tensor<1000xf64>
  return %s : tensor<1000xf64>
}

// Four f32; the last three of 1003 have threads of their own.
// CHECK-LABEL: .entry tail_0(
// CHECK: ld.global{{.*}}.v4.b32
// CHECK: st.global.v4.b32
// CHECK: ld.global{{(.nc)?}}.b32
// CHECK: st.global.b32
func.func @tail(%x: tensor<1003xf32>) -> tensor<1003xf32> {
  %n = diptych.neg %x : tensor<1003xf32> -> tensor<1003xf32>
  return %n : tensor<1003xf32>
}

// Our own expansion of exp, not the hardware's approximation, and no call.
// CHECK-LABEL: .entry exponential_0(
// CHECK-NOT: ex2.approx
// CHECK-NOT: call
// CHECK: fma.rn.f64
// CHECK-NOT: ex2.approx
// CHECK: ret;
func.func @exponential(%x: tensor<1024xf64>) -> tensor<1024xf64> {
  %e = diptych.exp %x : tensor<1024xf64> -> tensor<1024xf64>
  return %e : tensor<1024xf64>
}

// Division and square root are rounded correctly, denormals are kept.
// CHECK-LABEL: .entry quotient_0(
// CHECK: sqrt.rn.f32
// CHECK: div.rn.f32
// CHECK-NOT: .ftz
// CHECK: ret;
func.func @quotient(%x: tensor<1024xf32>, %y: tensor<1024xf32>) -> tensor<1024xf32> {
  %r = diptych.sqrt %y : tensor<1024xf32> -> tensor<1024xf32>
  %d = diptych.div %x, %r : tensor<1024xf32>, tensor<1024xf32> -> tensor<1024xf32>
  return %d : tensor<1024xf32>
}

// Booleans are bytes.
// CHECK-LABEL: .entry comparison_0(
// CHECK: setp.lt.f64
// CHECK: st.global.v2.b8
func.func @comparison(%x: tensor<1024xf64>, %y: tensor<1024xf64>) -> tensor<1024xi1> {
  %r = diptych.lt %x, %y : tensor<1024xf64>, tensor<1024xf64> -> tensor<1024xi1>
  return %r : tensor<1024xi1>
}

// Random bits are arithmetic like any other.
// CHECK-LABEL: .entry random_0(
// CHECK-NOT: call
// CHECK: mul{{.*}}u32
// CHECK: st.global
func.func @random(%key: tensor<i64>) -> tensor<1024xi64> {
  %zero = diptych.constant dense<0> : tensor<1024xi64>
  %k = diptych.broadcast %key {axes = array<i64>} : tensor<i64> -> tensor<1024xi64>
  %i = diptych.iota {axis = 0 : i64} : tensor<1024xi64>
  %b = diptych.philox %k, %i, %zero : tensor<1024xi64>, tensor<1024xi64>, tensor<1024xi64> -> tensor<1024xi64>
  return %b : tensor<1024xi64>
}
