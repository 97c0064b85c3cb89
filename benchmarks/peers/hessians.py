#!/usr/bin/env python3
"""Values, gradients, Hessian-vector products and Hessians of seven models against PyTorch and JAX: a table of ratios.

diptych-hessians writes every row's arguments and results. Each system runs in a process of its own and has its
turn at every row. A peer whose package is missing is named and left out; one whose results are more than 1e-9 off
has no time.

Models, by parameters, in f64: logistic 50 (regression on 10000 examples), log_sum_exp 100 (of 1000 terms, and |w|^2),
rosenbrock 200, network 241 (10-20-1, batch 100), deep_network 400 (8-16-16-1, batch 200), mixture 55 (five densities,
1000 points in five dimensions), sharpe 100 (of softmax weights, 2000 days). A network's parameters are one vector.
--only, --seconds, --samples and --profile are diptych-hessians's, whose --help explains them.
"""

import turns

HESSIANS = turns.Comparison(
    "hessians", {"torch": ["eager", "compile"], "jax": ["jit"], "numpy": ["by_hand"]}, "quantity", "us",
    lambda seconds: f"{1e6 * seconds:.3g}",
    "A call. Peers: median over jit's median, and the first call in ms, compiling in it. Empty: not by hand.")

if __name__ == "__main__":
    HESSIANS.main(__doc__)
