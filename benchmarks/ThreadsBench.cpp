// What a second core is worth to each class of kernels: the same call on one thread and on all, in
// turns, eager and compiled. Results must have the same bits on both before anything is timed.
#include "benchmarks/Machine.h"
#include "benchmarks/Portfolio.h"

namespace dt = diptych;
using namespace dt::bench;

namespace {

/// Threads of the pool, until the end of the scope.
class Threads {
public:
  void set(int n) { pool_.setThreads(n); }
  int all() const { return all_; }
  ~Threads() { pool_.setThreads(all_); }

private:
  dt::runtime::ThreadPool& pool_ = dt::runtime::ThreadPool::global();
  const int all_ = pool_.threads();
};

/// Best time on one thread over the best on all. A turn's first call starts threads, so it is not
/// timed.
template <class F> double speedUp(Threads& threads, const F& run) {
  double best[] = {1e300, 1e300};
  for (int turn = 0; turn < 6; ++turn) {
    threads.set(turn % 2 == 0 ? 1 : threads.all());
    benchmark::DoNotOptimize(run());
    for (int call = 0; call < 3; ++call) {
      const double begin = now();
      benchmark::DoNotOptimize(run());
      best[turn % 2] = std::min(best[turn % 2], now() - begin);
    }
  }
  return best[0] / best[1];
}

template <class F> bool sameOnAll(benchmark::State& state, Threads& threads, const F& run) {
  const dt::Tensor all = run(); // compiled here: memory is planned for these threads
  threads.set(1);
  if (sameBits(run(), all))
    return true;
  state.SkipWithError("threads change bits");
  return false;
}

template <class F> void scaling(benchmark::State& state, const F& f, const auto&... arguments) {
  Threads threads;
  if (threads.all() == 1)
    return state.SkipWithError("one thread only: set DIPTYCH_THREADS, or run on more than one CPU");
  const auto compiled = dt::jit(f);
  const auto eagerly = [&] { return f(arguments...); };
  const auto jitted = [&] { return compiled(arguments...); };
  if (!sameOnAll(state, threads, jitted) || !sameOnAll(state, threads, eagerly))
    return;
  double eager = 0.0, jit = 0.0;
  for (auto _ : state) {
    eager = std::max(eager, speedUp(threads, eagerly));
    jit = std::max(jit, speedUp(threads, jitted));
  }
  state.counters["eager"] = eager;
  state.counters["jit"] = jit;
}

template <class F> void add(const char* name, const F& run) {
  benchmark::RegisterBenchmark((std::string("threads/") + name).c_str(), run)->Apply(milliseconds);
}

void addOf(const char* name, const auto& f, const auto&... makeArguments) {
  add(name, [=](benchmark::State& state) { scaling(state, f, makeArguments()...); });
}

auto normal(dt::Shape shape) {
  return [=] { return dt::randn(shape); };
}

using T = const dt::Tensor&;

void addDense() {
  addOf(
      "product/256", [](T a, T b) { return dt::matmul(a, b); }, normal({256, 256}),
      normal({256, 256}));
  addOf(
      "product/512", [](T a, T b) { return dt::matmul(a, b); }, normal({512, 512}),
      normal({512, 512}));
  addOf(
      "product_batched/64x64", [](T a, T b) { return dt::matmul(a, b); }, normal({64, 64, 64}),
      normal({64, 64, 64}));
  addOf(
      "product_skinny/4096x256x8", [](T a, T b) { return dt::matmul(a, b); }, normal({4096, 256}),
      normal({256, 8}));
  addOf(
      "product_long/100000x64", [](T a) { return dt::matmul(dt::transpose(a), a); },
      normal({100000, 64}));
  addOf(
      "convolution/64x32x26x26", [](T x, T w) { return dt::conv2d(x, w); },
      normal({64, 32, 26, 26}), normal({64, 32, 3, 3}));
  addOf(
      "cholesky/64x100",
      [](T a) {
        return dt::linalg::cholesky(dt::matmul(a, dt::transpose(a)) + 100.0 * dt::eye(100));
      },
      normal({64, 100, 100}));
}

void addRows() {
  addOf("pointwise/erf_tanh", [](T x) { return dt::erf(dt::tanh(x) * x); }, normal({100000}));
  addOf("reduction/rows_of_exp", [](T x) { return dt::sum(dt::exp(x), 1); }, normal({300, 1000}));
  addOf(
      "reduction/columns_of_exp", [](T x) { return dt::sum(dt::exp(x), 0); }, normal({300, 1000}));
  addOf("reduction/one_of_exp", [](T x) { return dt::sum(dt::exp(x)); }, normal({300000}));
  addOf("rows/softmax", [](T x) { return dt::softmax(x, 1); }, normal({300, 1000}));
  addOf("reduction/columns", [](T x) { return dt::sum(x, 0); }, normal({1000, 300}));
  addOf(
      "reduction/places_of_columns", [](T x) { return dt::argmax(x, 0).astype(dt::f64); },
      normal({1000, 300}));
  addOf("cumulative/columns", [](T x) { return dt::cumsum(x, 0); }, normal({1000, 300}));
  addOf(
      "cumulative/recurrence_of_columns", [](T x, T y) { return dt::linear_recurrence(x, y, 0); },
      normal({1000, 300}), normal({1000, 300}));
  addOf("cumulative/cummax_of_columns", [](T x) { return dt::cummax(x, 0); }, normal({1000, 300}));
  addOf("cumulative/rows", [](T x) { return dt::cumsum(dt::exp(x), 1); }, normal({300, 1000}));
  addOf(
      "rolling/corr_20", [](T x, T y) { return dt::rolling_corr(x, y, 20, 0); },
      normal({1000, 100}), normal({1000, 100}));
  addOf(
      "rolling/std_20_gradient",
      [](T x, T y) {
        const auto loss = [y](T a) {
          const dt::Tensor each = dt::rolling_std(a, 20, 0);
          return dt::sum(dt::where(dt::isnan(each), 0.0, each * y));
        };
        return dt::grad(loss)(x);
      },
      normal({1000, 300}), normal({1000, 300}));
  addOf(
      "rolling/quantile_60", [](T x) { return dt::rolling_quantile(x, 0.8, 60, 0); },
      normal({1000, 100}));
  addOf("rolling/rank_60", [](T x) { return dt::rolling_rank(x, 60, 0); }, normal({1000, 100}));
  addOf("rolling/max_60", [](T x) { return dt::rolling_max(x, 60, 0); }, normal({1000, 100}));
  addOf(
      "rolling/median_60_of_one", [](T x) { return dt::rolling_median(x, 60, 0); },
      normal({100000}));
  const auto indices = [] { return (1000.0 * dt::rand({1000})).astype(dt::DType::i64); };
  addOf("gather/rows", [](T x, T at) { return dt::take(x, at); }, normal({1000, 300}), indices);
  addOf(
      "scatter_add/rows", [](T x, T y, T at) { return dt::scatter_add(x, at, y); },
      normal({1000, 300}), normal({1000, 300}), indices);
  addOf("sort/rows", [](T x) { return dt::sort(x, 1); }, normal({300, 1000}));
}

[[maybe_unused]] const bool added = [] {
  addDense();
  addRows();
  add("w1/gradient", [](benchmark::State& state) {
    const Portfolio p;
    scaling(state, dt::grad(objective), p.w, p.X, p.r);
  });
  return true;
}();

} // namespace
