// Contractions on one thread as shares of what the machine does at the same moment: products of its
// multipliers, matrix times vector of a plain read of the matrix.
#include "benchmarks/Check.h"

#include "runtime/ThreadPool.h"

#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace dt = diptych;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class F> double least(int times, F run) {
  double best = 1e300;
  for (int i = 0; i < times; ++i) {
    const double begin = now();
    run();
    best = std::min(best, now() - begin);
  }
  return best;
}

// 16 chains of the widest fma there is.
__attribute__((target("avx512f"))) double wideChains(int steps) {
  __m512d sums[16];
  const __m512d x = _mm512_set1_pd(1e-9), y = _mm512_set1_pd(0.5);
  for (__m512d& sum : sums)
    sum = x;
  for (int i = 0; i < steps; ++i)
    for (__m512d& sum : sums)
      sum = _mm512_fmadd_pd(sum, y, x);
  double total = 0;
  for (const __m512d& sum : sums)
    total += _mm512_reduce_add_pd(sum);
  return total;
}
__attribute__((target("avx2,fma"))) double narrowChains(int steps) {
  __m256d sums[12];
  const __m256d x = _mm256_set1_pd(1e-9), y = _mm256_set1_pd(0.5);
  for (__m256d& sum : sums)
    sum = x;
  for (int i = 0; i < steps; ++i)
    for (__m256d& sum : sums)
      sum = _mm256_fmadd_pd(sum, y, x);
  double total = 0;
  for (const __m256d& sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

double peak(dt::DType dtype) {
  constexpr int kSteps = 100000;
  const bool wide = __builtin_cpu_supports("avx512f");
  const double seconds = least(
      20, [&] { benchmark::DoNotOptimize(wide ? wideChains(kSteps) : narrowChains(kSteps)); });
  const double flops = 2.0 * kSteps * (wide ? 16 * 8 : 12 * 4) / seconds;
  return dtype == dt::f32 ? 2 * flops : flops;
}

__attribute__((target("avx2"))) double sumOf(const std::vector<double>& array) {
  __m256d sums[8] = {};
  for (size_t i = 0; i + 32 <= array.size(); i += 32)
    for (size_t j = 0; j < 8; ++j)
      sums[j] += _mm256_loadu_pd(&array[i + 4 * j]);
  double total = 0;
  for (const __m256d& sum : sums)
    total += sum[0] + sum[1] + sum[2] + sum[3];
  return total;
}

double readRate(int64_t bytes) {
  const std::vector<double> array(static_cast<size_t>(bytes / 8), 1.0);
  return static_cast<double>(bytes) / least(20, [&] { benchmark::DoNotOptimize(sumOf(array)); });
}

struct OneThread {
  dt::runtime::ThreadPool& pool = dt::runtime::ThreadPool::global();
  decltype(pool.threads()) before = pool.threads();
  OneThread() { pool.setThreads(1); }
  ~OneThread() { pool.setThreads(before); }
};

enum class Form { plain, leftTurned, rightTurned };

dt::Tensor productOf(Form form, const dt::Tensor& x, const dt::Tensor& y) {
  return dt::matmul(form == Form::leftTurned ? dt::transpose(x) : x,
                    form == Form::rightTurned ? dt::transpose(y) : y);
}

// `work` in a call, as a rate and as a share of `most`.
template <class F>
void timed(benchmark::State& state, const char* unit, double work, double most, F run) {
  double best = 1e300;
  for (auto _ : state) {
    const double begin = now();
    benchmark::DoNotOptimize(run());
    best = std::min(best, now() - begin);
  }
  dt::bench::rate(state, unit, work);
  state.counters["share"] = work / best / most;
}

void product(benchmark::State& state, Form form, dt::DType dtype, bool jitted) {
  const OneThread scope;
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const auto f = [=](const dt::Tensor& x, const dt::Tensor& y) { return productOf(form, x, y); };
  const auto turned = [](bool is, int64_t rows, int64_t columns) {
    return is ? dt::Shape{columns, rows} : dt::Shape{rows, columns};
  };
  const dt::Tensor x = dt::randn(turned(form == Form::leftTurned, m, k), dtype);
  const dt::Tensor y = dt::randn(turned(form == Form::rightTurned, k, n), dtype);
  const auto compiled = dt::jit(f);
  // Elements are held to the largest: sums of other orders differ where they cancel.
  const dt::Tensor expected = f(x, y),
                   error = (compiled(x, y) - expected) / dt::max(dt::abs(expected));
  if (!dt::bench::agree(state, 1.0 + error, dt::ones_like(error), dtype == dt::f64 ? 1e-12 : 1e-5))
    return;
  const auto run = [&] { return jitted ? compiled(x, y) : f(x, y); };
  if (m == 1 || n == 1) {
    const int64_t bytes = m * k * n * dt::sizeOf(dtype); // of the matrix
    return timed(state, "B/s", static_cast<double>(bytes), readRate(bytes), run);
  }
  timed(state, "FLOP/s", 2.0 * static_cast<double>(m * k * n), peak(dtype), run);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const std::vector<int64_t>& size : std::vector<std::vector<int64_t>>{{64, 64, 64},
                                                                            {65, 64, 65},
                                                                            {256, 256, 256},
                                                                            {509, 511, 513},
                                                                            {1024, 1024, 1024},
                                                                            {4096, 256, 8},
                                                                            {2048, 2048, 1},
                                                                            {2500, 158, 1}})
    b->Args(size);
  b->UseRealTime();
}
BENCHMARK_CAPTURE(product, f64, Form::plain, dt::f64, true)->Name("one_thread/f64")->Apply(shapes);
BENCHMARK_CAPTURE(product, f32, Form::plain, dt::f32, true)->Name("one_thread/f32")->Apply(shapes);
BENCHMARK_CAPTURE(product, eager, Form::plain, dt::f64, false)
    ->Name("one_thread/eager_f64")
    ->Apply(shapes);
BENCHMARK_CAPTURE(product, eager32, Form::plain, dt::f32, false)
    ->Name("one_thread/eager_f32")
    ->Apply(shapes);

void turnedShapes(benchmark::internal::Benchmark* b) {
  b->Args({512, 512, 512})->Args({100, 300, 77})->Args({2048, 2048, 1})->UseRealTime();
}
BENCHMARK_CAPTURE(product, xt, Form::leftTurned, dt::f64, true)
    ->Name("one_thread/left_turned_f64")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, xt32, Form::leftTurned, dt::f32, true)
    ->Name("one_thread/left_turned_f32")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yt, Form::rightTurned, dt::f64, true)
    ->Name("one_thread/right_turned_f64")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yt32, Form::rightTurned, dt::f32, true)
    ->Name("one_thread/right_turned_f32")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yte, Form::rightTurned, dt::f64, false)
    ->Name("one_thread/right_turned_eager_f64")
    ->Apply(turnedShapes);

} // namespace
