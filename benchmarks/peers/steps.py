#!/usr/bin/env python3
"""Training steps (W8: forward, loss, backward, Adam) of six networks against PyTorch and JAX: a table of ratios.

diptych-steps writes what each row begins with and what its first steps make of it. Each system runs in a
process of its own and has its turn at every row. A peer whose package is missing is named and left out; one
whose losses or parameters differ after three steps has no time.

Sizes, by rows of the batch: tiny: dense 100, cnn1d 195 (sequences of 5), lstm 5 (8 steps, hidden 20), tcn 16,
lenet 4, factor_cnn 64. real: dense 1000, lstm 800 (20 steps, hidden 64), tcn 2000, lenet 64, factor_cnn 2000.
W8's large ones are left out. --size, --dtype, --only, --seconds and --samples are diptych-steps's, whose --help
explains them.
"""

import table
import turns

STEPS = turns.Comparison(
    "steps", {"torch": ["eager", "compile"], "jax": ["jit"], "numpy": ["by_hand"]}, "dtype", "ms", table.milliseconds,
    "A step. Peers: median over jit's median, and the first step in ms, compiling in it.")

if __name__ == "__main__":
    STEPS.main(__doc__)
