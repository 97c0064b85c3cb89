// What loops and branches refuse.
// RUN: diptych-opt %s -verify-diagnostics -split-input-file

func.func @scan_c1_length(%c: tensor<f64>) {
  // expected-error@+1 {{op expected a length that is not negative, got -1}}
  %r = diptych.scan consts() carry(%c) xs() length -1 : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @scan_c1_kept(%c: tensor<f64>) {
  // expected-error@+1 {{op expected kept to be the number of carries, 1, got 2}}
  %r = diptych.scan consts() carry(%c) xs() length 2 kept 2 : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @scan_c2_carried_type(%c: tensor<f64>) {
  // expected-error@+1 {{op expected carried results #0 of type 'tensor<f64>', got 'tensor<f32>'}}
  %r = diptych.scan consts() carry(%c) xs() length 2 : (tensor<f64>) -> tensor<f32> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @scan_c3_length_of_xs(%c: tensor<f64>, %x: tensor<3xf64>) {
  // expected-error@+1 {{op expected xs with an axis 0 of size 2, got 'tensor<3xf64>'}}
  %r = diptych.scan consts() carry(%c) xs(%x) length 2 : (tensor<f64>, tensor<3xf64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>, %b: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @scan_c4_arguments(%c: tensor<f64>, %x: tensor<2xf64>) {
  // expected-error@+1 {{op expected arguments #1 of type 'tensor<f64>', got 'tensor<2xf64>'}}
  %r = diptych.scan consts() carry(%c) xs(%x) length 2 : (tensor<f64>, tensor<2xf64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>, %b: tensor<2xf64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @scan_c5_yields(%c: tensor<f64>) {
  // expected-error@+1 {{op expected 1 yielded values, got 2}}
  %r = diptych.scan consts() carry(%c) xs() length 2 : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a, %a : tensor<f64>, tensor<f64>
  }
  return
}

// -----

func.func @scan_c6_what_is_kept(%c: tensor<f64>) {
  // expected-error@+1 {{op expected the last values yielded to be the carry that is kept}}
  %r:2 = diptych.scan consts() carry(%c) xs() length 2 kept 1 : (tensor<f64>) -> (tensor<f64>, tensor<2xf64>) {
  ^bb0(%a: tensor<f64>):
    %n = diptych.neg %a : tensor<f64> -> tensor<f64>
    diptych.yield %a, %n : tensor<f64>, tensor<f64>
  }
  return
}

// -----

func.func @while_c2_bound(%c: tensor<f64>, %p: tensor<i1>) {
  // expected-error@+1 {{op expected max_steps that is not negative, got -3}}
  %r = diptych.while consts(%p) carry(%c) max_steps -3 : (tensor<i1>, tensor<f64>) -> tensor<f64> {
  ^bb0(%q: tensor<i1>, %a: tensor<f64>):
    diptych.yield %q : tensor<i1>
  } do {
  ^bb0(%q: tensor<i1>, %a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @while_c4_condition(%c: tensor<f64>) {
  // expected-error@+1 {{op expected a condition that yields one tensor<i1>}}
  %r = diptych.while consts() carry(%c) : (tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  } do {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @cond_c1_predicate(%c: tensor<f64>) {
  // expected-error@+1 {{op expected a predicate of type tensor<i1>, got 'tensor<f64>'}}
  %r = diptych.cond %c(%c) : (tensor<f64>, tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  }
  return
}

// -----

func.func @cond_c3_both_regions(%p: tensor<i1>, %c: tensor<f64>) {
  // expected-error@+1 {{op expected 1 yielded values, got 0}}
  %r = diptych.cond %p(%c) : (tensor<i1>, tensor<f64>) -> tensor<f64> {
  ^bb0(%a: tensor<f64>):
    diptych.yield %a : tensor<f64>
  } else {
  ^bb0(%a: tensor<f64>):
    diptych.yield
  }
  return
}
