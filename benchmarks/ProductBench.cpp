// Contractions on one thread as shares of what the machine does at the same moment: products of its
// multipliers, matrix times vector of a plain read of the matrix.
#include "benchmarks/Machine.h"

#include <vector>

namespace dt = diptych;
using dt::bench::OneThread;
using dt::bench::peak;
using dt::bench::readRate;
using dt::bench::timed;

namespace {

enum class Form { plain, leftTurned, rightTurned };

dt::Tensor productOf(Form form, const dt::Tensor& x, const dt::Tensor& y) {
  return dt::matmul(form == Form::leftTurned ? dt::transpose(x) : x,
                    form == Form::rightTurned ? dt::transpose(y) : y);
}

// Of small ones several in a call, which takes a tenth of a small one's time.
constexpr int64_t kInOneCall = 8;

void product(benchmark::State& state, Form form, dt::DType dtype, bool jitted, int64_t count = 1) {
  const OneThread scope;
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const auto f = [=](const dt::Tensor& x, const dt::Tensor& y) { return productOf(form, x, y); };
  const auto turned = [&](bool is, int64_t rows, int64_t columns) {
    if (is)
      std::swap(rows, columns);
    return count == 1 ? dt::Shape{rows, columns} : dt::Shape{count, rows, columns};
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
  timed(state, "FLOP/s", 2.0 * static_cast<double>(count * m * k * n), peak(dtype), run);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const std::vector<int64_t>& size : std::vector<std::vector<int64_t>>{{64, 64, 64},
                                                                            {65, 64, 65},
                                                                            {256, 256, 256},
                                                                            {509, 511, 513},
                                                                            {1024, 1024, 1024},
                                                                            {512, 256, 8},
                                                                            {4096, 256, 8},
                                                                            {1000, 20, 2},
                                                                            {2048, 2048, 1},
                                                                            {2500, 158, 1},
                                                                            {20000, 40, 1},
                                                                            {200000, 40, 1},
                                                                            {40000, 158, 1}})
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

void smallShapes(benchmark::internal::Benchmark* b) {
  b->Args({64, 64, 64})->Args({65, 64, 65})->Args({77, 64, 77})->Args({100, 100, 100});
  b->UseRealTime();
}
BENCHMARK_CAPTURE(product, several, Form::plain, dt::f64, true, kInOneCall)
    ->Name("one_thread/eight_f64")
    ->Apply(smallShapes);
BENCHMARK_CAPTURE(product, several32, Form::plain, dt::f32, true, kInOneCall)
    ->Name("one_thread/eight_f32")
    ->Apply(smallShapes);

void turnedShapes(benchmark::internal::Benchmark* b) {
  b->Args({512, 512, 512})->Args({100, 300, 77})->Args({20, 200, 200})->Args({2048, 2048, 1});
  b->UseRealTime();
}
BENCHMARK_CAPTURE(product, xt, Form::leftTurned, dt::f64, true)
    ->Name("one_thread/left_turned_f64")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, xt32, Form::leftTurned, dt::f32, true)
    ->Name("one_thread/left_turned_f32")
    ->Apply(turnedShapes);
// A vector by a tall matrix, in blocks of its rows.
void tallShapes(benchmark::internal::Benchmark* b) {
  b->Args({158, 20000, 1})->Args({64, 100000, 1})->Args({158, 200000, 1})->Args({500, 5000, 1});
  b->UseRealTime();
}
BENCHMARK_CAPTURE(product, tall, Form::leftTurned, dt::f64, true)
    ->Name("one_thread/tall_f64")
    ->Apply(tallShapes);
BENCHMARK_CAPTURE(product, tall32, Form::leftTurned, dt::f32, true)
    ->Name("one_thread/tall_f32")
    ->Apply(tallShapes);
BENCHMARK_CAPTURE(product, talle, Form::leftTurned, dt::f64, false)
    ->Name("one_thread/tall_eager_f64")
    ->Apply(tallShapes);
BENCHMARK_CAPTURE(product, talle32, Form::leftTurned, dt::f32, false)
    ->Name("one_thread/tall_eager_f32")
    ->Apply(tallShapes);
BENCHMARK_CAPTURE(product, yt, Form::rightTurned, dt::f64, true)
    ->Name("one_thread/right_turned_f64")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yt32, Form::rightTurned, dt::f32, true)
    ->Name("one_thread/right_turned_f32")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yte, Form::rightTurned, dt::f64, false)
    ->Name("one_thread/right_turned_eager_f64")
    ->Apply(turnedShapes);
BENCHMARK_CAPTURE(product, yte32, Form::rightTurned, dt::f32, false)
    ->Name("one_thread/right_turned_eager_f32")
    ->Apply(turnedShapes);

// X'X: half of the elements are enough, so that a share may be above 1.
void gram(benchmark::State& state, dt::DType dtype) {
  const OneThread scope;
  const int64_t k = state.range(0), n = state.range(1);
  const dt::Tensor X = dt::randn({k, n}, dtype);
  const auto f = [](const dt::Tensor& X) { return dt::matmul(dt::transpose(X), X); };
  const auto compiled = dt::jit(f);
  const dt::Tensor expected = f(X), error = (compiled(X) - expected) / dt::max(dt::abs(expected));
  if (!dt::bench::agree(state, 1.0 + error, dt::ones_like(error), dtype == dt::f64 ? 1e-12 : 1e-5))
    return;
  timed(state, "FLOP/s", 2.0 * static_cast<double>(k * n * n), peak(dtype),
        [&] { return compiled(X); });
}
void gramShapes(benchmark::internal::Benchmark* b) {
  b->Args({64, 48})->Args({300, 100})->Args({1000, 500})->UseRealTime();
}
BENCHMARK_CAPTURE(gram, f64, dt::f64)->Name("one_thread/gram_f64")->Apply(gramShapes);
BENCHMARK_CAPTURE(gram, f32, dt::f32)->Name("one_thread/gram_f32")->Apply(gramShapes);

} // namespace
