// What derivatives and fusions refuse.
// RUN: diptych-opt %s -verify-diagnostics -split-input-file

func.func @vjp_c1_callee_is_a_function(%x: tensor<f64>) {
  // expected-error@+1 {{op expected a function, got 'nobody'}}
  %y, %dx = diptych.vjp @nobody(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<?xf64>) -> tensor<f64>
func.func @vjp_c1_of_known_sizes(%x: tensor<f64>) {
  // expected-error@+1 {{op expected a function of tensors of known sizes}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<3xf64>) -> tensor<f64>
func.func @vjp_c2_input_types(%x: tensor<f64>) {
  // expected-error@+1 {{op expected inputs #0 of type 'tensor<3xf64>', got 'tensor<f64>'}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<f64>, tensor<f64>) -> tensor<f64>
func.func @vjp_c2_input_count(%x: tensor<f64>) {
  // expected-error@+1 {{op expected 2 inputs, got 1}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<f64>) -> tensor<f64>
func.func @vjp_c3_wrt_in_range(%x: tensor<f64>) {
  // expected-error@+1 {{op expected wrt below 1, got 1}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%x) wrt [1] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<f64>) -> tensor<f64>
func.func @vjp_c3_wrt_repeats(%x: tensor<f64>) {
  // expected-error@+1 {{op expected wrt without repetition, got 0 twice}}
  %y, %dx, %dz = diptych.vjp @f(%x) cotangents(%x) wrt [0, 0]
      : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<i64>) -> tensor<f64>
func.func @vjp_c5_integer_input(%x: tensor<i64>, %c: tensor<f64>) {
  // expected-error@+1 {{op expected an input of f32, f64, bf16 or f16 to differentiate by, got 'tensor<i64>'}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%c) wrt [0] : (tensor<i64>, tensor<f64>) -> (tensor<f64>, tensor<i64>)
  return
}

// -----

func.func private @f(tensor<f64>) -> tensor<f64>
func.func @vjp_c4_negative_batch(%x: tensor<f64>) {
  // expected-error@+1 {{op expected a batch that is not negative, got -1}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%x) wrt [0] batch -1 : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<3xf64>) -> tensor<f64>
func.func @vjp_c6_batched_cotangents(%x: tensor<3xf64>, %c: tensor<f64>) {
  // expected-error@+1 {{op expected cotangents #0 of type 'tensor<2xf64>', got 'tensor<f64>'}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%c) wrt [0] batch 2 : (tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<2x3xf64>)
  return
}

// -----

func.func private @f(tensor<3xf64>) -> tensor<f64>
func.func @vjp_c7_results(%x: tensor<3xf64>, %c: tensor<f64>) {
  // expected-error@+1 {{op expected results #1 of type 'tensor<3xf64>', got 'tensor<f64>'}}
  %y, %dx = diptych.vjp @f(%x) cotangents(%c) wrt [0] : (tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<3xf64>) -> tensor<f64>
func.func @jvp_c6_tangents(%x: tensor<3xf64>, %t: tensor<f64>) {
  // expected-error@+1 {{op expected tangents #0 of type 'tensor<3xf64>', got 'tensor<f64>'}}
  %y, %dy = diptych.jvp @f(%x) tangents(%t) wrt [0] : (tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func private @f(tensor<3xf64>) -> tensor<f64>
func.func @jvp_c7_batched_results(%x: tensor<3xf64>, %t: tensor<2x3xf64>) {
  // expected-error@+1 {{op expected results #1 of type 'tensor<2xf64>', got 'tensor<f64>'}}
  %y, %dy = diptych.jvp @f(%x) tangents(%t) wrt [0] batch 2 : (tensor<3xf64>, tensor<2x3xf64>) -> (tensor<f64>, tensor<f64>)
  return
}

// -----

func.func @fusion_c1_kind(%x: tensor<f64>) {
  // expected-error@+1 {{op expected kind "pointwise", "reduction", "scan" or "pieces", got "loop"}}
  %y = diptych.fusion "loop" (%a = %x : tensor<f64>) -> tensor<f64> {
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @fusion_c2_arguments_are_the_captures(%x: tensor<f64>) {
  // expected-error@+1 {{op expected arguments #0 of type 'tensor<f64>', got 'tensor<f32>'}}
  %y = "diptych.fusion"(%x) <{kind = "pointwise"}> ({
  ^body(%a: tensor<f32>):
    diptych.yield %a : tensor<f32>
  }) : (tensor<f64>) -> tensor<f32>
  return
}

// -----

func.func @fusion_c3_ends_in_yield(%x: tensor<f64>) {
  %y = diptych.fusion "pointwise" (%a = %x : tensor<f64>) -> tensor<f64> {
    // expected-error@+1 {{block with no terminator}}
    %e = diptych.exp %a : tensor<f64> -> tensor<f64>
  }
  return
}

// -----

func.func @fusion_c4_yields_its_results(%x: tensor<f64>) {
  // expected-error@+1 {{op expected 2 yielded values, got 1}}
  %y:2 = diptych.fusion "pointwise" (%a = %x : tensor<f64>) -> (tensor<f64>, tensor<f64>) {
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @fusion_c5_only_what_fuses(%x: tensor<2x2xf64>) {
  %y = diptych.fusion "reduction" (%a = %x : tensor<2x2xf64>) -> tensor<2x2xf64> {
    // expected-error@+1 {{'diptych.matmul' op is no operator that a fusion of kind "reduction" may hold}}
    %m = diptych.matmul %a, %a : tensor<2x2xf64>, tensor<2x2xf64> -> tensor<2x2xf64>
    diptych.yield %m : tensor<2x2xf64>
  }
  return
}

// -----

func.func @fusion_c5_no_reduction_in_pointwise(%x: tensor<2xf64>) {
  %y = diptych.fusion "pointwise" (%a = %x : tensor<2xf64>) -> tensor<f64> {
    // expected-error@+1 {{'diptych.sum' op is no operator that a fusion of kind "pointwise" may hold}}
    %m = diptych.sum %a {axes = array<i64: 0>} : tensor<2xf64> -> tensor<f64>
    diptych.yield %m : tensor<f64>
  }
  return
}

// -----

func.func @fusion_is_closed(%x: tensor<2xf64>) {
  // expected-note@+1 {{required by region isolation constraints}}
  %y = diptych.fusion "pointwise" (%a = %x : tensor<2xf64>) -> tensor<2xf64> {
    // expected-error@+1 {{using value defined outside the region}}
    %m = diptych.neg %x : tensor<2xf64> -> tensor<2xf64>
    diptych.yield %m : tensor<2xf64>
  }
  return
}

// -----

func.func @yield_stands_in_a_fusion(%x: tensor<2xf64>) {
  // expected-error@+1 {{op expects parent op to be one of 'diptych.fusion, diptych.scan, diptych.while, diptych.cond'}}
  diptych.yield %x : tensor<2xf64>
}

// -----

func.func @solver_c2_square(%x: tensor<1x2x3xf64>) {
  // expected-error@+1 {{'diptych.solver' op expected a routine and stacks of f64 matrices that fit it, got 'cholesky'}}
  %l, %i = diptych.solver "cholesky"(%x) : (tensor<1x2x3xf64>) -> (tensor<1x2x3xf64>, tensor<1xi32>)
  return
}

// -----

func.func @solver_knows_its_routine(%x: tensor<1x3x3xf64>) {
  // expected-error@+1 {{got 'schur' of 'tensor<1x3x3xf64>'}}
  %l = diptych.solver "schur"(%x) : (tensor<1x3x3xf64>) -> tensor<1x3x3xf64>
  return
}

// -----

func.func @solver_results(%x: tensor<1x3x3xf64>) {
  // expected-error@+1 {{expected the results of 'lu', got}}
  %l = diptych.solver "lu"(%x) : (tensor<1x3x3xf64>) -> tensor<1x3x3xf64>
  return
}
