// A thread looks through the window of its element; nothing meets and nothing is atomic.
// RUN: diptych-opt %s --diptych-form-fusions --diptych-emit-ptx="arch=sm_90 output=%t.ptx" -o /dev/null && FileCheck %s < %t.ptx

// CHECK-NOT: atom
// CHECK-NOT: bar.sync

// Four loads are under way. One launch, and no scratch.
// CHECK-LABEL: .entry greatest_0(
// CHECK-NOT: greatest_0_param_2
// CHECK-COUNT-4: ld.global.nc.b64
// CHECK: setp.num.f64
// CHECK: st.global.b64
// CHECK-NOT: .entry greatest_0_1(
func.func @greatest(%x: tensor<50x100xf64>) -> tensor<50x100xi64> {
  %a = diptych.rolling_argmax %x {axis = 1 : i64, window = array<i64: 20>} : tensor<50x100xf64> -> tensor<50x100xi64>
  return %a : tensor<50x100xi64>
}

// Extrema of pieces first, then of windows from these.
// CHECK-LABEL: .entry long_0(
// CHECK: st.global.b64
// CHECK-LABEL: .entry long_0_1(
// CHECK: ld.global
// CHECK: st.global.b64
func.func @long(%x: tensor<900xf32>) -> tensor<900xi64> {
  %a = diptych.rolling_argmin %x {axis = 0 : i64, window = array<i64: 700>} : tensor<900xf32> -> tensor<900xi64>
  return %a : tensor<900xi64>
}

// CHECK-LABEL: .entry rank_0(
// CHECK: setp.lt.f32
// CHECK: setp.le.f32
// CHECK: cvt.rn.f32.f64
// CHECK: st.global.b32
func.func @rank(%x: tensor<30x7xf32>) -> tensor<30x7xf32> {
  %r = diptych.rolling_rank %x {axis = 0 : i64, window = array<i64: 9>} : tensor<30x7xf32> -> tensor<30x7xf32>
  return %r : tensor<30x7xf32>
}

// Numbers are halved by integers in their order: how many are below is counted at every turn.
// CHECK-LABEL: .entry choice_0(
// CHECK: min.s64
// CHECK: max.s64
// CHECK: setp.ge.s64
// CHECK: st.global.b64
func.func @choice(%x: tensor<40xf64>, %k: tensor<40x2xi64>) -> tensor<40x2xi64> {
  %r = diptych.rolling_argselect %x, %k {axis = 0 : i64, window = array<i64: 9>} : tensor<40xf64>, tensor<40x2xi64> -> tensor<40x2xi64>
  return %r : tensor<40x2xi64>
}
