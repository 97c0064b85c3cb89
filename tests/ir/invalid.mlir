// Every constraint of the type rules, refused by the verifier with the rule's own words.
// RUN: diptych-opt %s -verify-diagnostics -split-input-file

func.func @cumulative_c1_axis(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected axes within rank 1, got [1]; count axes from 0}}
  %y = diptych.cumsum %x {axis = 1 : i64} : tensor<3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @cumulative_c2_shapes_differ(%x: tensor<3xf64>, %y: tensor<4xf64>) {
  // expected-error@+1 {{op expected operands of one shape, got f64[3] and f64[4]}}
  %z = diptych.linear_recurrence %x, %y {axis = 0 : i64} : tensor<3xf64>, tensor<4xf64> -> tensor<3xf64>
  return
}

// -----

func.func @arg_cumulative_result_is_i64(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a result of type 'tensor<3xi64>', got 'tensor<3xf64>'}}
  %z = diptych.argcummin %x {axis = 0 : i64} : tensor<3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @pointwise_c1_dtype(%x: tensor<3xi64>) {
  // expected-error@+1 {{'diptych.exp' op expected an operand of f32, f64, bf16 or f16, got i64[3]; convert it with astype}}
  %y = diptych.exp %x : tensor<3xi64> -> tensor<3xi64>
  return
}

// -----

func.func @pointwise_c2_dtypes_differ(%x: tensor<3xf64>, %y: tensor<3xf32>) {
  // expected-error@+1 {{op expected operands of one dtype, got f64[3] and f32[3]}}
  %z = diptych.add %x, %y : tensor<3xf64>, tensor<3xf32> -> tensor<3xf64>
  return
}

// -----

func.func @pointwise_c3_shapes_differ(%x: tensor<3xf64>, %y: tensor<f64>) {
  // expected-error@+1 {{op expected operands of one shape, got f64[3] and f64[]; broadcast or reshape one of them}}
  %z = diptych.add %x, %y : tensor<3xf64>, tensor<f64> -> tensor<3xf64>
  return
}

// -----

func.func @pointwise_result_type(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a result of type 'tensor<3xf64>', got 'tensor<4xf64>'}}
  %z = diptych.neg %x : tensor<3xf64> -> tensor<4xf64>
  return
}

// -----

func.func @comparison_result_is_boolean(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a result of type 'tensor<3xi1>', got 'tensor<3xf64>'}}
  %z = diptych.lt %x, %x : tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @logical_of_numbers(%x: tensor<3xi64>) {
  // expected-error@+1 {{op expected an operand of boolean, got i64[3]}}
  %z = diptych.logical_and %x, %x : tensor<3xi64>, tensor<3xi64> -> tensor<3xi64>
  return
}

// -----

func.func @where_condition_is_boolean(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a boolean condition, got f64[3]; compare it with something first}}
  %z = diptych.where %x, %x, %x : tensor<3xf64>, tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @where_condition_shape(%c: tensor<2xi1>, %x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a condition of the operands' shape, got [2] and [3]; broadcast it}}
  %z = diptych.where %c, %x, %x : tensor<2xi1>, tensor<3xf64>, tensor<3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @convert_keeps_the_shape(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a result of type 'tensor<3xi32>', got 'tensor<4xi32>'}}
  %z = diptych.convert %x : tensor<3xf64> -> tensor<4xi32>
  return
}

// -----

func.func @element_type(%x: tensor<3xi16>) {
  // expected-error@+1 {{op operand #0 must be statically shaped tensor of 32-bit float or 64-bit float}}
  %z = diptych.neg %x : tensor<3xi16> -> tensor<3xi16>
  return
}

// -----

func.func @dynamic_shape(%x: tensor<?xf64>) {
  // expected-error@+1 {{op operand #0 must be statically shaped tensor}}
  %z = diptych.neg %x : tensor<?xf64> -> tensor<?xf64>
  return
}

// -----

func.func @rank_limit(%x: tensor<1x1x1x1x1x1x1x1x1xf64>) {
  // expected-error@+1 {{op a tensor has at most 8 dimensions}}
  %z = diptych.neg %x : tensor<1x1x1x1x1x1x1x1x1xf64> -> tensor<1x1x1x1x1x1x1x1x1xf64>
  return
}

// -----

