// Kernels against the machine: bandwidth beside memcpy, row softmax, reductions, products.
#include "benchmarks/Check.h"

#include <cstring>
#include <vector>

namespace dt = diptych;
using dt::bench::agree;
using dt::bench::rate;

namespace {

//===-- Bandwidth ----------------------------------------------------------------------------===//

void memcpyBandwidth(benchmark::State& state) {
  const auto n = static_cast<size_t>(state.range(0));
  std::vector<double> from(n, 1.0), to(n, 2.0);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), n * sizeof(double));
    benchmark::ClobberMemory();
  }
  rate(state, "B/s", 2.0 * 8 * static_cast<double>(n));
}
BENCHMARK(memcpyBandwidth)
    ->Name("bandwidth/memcpy")
    ->Arg(1 << 12)
    ->Arg(1 << 16)
    ->Arg(1 << 22)
    ->UseRealTime();

// Compares eager and jit first, then times one of them.
template <class F> void timed(benchmark::State& state, F f, bool jitted, const auto&... arguments) {
  auto compiled = dt::jit(f);
  if (!agree(state, compiled(arguments...), f(arguments...)))
    return;
  if (jitted)
    for (auto _ : state)
      benchmark::DoNotOptimize(compiled(arguments...));
  else
    for (auto _ : state)
      benchmark::DoNotOptimize(f(arguments...));
}

void triad(benchmark::State& state, bool jitted) {
  const int64_t n = state.range(0);
  timed(
      state, [](const dt::Tensor& x, const dt::Tensor& y) { return x + y; }, jitted, dt::randn({n}),
      dt::randn({n}));
  rate(state, "B/s", 3.0 * 8 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(triad, eager, false)->Arg(1 << 12)->Arg(1 << 16)->Arg(1 << 22)->UseRealTime();
BENCHMARK_CAPTURE(triad, jit, true)->Arg(1 << 12)->Arg(1 << 16)->Arg(1 << 22)->UseRealTime();

void fused(benchmark::State& state, bool jitted) {
  const int64_t n = state.range(0);
  timed(
      state, [](const dt::Tensor& x) { return x * x * 0.5 + x * 3.0 - 1.0; }, jitted,
      dt::randn({n}));
  rate(state, "B/s", 2.0 * 8 * static_cast<double>(n));
}
BENCHMARK_CAPTURE(fused, eager, false)->Arg(1 << 16)->Arg(1 << 22)->UseRealTime();
BENCHMARK_CAPTURE(fused, jit, true)->Arg(1 << 16)->Arg(1 << 22)->UseRealTime();

//===-- Rows and columns ---------------------------------------------------------------------===//

void reduction(benchmark::State& state, int64_t axis) {
  const int64_t rows = state.range(0), columns = state.range(1);
  timed(
      state, [=](const dt::Tensor& x) { return dt::sum(x, axis); }, true,
      dt::randn({rows, columns}));
  rate(state, "B/s", 8.0 * static_cast<double>(rows * columns));
}
BENCHMARK_CAPTURE(reduction, rows, 1)
    ->Args({1000, 300})
    ->Args({100000, 8})
    ->Args({100000, 5})
    ->Args({1, 1 << 20})
    ->UseRealTime();
BENCHMARK_CAPTURE(reduction, columns, 0)
    ->Args({1000, 300})
    ->Args({100000, 8})
    ->Args({300000, 8})
    ->Args({20000, 500})
    ->Args({8, 100000})
    ->UseRealTime();

void transposedCopy(benchmark::State& state) {
  const int64_t n = state.range(0);
  timed(state, [](const dt::Tensor& x) { return dt::transpose(x) + 1.0; }, true, dt::randn({n, n}));
  rate(state, "B/s", 16.0 * static_cast<double>(n * n));
}
BENCHMARK(transposedCopy)->Name("transpose/jit")->Arg(64)->Arg(1000)->UseRealTime();

//===-- Products -----------------------------------------------------------------------------===//

void product(benchmark::State& state, bool jitted, bool transposed) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  auto f = [=](const dt::Tensor& a, const dt::Tensor& b) {
    return dt::matmul(a, transposed ? dt::transpose(b) : b);
  };
  timed(state, f, jitted, dt::randn({m, k}), transposed ? dt::randn({n, k}) : dt::randn({k, n}));
  rate(state, "FLOP/s", 2.0 * static_cast<double>(m * k * n));
}
void sizes(benchmark::internal::Benchmark* b) {
  b->Args({32, 32, 32})
      ->Args({128, 128, 128})
      ->Args({512, 512, 512})
      ->Args({1000, 300, 8})
      ->Args({300000, 8, 1});
  b->UseRealTime();
}
BENCHMARK_CAPTURE(product, eager, false, false)->Apply(sizes);
BENCHMARK_CAPTURE(product, jit, true, false)->Apply(sizes);
BENCHMARK_CAPTURE(product, jit_transposed, true, true)->Apply(sizes);

void product1024(benchmark::State& state) { product(state, true, false); }
BENCHMARK(product1024)->Name("product/jit_large")->Args({1024, 1024, 1024})->UseRealTime();

} // namespace
