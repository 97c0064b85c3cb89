// Rows taken by index and rows added by index, on one thread, as shares of a plain copy of as many
// bytes as are read and written. Indices are in no order.
#include "benchmarks/Machine.h"

namespace dt = diptych;
using namespace dt::bench;

namespace {

enum class Kind { gather, scatterAdd };

void indexed(benchmark::State& state, Kind kind, bool jitted) {
  const OneThread scope;
  const int64_t rows = state.range(0), inner = state.range(1);
  const dt::Tensor x = dt::randn({rows, inner}), updates = dt::randn({rows, inner});
  const dt::Tensor at = dt::random::permutation(dt::random::key(1), rows);
  const auto f = [=](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& c) {
    return kind == Kind::gather ? dt::take(a, c) : dt::scatter_add(a, c, b);
  };
  const auto compiled = dt::jit(f);
  if (!agree(state, compiled(x, updates, at), f(x, updates, at), 0.0))
    return;
  // A sum by index begins with a copy of x, and then reads and writes both.
  const int64_t array = rows * inner * dt::sizeOf(dt::f64);
  const int64_t bytes = array * (kind == Kind::gather ? 2 : 5);
  timed(state, "B/s", static_cast<double>(bytes), copyRate(array),
        [&] { return jitted ? compiled(x, updates, at) : f(x, updates, at); });
}

void sizes(benchmark::internal::Benchmark* b) {
  b->Args({1000, 300})->Args({10000, 64})->Args({100000, 8})->Args({100000, 1})->Args({50000, 158});
  b->UseRealTime();
}
BENCHMARK_CAPTURE(indexed, gather, Kind::gather, true)->Name("one_thread/gather")->Apply(sizes);
BENCHMARK_CAPTURE(indexed, eager_gather, Kind::gather, false)
    ->Name("one_thread/eager_gather")
    ->Apply(sizes);
BENCHMARK_CAPTURE(indexed, add, Kind::scatterAdd, true)
    ->Name("one_thread/scatter_add")
    ->Apply(sizes);
BENCHMARK_CAPTURE(indexed, eager_add, Kind::scatterAdd, false)
    ->Name("one_thread/eager_scatter_add")
    ->Apply(sizes);

} // namespace