func.func @constant_is_dense() {
  // expected-error@+1 {{op expected a dense value, got sparse}}
  %z = diptych.constant sparse<0, 1.0> : tensor<3xf64>
  return
}

// -----

func.func @constant_element_type() {
  // expected-error@+1 {{op result #0 must be statically shaped tensor}}
  %z = diptych.constant dense<1> : tensor<3xi8>
  return
}

// -----

func.func @iota_axis_in_range() {
  // expected-error@+1 {{op expected axes within rank 1, got [1]; count axes from 0}}
  %z = diptych.iota {axis = 1 : i64} : tensor<3xi64>
  return
}

// -----

func.func @iota_is_numeric() {
  // expected-error@+1 {{op expected a numeric dtype, got boolean}}
  %z = diptych.iota {axis = 0 : i64} : tensor<3xi1>
  return
}

// -----

func.func @iota_needs_its_axis() {
  // expected-error@+1 {{requires attribute 'axis'}}
  %z = diptych.iota : tensor<3xi64>
  return
}

// -----

func.func @broadcast_c1_one_axis_each(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected one axis for each of the operand's 1, got []}}
  %z = diptych.broadcast %x {axes = array<i64>} : tensor<3xf64> -> tensor<2x3xf64>
  return
}

// -----

func.func @broadcast_c2_increasing(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected increasing axes, got [1,0]; transpose first}}
  %z = diptych.broadcast %x {axes = array<i64: 1, 0>} : tensor<2x3xf64> -> tensor<3x2xf64>
  return
}

// -----

func.func @broadcast_c3_sizes_agree(%x: tensor<1xf64>) {
  // expected-error@+1 {{op expected sizes that agree with [2,3] at axes [1], got [1]; reshape away axes of size 1 first}}
  %z = diptych.broadcast %x {axes = array<i64: 1>} : tensor<1xf64> -> tensor<2x3xf64>
  return
}

// -----

func.func @broadcast_axes_in_range(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected axes within rank 2, got [2]}}
  %z = diptych.broadcast %x {axes = array<i64: 2>} : tensor<3xf64> -> tensor<2x3xf64>
  return
}

// -----

func.func @reshape_keeps_the_elements(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a shape of 3 elements, got [2,2] for f64[3]}}
  %z = diptych.reshape %x : tensor<3xf64> -> tensor<2x2xf64>
  return
}

// -----

func.func @transpose_is_a_permutation(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected axes without repetition, got [0,0]; name each axis once}}
  %z = diptych.transpose %x {axes = array<i64: 0, 0>} : tensor<2x3xf64> -> tensor<2x2xf64>
  return
}

// -----

func.func @transpose_names_every_axis(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected a permutation of 2 axes, got [1]}}
  %z = diptych.transpose %x {axes = array<i64: 1>} : tensor<2x3xf64> -> tensor<3xf64>
  return
}

// -----

func.func @slice_c1_list_lengths(%x: tensor<5x5xf64>) {
  // expected-error@+1 {{op expected limits of length 2, got [2]}}
  %z = diptych.slice %x {starts = array<i64: 0, 0>, limits = array<i64: 2>, strides = array<i64: 1, 1>}
      : tensor<5x5xf64> -> tensor<2x5xf64>
  return
}

// -----

func.func @slice_c2_limits(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected 0 <= start <= limit <= 5 on axis 0, got 0 to 6; keep within the operand}}
  %z = diptych.slice %x {starts = array<i64: 0>, limits = array<i64: 6>, strides = array<i64: 1>}
      : tensor<5xf64> -> tensor<6xf64>
  return
}

// -----

func.func @slice_c3_strides(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected strides of at least 1, got [0]; use reverse}}
  %z = diptych.slice %x {starts = array<i64: 0>, limits = array<i64: 5>, strides = array<i64: 0>}
      : tensor<5xf64> -> tensor<5xf64>
  return
}

// -----

func.func @pad_c1_not_negative(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected padding that is not negative, got [-1], [0], [0]; use slice to cut}}
  %z = diptych.pad %x {low = array<i64: -1>, high = array<i64: 0>, interior = array<i64: 0>, value = 0.0 : f64}
      : tensor<5xf64> -> tensor<4xf64>
  return
}

// -----

