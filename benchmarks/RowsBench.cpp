// Fused rows and pointwise chains on one thread, as shares of reading, or of reading and writing,
// as many bytes at the same moment.
#include "benchmarks/Machine.h"

namespace dt = diptych;
using dt::Tensor;
using dt::bench::OneThread;
using dt::bench::timed;

namespace {

double toleranceOf(dt::DType dtype) { return dtype == dt::f32 ? 1e-4 : 1e-9; }

//===-- What is read once and written once ---------------------------------------------------===//

using Function = Tensor (*)(const Tensor&);

Tensor softmaxed(const Tensor& x) { return dt::softmax(x); }
Tensor standardised(const Tensor& x) {
  const Tensor centred = x - dt::mean(x, -1, true);
  return centred / dt::sqrt(dt::mean(centred * centred, -1, true) + 1e-5);
}
Tensor polynomial(const Tensor& x) { return x * x * 0.5 + x * 3.0 - 1.0; }
Tensor rectified(const Tensor& x) { return dt::relu(2.0 * x - 1.0) * x; }
Tensor logistic(const Tensor& x) { return x * dt::sigmoid(x); }
Tensor doubled(const Tensor& x) { return x + x; }

// Along the first axis of a matrix; recurrences of itself read one array twice.
Tensor columnCumsum(const Tensor& x) { return dt::cumsum(x, 0); }
Tensor columnRecurrence(const Tensor& x) { return dt::linear_recurrence(x, x, 0); }
Tensor columnDiscounted(const Tensor& x) { return dt::linear_recurrence(0.9, x, 0); }
Tensor columnCummax(const Tensor& x) { return dt::argcummax(x, 0).astype(x.dtype()); }
Tensor rowCumsum(const Tensor& x) { return dt::cumsum(x, 1); }

void streamed(benchmark::State& state, Function f, dt::DType dtype, bool jitted) {
  const OneThread scope;
  const Tensor x = dt::randn({state.range(0), state.range(1)}, dtype);
  const auto compiled = dt::jit(f);
  if (!dt::bench::agree(state, compiled(x), f(x), toleranceOf(dtype)))
    return;
  const int64_t bytes = x.numel() * dt::sizeOf(dtype);
  timed(state, "B/s", 2.0 * static_cast<double>(bytes), dt::bench::copyRate(bytes),
        [&] { return jitted ? compiled(x) : f(x); });
}

// In the second cache, in the last one or just beyond it, and in memory.
void rows(benchmark::internal::Benchmark* b) {
  b->Args({100, 300})->Args({1000, 300})->Args({20000, 500})->UseRealTime();
}
void chains(benchmark::internal::Benchmark* b) {
  b->Args({1, 1 << 14})->Args({1, 1 << 18})->Args({1, 1 << 23})->UseRealTime();
}

#define STREAMED(NAME, F, SHAPES)                                                                  \
  BENCHMARK_CAPTURE(streamed, NAME##_f64, F, dt::f64, true)                                        \
      ->Name("one_thread/" #NAME "/f64")                                                           \
      ->Apply(SHAPES);                                                                             \
  BENCHMARK_CAPTURE(streamed, NAME##_f32, F, dt::f32, true)                                        \
      ->Name("one_thread/" #NAME "/f32")                                                           \
      ->Apply(SHAPES)
STREAMED(softmax, softmaxed, rows);
STREAMED(standardise, standardised, rows);
STREAMED(polynomial, polynomial, chains);
STREAMED(rectify, rectified, chains);
STREAMED(silu, logistic, chains);
BENCHMARK_CAPTURE(streamed, eager, doubled, dt::f64, false)
    ->Name("one_thread/eager_sum/f64")
    ->Apply(chains);

void matrices(benchmark::internal::Benchmark* b) {
  b->Args({1000, 300})
      ->Args({20000, 100})
      ->Args({20000, 500})
      ->Args({20000, 512})
      ->Args({5000, 2048})
      ->Args({2500, 5000})
      ->Args({300000, 32})
      ->Args({150000, 64})
      ->Args({200000, 8})
      ->Args({600000, 16})
      ->UseRealTime();
}
#define CUMULATED(NAME, F)                                                                         \
  STREAMED(NAME, F, matrices);                                                                     \
  BENCHMARK_CAPTURE(streamed, eager_##NAME##_f64, F, dt::f64, false)                               \
      ->Name("one_thread/eager_" #NAME "/f64")                                                     \
      ->Apply(matrices);                                                                           \
  BENCHMARK_CAPTURE(streamed, eager_##NAME##_f32, F, dt::f32, false)                               \
      ->Name("one_thread/eager_" #NAME "/f32")                                                     \
      ->Apply(matrices)
CUMULATED(column_cumsum, columnCumsum);
CUMULATED(column_recurrence, columnRecurrence);
CUMULATED(column_discounted, columnDiscounted);
CUMULATED(column_argcummax, columnCummax);
CUMULATED(row_cumsum, rowCumsum);

//===-- What is read once --------------------------------------------------------------------===//

// The returns of W1's portfolio, day by day: X is read, all else is small.
Tensor returns(const Tensor& X, const Tensor& w, const Tensor& r) {
  return dt::sum(dt::softmax(dt::matmul(X, w), -1) * r, -1);
}

void fusedRows(benchmark::State& state, dt::DType dtype) {
  const OneThread scope;
  const int64_t days = state.range(0), stocks = state.range(1), factors = state.range(2);
  const Tensor X = dt::randn({days, stocks, factors}, dtype);
  const Tensor w = 0.1 * dt::randn({factors}, dtype), r = 0.02 * dt::randn({days, stocks}, dtype);
  const auto compiled = dt::jit(returns);
  const Tensor expected = returns(X, w, r);
  if (!dt::bench::agree(state, 1.0 + compiled(X, w, r), 1.0 + expected, toleranceOf(dtype)))
    return;
  const int64_t bytes = (X.numel() + r.numel()) * dt::sizeOf(dtype);
  timed(state, "B/s", static_cast<double>(bytes), dt::bench::readRate(bytes),
        [&] { return compiled(X, w, r); });
}

// Of each column over the rows of a matrix. A variance reads twice: squares are of distances from
// the mean.
Tensor columnSum(const Tensor& x) { return dt::sum(x, 0); }
Tensor columnVariance(const Tensor& x) { return dt::var(x, 0); }
Tensor columnArgmax(const Tensor& x) { return dt::argmax(x, 0).astype(x.dtype()); }
Tensor rowSum(const Tensor& x) { return dt::sum(x, 1); }
Tensor rowArgmax(const Tensor& x) { return dt::argmax(x, 1).astype(x.dtype()); }

void columns(benchmark::State& state, Function f, int reads, dt::DType dtype, bool jitted) {
  const OneThread scope;
  const Tensor x = dt::randn({state.range(0), state.range(1)}, dtype);
  const auto compiled = dt::jit(f);
  if (!dt::bench::agree(state, compiled(x), f(x), toleranceOf(dtype)))
    return;
  const int64_t bytes = x.numel() * dt::sizeOf(dtype);
  timed(state, "B/s", static_cast<double>(reads * bytes), dt::bench::readRate(bytes),
        [&] { return jitted ? compiled(x) : f(x); });
}

#define COLUMNS(NAME, F, READS, JITTED)                                                            \
  BENCHMARK_CAPTURE(columns, NAME##_f64, F, READS, dt::f64, JITTED)                                \
      ->Name("one_thread/" #NAME "/f64")                                                           \
      ->Apply(matrices);                                                                           \
  BENCHMARK_CAPTURE(columns, NAME##_f32, F, READS, dt::f32, JITTED)                                \
      ->Name("one_thread/" #NAME "/f32")                                                           \
      ->Apply(matrices)
COLUMNS(column_sums, columnSum, 1, true);
COLUMNS(eager_column_sums, columnSum, 1, false);
COLUMNS(column_variance, columnVariance, 2, true);
COLUMNS(column_argmax, columnArgmax, 1, true);
COLUMNS(eager_column_argmax, columnArgmax, 1, false);
COLUMNS(row_sums, rowSum, 1, true);
COLUMNS(row_argmax, rowArgmax, 1, true);

void sizes(benchmark::internal::Benchmark* b) {
  b->Args({170, 300, 8})
      ->Args({1000, 300, 8})
      ->Args({17, 300, 158})
      ->Args({200, 468, 158})
      ->UseRealTime();
}
BENCHMARK_CAPTURE(fusedRows, f64, dt::f64)->Name("one_thread/returns/f64")->Apply(sizes);
BENCHMARK_CAPTURE(fusedRows, f32, dt::f32)->Name("one_thread/returns/f32")->Apply(sizes);

} // namespace
