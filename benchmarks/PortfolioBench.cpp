// W1, the softmax factor portfolio: one step of an optimiser, eager and jitted, at its real size;
// its gradient at the large size against one plain read of X.
#include "benchmarks/Check.h"

#include <cmath>

namespace dt = diptych;
using dt::bench::agree;

namespace {

dt::Tensor objective(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& r) {
  auto position = dt::softmax(dt::matmul(X, w), -1);
  auto pnl = dt::sum(position * r, -1);
  return std::sqrt(252.0) * dt::mean(pnl) / dt::stddev(pnl) - 0.05 * dt::sum(w * w);
}

struct Portfolio {
  dt::Tensor X = dt::randn({1000, 300, 8}), r = 0.02 * dt::randn({1000, 300});
  dt::Tensor w = 0.1 * dt::randn({8}), v = dt::randn({8});
};

void value(benchmark::State& state, bool jitted) {
  Portfolio p;
  auto f = dt::jit(objective);
  if (!agree(state, f(p.w, p.X, p.r), objective(p.w, p.X, p.r)))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? f(p.w, p.X, p.r) : objective(p.w, p.X, p.r));
}

void gradient(benchmark::State& state, bool jitted, dt::Numerics numerics) {
  Portfolio p;
  auto eager = dt::value_and_grad(objective);
  auto f = dt::jit(eager, {.numerics = numerics});
  if (!agree(state, f(p.w, p.X, p.r).second, eager(p.w, p.X, p.r).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? f(p.w, p.X, p.r) : eager(p.w, p.X, p.r));
  state.counters["kernel_calls"] = static_cast<double>(f.stats().kernelCalls);
  state.counters["arena_MB"] = static_cast<double>(f.stats().arenaBytes) / 1e6;
}

template <class F>
void second(benchmark::State& state, F eager, bool jitted, const auto&... arguments) {
  auto f = dt::jit(eager);
  if (!agree(state, f(arguments...), eager(arguments...), 1e-7))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? f(arguments...) : eager(arguments...));
  state.counters["arena_MB"] = static_cast<double>(f.stats().arenaBytes) / 1e6;
}

struct LargePortfolio {
  dt::Tensor X = dt::randn({1000, 468, 158}), r = 0.02 * dt::randn({1000, 468});
  dt::Tensor w = 0.05 * dt::randn({158});
};

// The sum of X: nothing reads it in less time.
void largeRead(benchmark::State& state) {
  LargePortfolio p;
  for (auto _ : state)
    benchmark::DoNotOptimize(dt::sum(p.X));
}

void largeGradient(benchmark::State& state, bool jitted, dt::Numerics numerics) {
  LargePortfolio p;
  auto eager = dt::value_and_grad(objective);
  auto f = dt::jit(eager, {.numerics = numerics});
  if (!agree(state, f(p.w, p.X, p.r).second, eager(p.w, p.X, p.r).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? f(p.w, p.X, p.r) : eager(p.w, p.X, p.r));
}

void hessian(benchmark::State& state, bool jitted) {
  Portfolio p;
  second(state, dt::hessian(objective), jitted, p.w, p.X, p.r);
}

void hessianVector(benchmark::State& state, bool jitted) {
  Portfolio p;
  second(state, dt::hvp(objective), jitted, p.w, p.v, p.X, p.r);
}

constexpr auto standard = dt::Numerics::standard, strict = dt::Numerics::strict;
BENCHMARK_CAPTURE(value, eager, false)
    ->Name("w1/value/eager")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(value, jit, true)
    ->Name("w1/value/jit")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(gradient, eager, false, standard)
    ->Name("w1/gradient/eager")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(gradient, jit, true, standard)
    ->Name("w1/gradient/jit")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(gradient, strict, true, strict)
    ->Name("w1/gradient/jit_strict")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(hessian, eager, false)
    ->Name("w1/hessian/eager")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(hessian, jit, true)
    ->Name("w1/hessian/jit")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(hessianVector, eager, false)
    ->Name("w1/hvp/eager")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(hessianVector, jit, true)
    ->Name("w1/hvp/jit")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

BENCHMARK(largeRead)->Name("w1/large/read")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(largeGradient, eager, false, standard)
    ->Name("w1/large/gradient/eager")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(largeGradient, jit, true, standard)
    ->Name("w1/large/gradient/jit")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(largeGradient, strict, true, strict)
    ->Name("w1/large/gradient/strict")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

} // namespace
