// A run whose check fails has no time: results are compared first.
#pragma once

#include <diptych/diptych.h>

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <string>

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

/// For ->Apply: work that runs on several threads, timed by the clock.
inline void milliseconds(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kMillisecond)->UseRealTime();
}
inline void microseconds(benchmark::internal::Benchmark* b) {
  b->Unit(benchmark::kMicrosecond)->UseRealTime();
}

/// A folder that goes when the process does.
inline const std::string& temporaryFolder() {
  static const std::string path = [] {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "diptych-bench-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw Error("no folder can be made in " + pattern);
    return pattern;
  }();
  static const int registered = std::atexit([] { std::filesystem::remove_all(path); });
  (void)registered;
  return path;
}

} // namespace diptych::bench