func.func @pad_c2_value_type(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected a value of type 'f64', got 0 : i64}}
  %z = diptych.pad %x {low = array<i64: 1>, high = array<i64: 0>, interior = array<i64: 0>, value = 0 : i64}
      : tensor<5xf64> -> tensor<6xf64>
  return
}

// -----

func.func @reverse_axes_in_range(%x: tensor<5xf64>) {
  // expected-error@+1 {{op expected axes within rank 1, got [-1]}}
  %z = diptych.reverse %x {axes = array<i64: -1>} : tensor<5xf64> -> tensor<5xf64>
  return
}

// -----

func.func @concatenate_differs_along_the_axis_only(%x: tensor<2x3xf64>, %y: tensor<2x4xf64>) {
  // expected-error@+1 {{op expected operands that differ only along axis 0, got f64[2,3] and f64[2,4]}}
  %z = diptych.concatenate %x, %y {axis = 0 : i64} : tensor<2x3xf64>, tensor<2x4xf64> -> tensor<4x3xf64>
  return
}

// -----

func.func @concatenate_of_nothing() {
  // expected-error@+1 {{op expected at least 1 operand(s), got 0}}
  %z = "diptych.concatenate"() {axis = 0 : i64} : () -> tensor<4x3xf64>
  return
}

// -----

func.func @reduction_axes_in_range(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected axes within rank 2, got [2]}}
  %z = diptych.sum %x {axes = array<i64: 2>} : tensor<2x3xf64> -> tensor<2xf64>
  return
}

// -----

func.func @reduction_axes_repeat(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected axes without repetition, got [1,1]}}
  %z = diptych.sum %x {axes = array<i64: 1, 1>} : tensor<2x3xf64> -> tensor<2xf64>
  return
}

// -----

func.func @reduction_of_booleans(%x: tensor<3xi1>) {
  // expected-error@+1 {{op expected an operand of f32, f64, i32, i64, bf16 or f16, got boolean[3]}}
  %z = diptych.sum %x {axes = array<i64: 0>} : tensor<3xi1> -> tensor<i1>
  return
}

// -----

func.func @maximum_of_nothing(%x: tensor<0xf64>) {
  // expected-error@+1 {{op expected at least one element along axis 0, got f64[0]}}
  %z = diptych.max %x {axes = array<i64: 0>} : tensor<0xf64> -> tensor<f64>
  return
}

// -----

func.func @arg_reduction_of_nothing(%x: tensor<0xf64>) {
  // expected-error@+1 {{op expected at least one element along axis 0, got f64[0]; an empty set has no such index}}
  %z = diptych.argmax %x {axis = 0 : i64} : tensor<0xf64> -> tensor<i64>
  return
}

// -----

func.func @argsort_axis_outside(%x: tensor<2xf64>) {
  // expected-error@+1 {{op expected axes within rank 1, got [1]; count axes from 0}}
  %z = diptych.argsort %x {axis = 1 : i64, descending = false} : tensor<2xf64> -> tensor<2xi64>
  return
}

// -----

func.func @matrix_c2_two_axes(%x: tensor<3xf64>) {
  // expected-error@+1 {{op expected a matrix [..., m, n], got f64[3]}}
  %z = diptych.eigh %x : tensor<3xf64> -> tensor<4x3xf64>
  return
}

// -----

func.func @matrix_c3_square(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected a square matrix [..., n, n], got f64[2,3]}}
  %z = diptych.det %x {regular = false} : tensor<2x3xf64> -> tensor<f64>
  return
}

// -----

func.func @matrix_c4_tall(%x: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected a matrix [..., m, n] with m >= n, got f64[2,3]; transpose it}}
  %z = diptych.svd %x : tensor<2x3xf64> -> tensor<6x3xf64>
  return
}

// -----

func.func @solve_c5_one_dtype(%a: tensor<2x2xf64>, %b: tensor<2x2xf32>) {
  // expected-error@+1 {{op expected operands of one dtype, got f64[2,2] and f32[2,2]}}
  %z = diptych.solve %a, %b {check = true, transposed = false} : tensor<2x2xf64>, tensor<2x2xf32> -> tensor<2x2xf64>
  return
}

// -----

