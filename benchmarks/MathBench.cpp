// Elementary functions on arrays in cache, rows that are made of them, long sums, and single eager
// operators beside a copy of as much memory.
#include "benchmarks/Check.h"

#include <cstring>
#include <vector>

namespace dt = diptych;
using dt::bench::agree;
using dt::bench::rate;

namespace {

double toleranceOf(dt::DType dtype) { return dtype == dt::f32 ? 1e-5 : 1e-9; }

// Compares eager and jit first, then times one of them.
template <class F> void timed(benchmark::State& state, F f, bool jitted, const dt::Tensor& x) {
  auto compiled = dt::jit(f);
  if (!agree(state, compiled(x), f(x), toleranceOf(x.dtype())))
    return;
  if (jitted)
    for (auto _ : state)
      benchmark::DoNotOptimize(compiled(x));
  else
    for (auto _ : state)
      benchmark::DoNotOptimize(f(x));
}

//===-- Functions ----------------------------------------------------------------------------===//

using Function = dt::Tensor (*)(const dt::Tensor&);

// Of positive numbers, which all functions take.
void function(benchmark::State& state, Function f, dt::DType dtype) {
  const int64_t n = 1 << 14;
  timed(state, f, true, dt::abs(dt::randn({n}, dtype)) + 0.01);
  rate(state, "elements/s", static_cast<double>(n));
}

dt::Tensor exponential(const dt::Tensor& x) { return dt::exp(x); }
dt::Tensor logarithm(const dt::Tensor& x) { return dt::log(x); }
dt::Tensor tangent(const dt::Tensor& x) { return dt::tanh(x); }
dt::Tensor logistic(const dt::Tensor& x) { return dt::sigmoid(x); }
dt::Tensor softened(const dt::Tensor& x) { return dt::softplus(x); }
dt::Tensor errorFunction(const dt::Tensor& x) { return dt::erf(x); }
dt::Tensor power(const dt::Tensor& x) { return dt::pow(x, x); }
dt::Tensor sine(const dt::Tensor& x) { return dt::sin(x); }
dt::Tensor normal(const dt::Tensor& x) { return dt::normal_cdf(x); }

#define EACH_DTYPE(NAME, F)                                                                        \
  BENCHMARK_CAPTURE(function, NAME##_f32, F, dt::f32)->Name("function/" #NAME "/f32");             \
  BENCHMARK_CAPTURE(function, NAME##_f64, F, dt::f64)->Name("function/" #NAME "/f64")
EACH_DTYPE(exp, exponential);
EACH_DTYPE(log, logarithm);
EACH_DTYPE(tanh, tangent);
EACH_DTYPE(sigmoid, logistic);
EACH_DTYPE(softplus, softened);
EACH_DTYPE(erf, errorFunction);
EACH_DTYPE(pow, power);
EACH_DTYPE(sin, sine);
EACH_DTYPE(normal_cdf, normal);

//===-- Rows ---------------------------------------------------------------------------------===//

void softmaxRows(benchmark::State& state, bool jitted, dt::DType dtype) {
  const int64_t rows = state.range(0), columns = state.range(1);
  timed(
      state, [](const dt::Tensor& x) { return dt::softmax(x, -1); }, jitted,
      dt::randn({rows, columns}, dtype));
  rate(state, "elements/s", static_cast<double>(rows * columns));
}
BENCHMARK_CAPTURE(softmaxRows, eager_f64, false, dt::f64)
    ->Args({1000, 300})
    ->Args({1000, 10})
    ->UseRealTime();
BENCHMARK_CAPTURE(softmaxRows, jit_f64, true, dt::f64)
    ->Args({1000, 300})
    ->Args({1000, 10})
    ->Args({20000, 1000})
    ->UseRealTime();
BENCHMARK_CAPTURE(softmaxRows, eager_f32, false, dt::f32)->Args({1000, 300})->UseRealTime();
BENCHMARK_CAPTURE(softmaxRows, jit_f32, true, dt::f32)
    ->Args({1000, 300})
    ->Args({20000, 1000})
    ->UseRealTime();

//===-- Long sums ----------------------------------------------------------------------------===//

void longSum(benchmark::State& state, bool jitted, bool exponentials, dt::DType dtype) {
  const int64_t n = 10'000'000;
  timed(
      state, [=](const dt::Tensor& x) { return dt::sum(exponentials ? dt::exp(x) : x); }, jitted,
      dt::randn({n}, dtype));
  rate(state, "B/s", static_cast<double>(n * dt::sizeOf(dtype)));
}
BENCHMARK_CAPTURE(longSum, eager_f64, false, false, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(longSum, jit_f64, true, false, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(longSum, jit_f32, true, false, dt::f32)->UseRealTime();
BENCHMARK_CAPTURE(longSum, jit_exp_f64, true, true, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(longSum, jit_exp_f32, true, true, dt::f32)->UseRealTime();

void shortRows(benchmark::State& state, bool jitted, dt::DType dtype) {
  const int64_t rows = 100000, columns = state.range(0);
  timed(
      state, [](const dt::Tensor& x) { return dt::sum(x, 1); }, jitted,
      dt::randn({rows, columns}, dtype));
  rate(state, "B/s", static_cast<double>(rows * columns * dt::sizeOf(dtype)));
}
BENCHMARK_CAPTURE(shortRows, eager_f64, false, dt::f64)->Arg(5)->Arg(8)->Arg(40)->UseRealTime();
BENCHMARK_CAPTURE(shortRows, jit_f64, true, dt::f64)->Arg(5)->Arg(8)->Arg(40)->UseRealTime();
BENCHMARK_CAPTURE(shortRows, eager_f32, false, dt::f32)->Arg(8)->UseRealTime();

//===-- Memory -------------------------------------------------------------------------------===//

// Bytes read and written; a copy of as many, on one thread, is bandwidth/memcpy.
template <class F> void streamed(benchmark::State& state, F f, bool jitted, dt::DType dtype) {
  const int64_t n = 1 << 24;
  timed(state, f, jitted, dt::randn({n}, dtype));
  rate(state, "B/s", 2.0 * static_cast<double>(n * dt::sizeOf(dtype)));
}
void doubled(benchmark::State& state, bool jitted, dt::DType dtype) {
  streamed(state, [](const dt::Tensor& x) { return x * 2.0; }, jitted, dtype);
}
void chain(benchmark::State& state, bool jitted, dt::DType dtype) {
  streamed(
      state, [](const dt::Tensor& x) { return dt::tanh(x * x * 0.5 + x * 3.0 - 1.0); }, jitted,
      dtype);
}
BENCHMARK_CAPTURE(doubled, eager_f64, false, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(doubled, jit_f64, true, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(doubled, eager_f32, false, dt::f32)->UseRealTime();
BENCHMARK_CAPTURE(doubled, jit_f32, true, dt::f32)->UseRealTime();
BENCHMARK_CAPTURE(chain, jit_f64, true, dt::f64)->UseRealTime();
BENCHMARK_CAPTURE(chain, jit_f32, true, dt::f32)->UseRealTime();

void copyLarge(benchmark::State& state) {
  const size_t bytes = size_t{8} << 24;
  std::vector<char> from(bytes, 1), to(bytes, 2);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), bytes);
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  rate(state, "B/s", 2.0 * static_cast<double>(bytes));
}
BENCHMARK(copyLarge)->Name("bandwidth/memcpy_large")->UseRealTime();

} // namespace
