// Values and gradients of operators on one thread, in nanoseconds an element: "best" is that of the
// best call.
#include "benchmarks/Machine.h"

namespace dt = diptych;
using dt::Tensor;
using namespace dt::bench;

namespace {

using Function = Tensor (*)(const Tensor& x);

// [1000, 300] as ten images.
Tensor images(const Tensor& x) { return dt::reshape(x, {10, 1, 100, 300}); }

Tensor slopeOfProducts(const Tensor& x, int64_t axis) {
  const auto f = [=](const Tensor& x) { return dt::sum(dt::square(dt::cumprod(x, axis))); };
  return dt::grad(f)(x);
}

const std::pair<const char*, Function> functions[] = {
    {"reverse", [](const Tensor& x) { return dt::flip(x) * 2.0; }},
    {"var_of_rows", [](const Tensor& x) { return dt::var(x, 1); }},
    {"prod_of_rows", [](const Tensor& x) { return dt::prod(x, 1); }},
    {"cumsum_of_rows", [](const Tensor& x) { return dt::cumsum(x, 1); }},
    {"cumprod_of_rows", [](const Tensor& x) { return dt::cumprod(x, 1); }},
    {"cumprod_of_columns", [](const Tensor& x) { return dt::cumprod(x, 0); }},
    {"recurrence_of_rows", [](const Tensor& x) { return dt::linear_recurrence(x, x, 1); }},
    {"recurrence_of_columns", [](const Tensor& x) { return dt::linear_recurrence(x, x, 0); }},
    {"windows_of_20", [](const Tensor& x) { return dt::windows(x, 0, 20) * 2.0; }},
    {"max_pool_2x2", [](const Tensor& x) { return dt::max_pool2d(images(x), 2); }},
    {"max_pool_3x3_stride_1",
     [](const Tensor& x) { return dt::max_pool2d(images(x), 3, {.stride = 1}); }},
    {"dots_of_rows", [](const Tensor& x) { return dt::einsum("ij,ij->i", {x, x}); }},
    {"difference_around", [](const Tensor& x) { return x - dt::roll(x, 1, 0); }},
    {"roll", [](const Tensor& x) { return dt::roll(x, 3, 1); }},
    {"slope_of_cumprod_of_rows", [](const Tensor& x) { return slopeOfProducts(x, 1); }},
    {"slope_of_cumprod_of_columns", [](const Tensor& x) { return slopeOfProducts(x, 0); }},
    {"digamma", [](const Tensor& x) { return dt::digamma(x); }},
    {"outer", [](const Tensor& x) {
       return dt::einsum("i,j->ij", {dt::select(x, 1, 0), dt::select(x, 0, 0)});
     }}};

void measured(benchmark::State& state, Function f, bool gradient, bool jitted) {
  const OneThread scope;
  const Tensor x = 0.5 + dt::rand({1000, 300}), weights = dt::rand(f(x).shape());
  const auto slope = dt::grad([=](const Tensor& x) { return dt::sum(f(x) * weights); });
  const auto run = [=](const Tensor& x) { return gradient ? slope(x) : f(x); };
  const auto compiled = dt::jit(run);
  if (!agree(state, compiled(x), run(x)))
    return;
  double best = 1e300;
  for (auto _ : state) {
    const double begin = now();
    benchmark::DoNotOptimize(jitted ? compiled(x) : run(x));
    best = std::min(best, now() - begin);
  }
  state.counters["best"] = 1e9 * best / static_cast<double>(x.numel());
}

[[maybe_unused]] const bool added = [] {
  for (const auto& [name, f] : functions)
    for (const bool gradient : {false, true})
      for (const bool jitted : {false, true})
        benchmark::RegisterBenchmark((std::string("one_thread/operator/") + name +
                                      (gradient ? "/gradient" : "/value") +
                                      (jitted ? "/jit" : "/eager"))
                                         .c_str(),
                                     [f = f, gradient, jitted](benchmark::State& state) {
                                       measured(state, f, gradient, jitted);
                                     })
            ->UseRealTime();
  return true;
}();

} // namespace
