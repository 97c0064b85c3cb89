// Rolling windows on one thread, in nanoseconds an element: "best" is that of the best call. Rows
// are [days, stocks] along days, and [stocks, days].
#include "benchmarks/Machine.h"

namespace dt = diptych;
using namespace dt::bench;

namespace {

using Rolling = dt::Tensor (*)(const dt::Tensor& x, int64_t window, int64_t axis);

dt::Tensor sums(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_sum(x, window, axis);
}
dt::Tensor deviations(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_std(x, window, axis);
}
dt::Tensor correlations(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_corr(x, dt::shift(x, 1, axis), window, axis);
}
// Weighted, so that all that reaches the windows differs.
dt::Tensor correlationGradients(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::grad([=](const dt::Tensor& a) {
    const dt::Tensor each = correlations(a, window, axis);
    return dt::sum(dt::where(dt::isnan(each), 0.0, each * a));
  })(x);
}
dt::Tensor maxima(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_max(x, window, axis);
}
dt::Tensor positions(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_argmax(x, window, axis);
}
dt::Tensor ranks(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_rank(x, window, axis);
}
dt::Tensor quantiles(const dt::Tensor& x, int64_t window, int64_t axis) {
  return dt::rolling_quantile(x, 0.8, window, axis);
}

void rolling(benchmark::State& state, Rolling f, dt::DType dtype, bool jitted) {
  const OneThread scope;
  const int64_t window = state.range(0), axis = state.range(1);
  const int64_t days = state.range(2), stocks = state.range(3);
  const dt::Tensor x = dt::randn(axis ? dt::Shape{stocks, days} : dt::Shape{days, stocks}, dtype);
  const auto eager = [=](const dt::Tensor& a) { return f(a, window, axis); };
  const auto compiled = dt::jit(eager);
  // Windows that are too short give NaN.
  const auto there = [](const dt::Tensor& a) { return dt::where(dt::isnan(a), -7.0, a); };
  if (!agree(state, there(compiled(x).astype(dt::f64)), there(eager(x).astype(dt::f64)), 1e-6))
    return;
  double best = 1e300;
  for (auto _ : state) {
    const double begin = now();
    benchmark::DoNotOptimize(jitted ? compiled(x) : eager(x));
    best = std::min(best, now() - begin);
  }
  state.counters["best"] = 1e9 * best / static_cast<double>(x.numel());
}

void windows(benchmark::internal::Benchmark* b) {
  for (const int64_t window : {5, 20, 60, 250})
    for (const int64_t axis : {0, 1})
      b->Args({window, axis, 1000, 300});
  b->Args({20, 0, 100000, 1})->Args({1000, 0, 100000, 1})->UseRealTime();
}

#define ROLLING(NAME, F)                                                                           \
  BENCHMARK_CAPTURE(rolling, NAME##_f64, F, dt::f64, true)                                         \
      ->Name("one_thread/rolling/" #NAME "/f64")                                                   \
      ->Apply(windows);                                                                            \
  BENCHMARK_CAPTURE(rolling, NAME##_f32, F, dt::f32, true)                                         \
      ->Name("one_thread/rolling/" #NAME "/f32")                                                   \
      ->Apply(windows);                                                                            \
  BENCHMARK_CAPTURE(rolling, eager_##NAME, F, dt::f64, false)                                      \
      ->Name("one_thread/rolling/eager_" #NAME "/f64")                                             \
      ->Apply(windows)
ROLLING(sum, sums);
ROLLING(std, deviations);
ROLLING(corr, correlations);
ROLLING(corr_gradient, correlationGradients);
ROLLING(max, maxima);
ROLLING(argmax, positions);
ROLLING(rank, ranks);
ROLLING(quantile, quantiles);

} // namespace
