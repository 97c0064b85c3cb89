// W1, the softmax factor portfolio: one step of an optimiser, eager and jitted, at its real size;
// its gradient at the large size against one plain read of X.
#include "benchmarks/Machine.h"
#include "benchmarks/PortfolioByHand.h"

namespace dt = diptych;
using namespace dt::bench;

namespace {

void value(benchmark::State& state, bool jitted) {
  const Portfolio p;
  auto f = dt::jit(objective);
  if (!agree(state, f(p.w, p.X, p.r), objective(p.w, p.X, p.r)))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(jitted ? f(p.w, p.X, p.r) : objective(p.w, p.X, p.r));
}

void gradient(benchmark::State& state, bool jitted, dt::Numerics numerics) {
  const Portfolio p;
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

const dt::Shape large{1000, 468, 158};

// X added up by hand: nothing reads it in less time.
void largeRead(benchmark::State& state) {
  const Portfolio p(large);
  for (auto _ : state)
    benchmark::DoNotOptimize(readOnce(p.X.data<double>(), p.X.numel()));
}

// Calls and reads of X take turns; `reads` is the best call over the best read.
template <class F> void againstReads(benchmark::State& state, const Portfolio& p, F run) {
  double call = 1e300, read = 1e300;
  for (auto _ : state) {
    const double begin = now();
    benchmark::DoNotOptimize(run());
    const double between = now();
    call = std::min(call, between - begin);
    state.PauseTiming();
    benchmark::DoNotOptimize(readOnce(p.X.data<double>(), p.X.numel()));
    read = std::min(read, now() - between);
    state.ResumeTiming();
  }
  state.counters["reads"] = call / read;
}

void largeGradient(benchmark::State& state, bool jitted, dt::Numerics numerics) {
  const Portfolio p(large);
  auto eager = dt::value_and_grad(objective);
  auto f = dt::jit(eager, {.numerics = numerics});
  if (agree(state, f(p.w, p.X, p.r).second, eager(p.w, p.X, p.r).second))
    againstReads(state, p, [&] { return jitted ? f(p.w, p.X, p.r) : eager(p.w, p.X, p.r); });
}

void largeByHand(benchmark::State& state) {
  if (!hasByHand())
    return state.SkipWithError("by hand it is written in AVX-512, which this CPU lacks");
  const Portfolio p(large);
  if (agree(state, gradientByHand(p), dt::grad(objective)(p.w, p.X, p.r)))
    againstReads(state, p, [&] { return gradientByHand(p); });
}

void largeOneThread(benchmark::State& state, bool byHand) {
  const OneThread scope;
  if (byHand)
    largeByHand(state);
  else
    largeGradient(state, true, dt::Numerics::standard);
}

void hessian(benchmark::State& state, bool jitted) {
  const Portfolio p;
  second(state, dt::hessian(objective), jitted, p.w, p.X, p.r);
}

void hessianVector(benchmark::State& state, bool jitted) {
  const Portfolio p;
  second(state, dt::hvp(objective), jitted, p.w, dt::randn({8}), p.X, p.r);
}

constexpr auto standard = dt::Numerics::standard, strict = dt::Numerics::strict;
BENCHMARK_CAPTURE(value, eager, false)->Name("w1/value/eager")->Apply(milliseconds);
BENCHMARK_CAPTURE(value, jit, true)->Name("w1/value/jit")->Apply(milliseconds);
BENCHMARK_CAPTURE(gradient, eager, false, standard)->Name("w1/gradient/eager")->Apply(milliseconds);
BENCHMARK_CAPTURE(gradient, jit, true, standard)->Name("w1/gradient/jit")->Apply(milliseconds);
BENCHMARK_CAPTURE(gradient, strict, true, strict)
    ->Name("w1/gradient/jit_strict")
    ->Apply(milliseconds);
BENCHMARK_CAPTURE(hessian, eager, false)->Name("w1/hessian/eager")->Apply(milliseconds);
BENCHMARK_CAPTURE(hessian, jit, true)->Name("w1/hessian/jit")->Apply(milliseconds);
BENCHMARK_CAPTURE(hessianVector, eager, false)->Name("w1/hvp/eager")->Apply(milliseconds);
BENCHMARK_CAPTURE(hessianVector, jit, true)->Name("w1/hvp/jit")->Apply(milliseconds);

BENCHMARK(largeRead)->Name("w1/large/read")->Apply(milliseconds);
BENCHMARK_CAPTURE(largeGradient, eager, false, standard)
    ->Name("w1/large/gradient/eager")
    ->Apply(milliseconds);
BENCHMARK_CAPTURE(largeGradient, jit, true, standard)
    ->Name("w1/large/gradient/jit")
    ->Apply(milliseconds);
BENCHMARK(largeByHand)->Name("w1/large/gradient/by_hand")->Apply(milliseconds);
BENCHMARK_CAPTURE(largeOneThread, jit, false)->Name("w1/large/one_thread/jit")->Apply(milliseconds);
BENCHMARK_CAPTURE(largeOneThread, by_hand, true)
    ->Name("w1/large/one_thread/by_hand")
    ->Apply(milliseconds);
BENCHMARK_CAPTURE(largeGradient, strict, true, strict)
    ->Name("w1/large/gradient/strict")
    ->Apply(milliseconds);

} // namespace
