// What the machine does at this moment, beside which a kernel's work is a share: one thread's
// multipliers, plain reads, plain copies; a read by all threads. Machines, and neighbours on them,
// differ by the minute.
#pragma once

#include "benchmarks/Check.h"

#include "runtime/ThreadPool.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace diptych::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Floating-point operations a second: chains of the widest fma there is.
double peak(DType dtype);
/// Bytes a second of a sum over so many bytes.
double readRate(int64_t bytes);
/// Bytes read and written a second where so many are copied.
double copyRate(int64_t bytes);

/// The sum of the array, which the threads of the pool read once.
double readOnce(const double* array, int64_t count);

struct OneThread {
  runtime::ThreadPool& pool = runtime::ThreadPool::global();
  decltype(pool.threads()) before = pool.threads();
  OneThread() { pool.setThreads(1); }
  ~OneThread() { pool.setThreads(before); }
};

/// `work` in a call, as a rate; the best call as a share of `most`.
template <class F>
void timed(benchmark::State& state, const char* unit, double work, double most, F run) {
  double best = 1e300;
  for (auto _ : state) {
    const double begin = now();
    benchmark::DoNotOptimize(run());
    best = std::min(best, now() - begin);
  }
  rate(state, unit, work);
  state.counters["share"] = work / best / most;
}

/// Best seconds of run(0) .. run(n - 1), which take turns.
template <size_t n, class F> std::array<double, n> inTurns(benchmark::State& state, const F& run) {
  std::array<double, n> best;
  best.fill(1e300);
  for (auto _ : state)
    for (size_t i = 0; i < n; ++i) {
      const double begin = now();
      run(i);
      best[i] = std::min(best[i], now() - begin);
    }
  return best;
}

/// Whether two tensors of f64 are equal in every bit.
inline bool sameBits(const Tensor& x, const Tensor& y) {
  const auto a = x.to_vector<double>(), b = y.to_vector<double>();
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

} // namespace diptych::bench
