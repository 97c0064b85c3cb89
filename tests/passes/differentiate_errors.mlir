// What can't be differentiated is said at its own line.
// RUN: diptych-opt %s --diptych-differentiate -verify-diagnostics -split-input-file

func.func private @elsewhere(tensor<f64>) -> tensor<f64>
func.func @without_body(%x: tensor<f64>) -> tensor<f64> {
  // expected-error@+1 {{@elsewhere has no body to differentiate}}
  %y, %dx = diptych.vjp @elsewhere(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}

// -----

func.func private @itself(%x: tensor<f64>) -> tensor<f64> {
  // expected-error@+1 {{@itself asks for its own derivative; a recursive function has none}}
  %y, %dx = diptych.vjp @itself(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}
func.func @recursion(%x: tensor<f64>) -> tensor<f64> {
  %y, %dx = diptych.vjp @itself(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}

// -----

func.func private @fused(%x: tensor<f64>) -> tensor<f64> {
  // expected-error@+1 {{expected an operator to differentiate, got diptych.fusion; differentiate before fusing or lowering}}
  %y = diptych.fusion "pointwise" (%a = %x : tensor<f64>) -> tensor<f64> {
    %e = diptych.exp %a : tensor<f64> -> tensor<f64>
    diptych.yield %e : tensor<f64>
  }
  return %y : tensor<f64>
}
func.func @after_fusion(%x: tensor<f64>) -> tensor<f64> {
  %y, %dx = diptych.vjp @fused(%x) cotangents(%x) wrt [0] : (tensor<f64>, tensor<f64>) -> (tensor<f64>, tensor<f64>)
  return %dx : tensor<f64>
}
