// What one call costs when there is next to nothing to compute.
#include "benchmarks/Check.h"
#include "runtime/Buffer.h"
#include "runtime/Launch.h"

namespace dt = diptych;

namespace {

constexpr int kOperators = 100;

dt::Tensor chain(dt::Tensor x) {
  for (int i = 0; i < kOperators; ++i)
    x = x + 1.0;
  return x;
}

dt::Tensor sums(dt::Tensor x) {
  const dt::Tensor y = x.detach();
  for (int i = 0; i < kOperators; ++i)
    x = x + y;
  return x;
}

using Chain = dt::Tensor (*)(dt::Tensor);

void perOperator(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * kOperators);
}

void eager(benchmark::State& state, Chain operators) {
  auto x = dt::ones({8});
  for (auto _ : state)
    benchmark::DoNotOptimize(operators(x));
  perOperator(state);
}
BENCHMARK_CAPTURE(eager, number, chain)->Name("dispatch/eager");
BENCHMARK_CAPTURE(eager, tensors, sums)->Name("dispatch/eager_tensors");

void recorded(benchmark::State& state, Chain operators) {
  auto x = dt::ones({8}).requires_grad_();
  for (auto _ : state)
    benchmark::DoNotOptimize(operators(x));
  perOperator(state);
}
BENCHMARK_CAPTURE(recorded, number, chain)->Name("dispatch/eager_recorded");
BENCHMARK_CAPTURE(recorded, tensors, sums)->Name("dispatch/eager_tensors_recorded");

void recordedAndSwept(benchmark::State& state, Chain operators) {
  auto x = dt::ones({8}).requires_grad_();
  for (auto _ : state)
    benchmark::DoNotOptimize(dt::grad(dt::sum(operators(x)), x));
  perOperator(state);
}
BENCHMARK_CAPTURE(recordedAndSwept, number, chain)->Name("dispatch/eager_gradient");
BENCHMARK_CAPTURE(recordedAndSwept, tensors, sums)->Name("dispatch/eager_tensors_gradient");

// The kernel of x + 1 alone, into memory that is there: what those above have on top of it is
// theirs.
void kernelAlone(benchmark::State& state) {
  auto x = dt::ones({8}), one = dt::ones({}), y = dt::zeros({8});
  const dt::Dims strides{1}, none{0};
  const dt::TensorType type = x.type();
  const auto bytes = [](const dt::Tensor& t) {
    return reinterpret_cast<std::byte*>(const_cast<double*>(t.data<double>()));
  };
  const dt::runtime::Strided operands[] = {{bytes(x), &type, &strides, true, false},
                                           {bytes(one), &type, &none, false, false}};
  const dt::runtime::Strided result{bytes(y), &type, &strides, true, false};
  for (auto _ : state)
    dt::runtime::launchPointwise(dt::OpCode::Add, operands, result);
  if (!dt::bench::agree(state, y, x + 1.0))
    return;
}
BENCHMARK(kernelAlone)->Name("dispatch/kernel_alone");

void allocation(benchmark::State& state) {
  for (auto _ : state)
    benchmark::DoNotOptimize(dt::runtime::Buffer::allocate(64));
}
BENCHMARK(allocation)->Name("dispatch/allocation");

void jittedCall(benchmark::State& state) {
  auto x = dt::ones({8});
  auto f = dt::jit(chain);
  if (!dt::bench::agree(state, f(x), chain(x)))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(x));
}
BENCHMARK(jittedCall)->Name("dispatch/jit_one_kernel");

// Risk parity of 8 assets: next to no work, three arguments, two results.
void jittedSmallGradient(benchmark::State& state) {
  auto x = dt::full({8}, 0.3), S = dt::eye(8) + 0.1, b = dt::full({8}, 0.125);
  auto eager =
      dt::value_and_grad([](const dt::Tensor& x, const dt::Tensor& S, const dt::Tensor& b) {
        return 0.5 * dt::dot(x, dt::matmul(S, x)) - dt::dot(b, dt::log(x));
      });
  auto f = dt::jit(eager);
  if (!dt::bench::agree(state, f(x, S, b).second, eager(x, S, b).second))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(x, S, b));
  state.counters["kernel_calls"] = static_cast<double>(f.stats().kernelCalls);
}
BENCHMARK(jittedSmallGradient)->Name("dispatch/jit_small_gradient");

// 100 kernels that can't be fused.
void jittedSteps(benchmark::State& state) {
  auto x = dt::ones({2, 2});
  auto products = [](const dt::Tensor& x) {
    dt::Tensor y = x;
    for (int i = 0; i < kOperators; ++i)
      y = dt::matmul(y, x);
    return y;
  };
  auto f = dt::jit(products);
  if (!dt::bench::agree(state, f(x), products(x)))
    return;
  for (auto _ : state)
    benchmark::DoNotOptimize(f(x));
  perOperator(state);
}
BENCHMARK(jittedSteps)->Name("dispatch/jit_100_kernels");

void jittedOnTheTape(benchmark::State& state) {
  auto x = dt::ones({8}).requires_grad_();
  auto f = dt::jit([](const dt::Tensor& x) { return dt::sum(chain(x)); });
  for (auto _ : state)
    benchmark::DoNotOptimize(dt::grad(f(x), x));
}
BENCHMARK(jittedOnTheTape)->Name("dispatch/jit_gradient_by_tape");

} // namespace
