// bf16 and f16 on the device: two bytes an element in memory, arithmetic in f32, conversions by the machine.
// RUN: diptych-opt %s --diptych-widen-halves --diptych-simplify --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// Eight elements to a thread are 16 bytes.
// CHECK-LABEL: .entry pointwise_0(
// CHECK-COUNT-2: ld.global{{.*}}.v4.b32
// CHECK: add.rn.f32
// CHECK: cvt.rn.bf16
// CHECK: st.global.v4.b32
func.func @pointwise(%x: tensor<4096xbf16>, %y: tensor<4096xbf16>) -> tensor<4096xbf16> {
  %s = diptych.add %x, %y : tensor<4096xbf16>, tensor<4096xbf16> -> tensor<4096xbf16>
  return %s : tensor<4096xbf16>
}

// A row is summed in f32 and rounded once, where it is stored.
// CHECK-LABEL: .entry rows_0(
// CHECK: cvt.f32.f16
// CHECK: add.rn.f32
// CHECK: cvt.rn.f16.f32
// CHECK-NEXT: st.global.b16
func.func @rows(%x: tensor<50x100xf16>) -> tensor<50xf16> {
  %s = diptych.sum %x {axes = array<i64: 1>} : tensor<50x100xf16> -> tensor<50xf16>
  return %s : tensor<50xf16>
}
