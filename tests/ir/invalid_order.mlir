// Constraints of the type rules of search and rolling windows.
// RUN: diptych-opt %s -verify-diagnostics -split-input-file

func.func @searchsorted_c1_dtypes_differ(%x: tensor<3xf64>, %y: tensor<2xf32>) {
  // expected-error@+1 {{op expected sorted rows and values of one dtype, f32, f64, i32 or i64, got f64[3] and f32[2]; convert one with astype}}
  %z = diptych.searchsorted %x, %y {right = false} : tensor<3xf64>, tensor<2xf32> -> tensor<2xi64>
  return
}

// -----

func.func @searchsorted_c2_leading_axes(%x: tensor<2x3xf64>, %y: tensor<3x3xf64>) {
  // expected-error@+1 {{op expected sorted rows [..., n] and values [..., m] with equal leading axes, got f64[2,3] and f64[3,3]}}
  %z = diptych.searchsorted %x, %y {right = false} : tensor<2x3xf64>, tensor<3x3xf64> -> tensor<3x3xi64>
  return
}

// -----

func.func @rolling_window(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected one window of at least 1, got [0]}}
  %z = diptych.rolling_argmax %x {axis = 0 : i64, window = array<i64: 0>} : tensor<3xf64> -> tensor<3xi64>
  return
}

// -----

func.func @rolling_select_k(%x: tensor<3xf64>, %k: tensor<3xi64>) {
  // expected-error@+1 {{op expected i64 k of x's shape and one axis more, got f64[3] and i64[3]}}
  %z = diptych.rolling_argselect %x, %k {axis = 0 : i64, window = array<i64: 2>} : tensor<3xf64>, tensor<3xi64> -> tensor<3xi64>
  return
}