func.func @solve_c6_batch(%a: tensor<4x2x2xf64>, %b: tensor<3x2x2xf64>) {
  // expected-error@+1 {{op expected equal batch axes, got f64[4,2,2] and f64[3,2,2]}}
  %z = diptych.solve %a, %b {check = true, transposed = false} : tensor<4x2x2xf64>, tensor<3x2x2xf64> -> tensor<3x2x2xf64>
  return
}

// -----

func.func @solve_c7_rows(%a: tensor<2x2xf64>, %b: tensor<3x2xf64>) {
  // expected-error@+1 {{op expected a right side of 2 rows, got f64[3,2]}}
  %z = diptych.triangular_solve %a, %b {check = true, lower = true, transposed = false, unit = false} : tensor<2x2xf64>, tensor<3x2xf64> -> tensor<3x2xf64>
  return
}

// -----

func.func @arg_reduction_gives_i64(%x: tensor<2xf64>) {
  // expected-error@+1 {{op expected a result of type 'tensor<i64>', got 'tensor<i32>'}}
  %z = diptych.argmin %x {axis = 0 : i64} : tensor<2xf64> -> tensor<i32>
  return
}

// -----

func.func @matmul_c1_ranks(%x: tensor<2x3xf64>, %y: tensor<3xf64>) {
  // expected-error@+1 {{op expected two matrices [..., m, k] and [..., k, n] of one rank, got f64[2,3] and f64[3]}}
  %z = diptych.matmul %x, %y : tensor<2x3xf64>, tensor<3xf64> -> tensor<2xf64>
  return
}

// -----

func.func @matmul_c2_inner_sizes_differ(%x: tensor<4x3xf64>, %y: tensor<5x2xf64>) {
  // expected-error@+1 {{op expected equal inner sizes, got [4,3] and [5,2]; did you mean to transpose one?}}
  %z = diptych.matmul %x, %y : tensor<4x3xf64>, tensor<5x2xf64> -> tensor<4x2xf64>
  return
}

// -----

func.func @matmul_c3_batch_axes_differ(%x: tensor<2x4x3xf64>, %y: tensor<1x3x2xf64>) {
  // expected-error@+1 {{op expected equal batch axes, got f64[2,4,3] and f64[1,3,2]}}
  %z = diptych.matmul %x, %y : tensor<2x4x3xf64>, tensor<1x3x2xf64> -> tensor<2x4x2xf64>
  return
}

// -----

func.func @matmul_c4_dtypes_differ(%x: tensor<4x3xf64>, %y: tensor<3x2xf32>) {
  // expected-error@+1 {{op expected operands of one dtype, got f64[4,3] and f32[3,2]}}
  %z = diptych.matmul %x, %y : tensor<4x3xf64>, tensor<3x2xf32> -> tensor<4x2xf64>
  return
}

// -----

func.func @gather_c1_indices_are_integers(%x: tensor<4x3xf64>, %i: tensor<2xf64>) {
  // expected-error@+1 {{op expected i32 or i64 indices, got f64[2]}}
  %z = diptych.gather %x, %i {axis = 0 : i64} : tensor<4x3xf64>, tensor<2xf64> -> tensor<2x3xf64>
  return
}

// -----

func.func @gather_c2_axis_in_range(%x: tensor<4x3xf64>, %i: tensor<2xi64>) {
  // expected-error@+1 {{op expected axes within rank 2, got [2]}}
  %z = diptych.gather %x, %i {axis = 2 : i64} : tensor<4x3xf64>, tensor<2xi64> -> tensor<4x3x2xf64>
  return
}

// -----

func.func @scatter_add_updates_are_as_gathered(%x: tensor<4x3xf64>, %i: tensor<2xi64>, %u: tensor<3x2xf64>) {
  // expected-error@+1 {{op expected updates of type f64[2,3], got f64[3,2]}}
  %z = diptych.scatter_add %x, %i, %u {axis = 0 : i64}
      : tensor<4x3xf64>, tensor<2xi64>, tensor<3x2xf64> -> tensor<4x3xf64>
  return
}

// -----

func.func @element_count(%x: tensor<4294967296x4294967296x4xf64>) {
  // expected-error@+1 {{op expected a tensor below 2^48 elements, got tensor<4294967296x4294967296x4xf64>; check the sizes}}
  %z = diptych.neg %x : tensor<4294967296x4294967296x4xf64> -> tensor<4294967296x4294967296x4xf64>
  return
}
