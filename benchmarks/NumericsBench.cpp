// What a promise costs: the same function eager and compiled in strict, standard and fast, all four
// in turns. Strict must give eager's bits, the others its numbers, before anything is timed.
#include "benchmarks/Machine.h"
#include "benchmarks/Portfolio.h"
#include "examples/training_steps/Models.h"

#include <array>

namespace dt = diptych;
using namespace dt::bench;

namespace {

const dt::Tensor& tensorOf(const dt::Tensor& result) { return result; }
template <class Rest> const dt::Tensor& tensorOf(const std::pair<dt::Tensor, Rest>& result) {
  return result.first;
}

/// One iteration calls each of the four; times in microseconds, the modes' also as shares of
/// strict's.
template <class F> void modes(benchmark::State& state, const F& eager, const auto&... arguments) {
  using enum dt::Numerics;
  const std::array compiled{dt::jit(eager, {.numerics = strict}),
                            dt::jit(eager, {.numerics = standard}),
                            dt::jit(eager, {.numerics = fast})};
  const auto expected = eager(arguments...);
  if (!sameBits(tensorOf(compiled[0](arguments...)), tensorOf(expected)))
    return state.SkipWithError("strict differs from eager");
  for (const auto& f : compiled)
    if (!agree(state, tensorOf(f(arguments...)), tensorOf(expected), 1e-7))
      return;
  const auto best = inTurns<4>(state, [&](size_t i) {
    benchmark::DoNotOptimize(i == 3 ? eager(arguments...) : compiled[i](arguments...));
  });
  const char* const names[] = {"strict_us", "standard_us", "fast_us", "eager_us"};
  for (size_t i = 0; i < best.size(); ++i)
    state.counters[names[i]] = 1e6 * best[i];
  state.counters["standard_of_strict"] = best[1] / best[0];
  state.counters["fast_of_strict"] = best[2] / best[0];
}

template <class Make> void add(const char* name, const Make& run) {
  benchmark::RegisterBenchmark((std::string("numerics/") + name).c_str(), run)->Apply(milliseconds);
}

template <class Model> void gradient(benchmark::State& state, int64_t examples) {
  dt::manual_seed(1);
  const Model model;
  const steps::Batch batch = Model::batch(examples);
  const auto loss = [&](const steps::nn::State& p) {
    return model.loss(steps::nn::functional_call(model, p, batch.x), batch.y);
  };
  modes(state, dt::value_and_grad(loss), model.parameter_dict());
}

[[maybe_unused]] const bool added = [] {
  add("w1/value", [](benchmark::State& state) {
    const Portfolio p;
    modes(state, objective, p.w, p.X, p.r);
  });
  add("w1/gradient", [](benchmark::State& state) {
    const Portfolio p;
    modes(state, dt::value_and_grad(objective), p.w, p.X, p.r);
  });
  add("w1/hessian", [](benchmark::State& state) {
    const Portfolio p;
    modes(state, dt::hessian(objective), p.w, p.X, p.r);
  });
  add("dense_gradient/1000", [](benchmark::State& state) { gradient<steps::Dense>(state, 1000); });
  add("tcn_gradient/16", [](benchmark::State& state) { gradient<steps::Tcn>(state, 16); });
  add("softmax/1000/300", [](benchmark::State& state) {
    modes(state, [](const dt::Tensor& x) { return dt::softmax(x, 1); }, dt::randn({1000, 300}));
  });
  add("matrix_times_vector/2048", [](benchmark::State& state) {
    modes(
        state, [](const dt::Tensor& A, const dt::Tensor& v) { return dt::matmul(A, v); },
        dt::randn({2048, 2048}), dt::rand({2048}));
  });
  add("product/512", [](benchmark::State& state) {
    modes(
        state, [](const dt::Tensor& A, const dt::Tensor& B) { return dt::matmul(A, B); },
        dt::rand({512, 512}), dt::rand({512, 512}));
  });
  add("pointwise/1000000", [](benchmark::State& state) {
    modes(
        state,
        [](const dt::Tensor& a, const dt::Tensor& b) { return dt::exp(dt::tanh(a) * b) + a; },
        dt::randn({1000000}), dt::randn({1000000}));
  });
  return true;
}();

} // namespace
