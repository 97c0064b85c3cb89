// A run whose check fails has no time: results are compared first.
#pragma once

#include <diptych/diptych.h>

#include <benchmark/benchmark.h>

namespace diptych::bench {

/// Skips the benchmark, with an error, unless the two agree to `rtol`.
inline bool agree(benchmark::State& state, const Tensor& got, const Tensor& expected,
                  double rtol = 1e-9) {
  if (allclose(got, expected, rtol, 1e-12))
    return true;
  state.SkipWithError("results differ");
  return false;
}

/// `perIteration` units of work as a rate, such as {"GB/s", 1e-9 * bytes}.
inline void rate(benchmark::State& state, const char* name, double perIteration) {
  state.counters[name] =
      benchmark::Counter(perIteration, benchmark::Counter::kIsIterationInvariantRate);
}

} // namespace diptych::bench
