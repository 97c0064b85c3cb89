// Order along rows on one thread, eager, beside the C++ library's: stable sorts of positions, and a
// binary search of each value.
#include "benchmarks/Machine.h"

#include <numeric>

namespace dt = diptych;
using namespace dt::bench;

namespace {

enum class Kind { random, sorted, reversed, few };

dt::Tensor made(Kind kind, int64_t rows, int64_t n, dt::DType dtype) {
  const dt::Tensor x = dt::randn({rows, n});
  const dt::Tensor numbers = kind == Kind::few        ? dt::round(x)
                             : kind == Kind::sorted   ? dt::sort(x, 1)
                             : kind == Kind::reversed ? dt::sort(x, 1, true)
                                                      : x;
  return (isFloat(dtype) ? numbers : dt::round(numbers * 1e6)).astype(dtype);
}

// Calls f(row, begin of its results).
template <class F> void forRows(int64_t rows, int64_t n, const F& f) {
  for (int64_t row = 0; row < rows; ++row)
    f(row * n, row);
}

bool same(benchmark::State& state, const dt::Tensor& got, const std::vector<int64_t>& expected) {
  if (got.to_vector<int64_t>() == expected)
    return true;
  state.SkipWithError("results differ");
  return false;
}

// Best of each, taken in turns: nanoseconds an element, and how many times as fast we are.
template <class Ours, class Theirs>
void beside(benchmark::State& state, int64_t elements, const Ours& ours, const Theirs& theirs) {
  const auto best = inTurns<2>(state, [&](size_t i) {
    if (i == 0)
      benchmark::DoNotOptimize(ours());
    else
      theirs();
  });
  state.counters["ns"] = 1e9 * best[0] / static_cast<double>(elements);
  state.counters["times"] = best[1] / best[0];
}

template <class T, Kind kind> void argsorted(benchmark::State& state) {
  const OneThread scope;
  const int64_t n = state.range(0), rows = std::max<int64_t>(1, 300000 / n);
  const dt::Tensor x = made(kind, rows, n, dt::dtypeOf<T>);
  const std::vector<T> keys = x.to_vector<T>();
  std::vector<int64_t> positions(keys.size());
  const auto theirs = [&] {
    forRows(rows, n, [&](int64_t first, int64_t) {
      const auto begin = positions.begin() + first;
      std::iota(begin, begin + n, 0);
      const T* row = keys.data() + first;
      std::stable_sort(begin, begin + n, [row](int64_t a, int64_t b) { return row[a] < row[b]; });
    });
    benchmark::DoNotOptimize(positions.data());
  };
  theirs();
  if (same(state, dt::argsort(x, 1), positions))
    beside(state, rows * n, [&] { return dt::argsort(x, 1); }, theirs);
}

template <class T> void searched(benchmark::State& state) {
  const OneThread scope;
  const int64_t n = state.range(0), m = state.range(1), rows = std::max<int64_t>(1, 300000 / m);
  const dt::Tensor sorted = made(Kind::sorted, rows, n, dt::dtypeOf<T>);
  const dt::Tensor values = made(Kind::random, rows, m, dt::dtypeOf<T>);
  const std::vector<T> elements = sorted.to_vector<T>(), wanted = values.to_vector<T>();
  std::vector<int64_t> counts(wanted.size());
  const auto theirs = [&] {
    forRows(rows, m, [&](int64_t first, int64_t row) {
      const T* begin = elements.data() + row * n;
      for (int64_t i = first; i < first + m; ++i)
        counts[static_cast<size_t>(i)] =
            std::lower_bound(begin, begin + n, wanted[static_cast<size_t>(i)]) - begin;
    });
    benchmark::DoNotOptimize(counts.data());
  };
  theirs();
  if (same(state, dt::searchsorted(sorted, values), counts))
    beside(state, rows * m, [&] { return dt::searchsorted(sorted, values); }, theirs);
}

void lengths(benchmark::internal::Benchmark* b) {
  b->Arg(5)->Arg(20)->Arg(300)->Arg(5000)->Arg(1000000)->UseRealTime();
}
#define ARGSORT(T, DTYPE, KIND)                                                                    \
  BENCHMARK_TEMPLATE(argsorted, T, Kind::KIND)                                                     \
      ->Name("one_thread/sort/" #DTYPE "/" #KIND)                                                  \
      ->Apply(lengths)
ARGSORT(double, f64, random);
ARGSORT(double, f64, sorted);
ARGSORT(double, f64, reversed);
ARGSORT(double, f64, few);
ARGSORT(float, f32, random);
ARGSORT(int64_t, i64, random);

// Of one row that all values share, of rows with a few, and with one.
void searches(benchmark::internal::Benchmark* b) {
  b->Args({1000, 300000})->Args({1000000, 300000})->Args({300, 300})->Args({300, 1});
  b->UseRealTime();
}
BENCHMARK_TEMPLATE(searched, double)->Name("one_thread/search/f64")->Apply(searches);
BENCHMARK_TEMPLATE(searched, float)->Name("one_thread/search/f32")->Apply(searches);
BENCHMARK_TEMPLATE(searched, int64_t)->Name("one_thread/search/i64")->Apply(searches);

// What is made of the order, on 1000 rows of 300, as times of a sort of positions alone.
void composed(benchmark::State& state, dt::Tensor (*f)(const dt::Tensor&), bool jitted) {
  const OneThread scope;
  const dt::Tensor x = dt::randn({1000, 300});
  const auto compiled = dt::jit(f);
  if (!agree(state, compiled(x), f(x)))
    return;
  const auto best = inTurns<2>(state, [&](size_t i) {
    benchmark::DoNotOptimize(i == 1 ? dt::argsort(x, 1) : jitted ? compiled(x) : f(x));
  });
  state.counters["ns"] = 1e9 * best[0] / static_cast<double>(x.numel());
  state.counters["times"] = best[0] / best[1];
}

dt::Tensor sorted(const dt::Tensor& x) { return dt::sort(x, 1); }
dt::Tensor ranked(const dt::Tensor& x) { return dt::rank(x, 1); }
dt::Tensor middle(const dt::Tensor& x) { return dt::median(x, 1); }
dt::Tensor largest(const dt::Tensor& x) { return dt::topk(x, 10, 1).values; }

#define COMPOSED(NAME, F)                                                                          \
  BENCHMARK_CAPTURE(composed, eager_##NAME, F, false)                                              \
      ->Name("one_thread/eager_" #NAME)                                                            \
      ->UseRealTime();                                                                             \
  BENCHMARK_CAPTURE(composed, NAME, F, true)->Name("one_thread/" #NAME)->UseRealTime()
COMPOSED(sorted_rows, sorted);
COMPOSED(ranks, ranked);
COMPOSED(medians, middle);
COMPOSED(topk, largest);

} // namespace
