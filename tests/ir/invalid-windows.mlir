// Constraints of windows, their sum and convolution, in the rules' own words.
// RUN: diptych-opt %s -verify-diagnostics -split-input-file

func.func @windows_c1_lengths(%x: tensor<5xf64>) {
  // expected-error@+1 {{'diptych.windows' op expected strides of length 1, got [1,2]; give one entry for each axis}}
  %y = diptych.windows %x {axes = array<i64: 0>, sizes = array<i64: 2>, strides = array<i64: 1, 2>, dilations = array<i64: 1>} : tensor<5xf64> -> tensor<4x2xf64>
  return
}

// -----

func.func @windows_c2_steps(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected dilations from 1 to 2^24, got [0]; check the sizes}}
  %y = diptych.windows %x {axes = array<i64: 0>, sizes = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 0>} : tensor<5xf64> -> tensor<4x2xf64>
  return
}

// -----

func.func @windows_c3_none_fits(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected at least 7 elements for 3, 3 apart, got 5; pad the operand, or take a smaller window}}
  %y = diptych.windows %x {axes = array<i64: 0>, sizes = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 3>} : tensor<5xf64> -> tensor<4x2xf64>
  return
}

// -----

func.func @windows_axes(%x: tensor<5x5xf64>) {
  // expected-error@+1 {{op expected increasing axes, got [1,0]; order them}}
  %y = diptych.windows %x {axes = array<i64: 1, 0>, sizes = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>} : tensor<5x5xf64> -> tensor<4x2x4x2xf64>
  return
}

// -----

func.func @overlap_add_shape(%x: tensor<4x3xf64>) {
  // expected-error@+1 {{'diptych.overlap_add' op expected windows [o, k] that fit axes [0] of [5], got f64[4,3]; the result has the shape of what windows was taken of}}
  %y = diptych.overlap_add %x {axes = array<i64: 0>, strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<4x3xf64> -> tensor<5xf64>
  return
}

// -----

func.func @convolution_c4_rank(%x: tensor<2x3x4xf64>, %w: tensor<3x2x4xf64>) {
  // expected-error@+1 {{'diptych.convolution' op expected [n, g, c, l...] and [g, o, c, k...] with one to three spatial axes, got f64[2,3,4] and f64[3,2,4]; reshape}}
  %y = diptych.convolution %x, %w {strides = array<i64>, dilations = array<i64>} : tensor<2x3x4xf64>, tensor<3x2x4xf64> -> tensor<2x3x2xf64>
  return
}

// -----

func.func @convolution_c5_groups(%x: tensor<2x3x4x5xf64>, %w: tensor<1x2x4x2xf64>) {
  // expected-error@+1 {{op expected equal groups, x's axis 1 and w's axis 0, got}}
  %y = diptych.convolution %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<2x3x4x5xf64>, tensor<1x2x4x2xf64> -> tensor<2x3x2x4xf64>
  return
}

// -----

func.func @convolution_c5_channels(%x: tensor<2x1x4x5xf64>, %w: tensor<1x2x3x2xf64>) {
  // expected-error@+1 {{op expected equal channels, axis 2, got}}
  %y = diptych.convolution %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>} : tensor<2x1x4x5xf64>, tensor<1x2x3x2xf64> -> tensor<2x1x2x4xf64>
  return
}
