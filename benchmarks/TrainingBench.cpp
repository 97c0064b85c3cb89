// Training steps (W8): how long one takes, and how much memory it needs beside the tape's, both
// beyond the arguments and with them. The step gives its parameters and state away. The loss is
// compared first.
#include "benchmarks/Check.h"
#include "examples/training_steps/Models.h"
#include "runtime/Allocator.h"

namespace dt = diptych;
using namespace dt::bench;

namespace {

/// Most bytes that are held while f runs, its result among them, beyond what was held before.
template <class F> double peakOf(const F& f) {
  dt::runtime::resetHighWater();
  const int64_t before = dt::runtime::memoryStats().currentBytes;
  const auto result = f();
  return static_cast<double>(dt::runtime::memoryStats().highWaterBytes - before);
}

template <class Model>
void step(benchmark::State& state, const Model& model, const steps::Batch& batch) {
  const steps::optim::Rule rule = steps::optim::adam({.lr = 0.001});
  const auto eager = steps::trainingStep(model, rule);
  const auto jitted = dt::jit(eager, {.donate = {0, 1}});
  steps::nn::State parameters = model.parameter_dict();
  auto moments = rule.init(parameters);
  auto arguments = static_cast<double>(batch.x.type().bytes() + batch.y.type().bytes());
  for (const auto& [name, parameter] : parameters)
    arguments += 3 * static_cast<double>(parameter.type().bytes());
  dt::Tensor expected, loss;
  const double tape = peakOf([&] {
    auto results = eager(parameters, moments, batch.x, batch.y);
    expected = std::get<0>(results);
    return results;
  });
  const auto next = [&] {
    std::tie(loss, parameters, moments) = jitted(parameters, moments, batch.x, batch.y);
    return loss;
  };
  next();
  if (!agree(state, loss, expected, 1e-6))
    return;
  const double compiled = peakOf(next);
  for (auto _ : state)
    next();
  state.counters["schedule_ms"] = jitted.stats().schedule; // memory is planned in it
  state.counters["arguments_MB"] = 1e-6 * arguments;
  state.counters["eager_MB"] = 1e-6 * tape;
  state.counters["jit_MB"] = 1e-6 * compiled;
  state.counters["share"] = compiled / tape;
  state.counters["share_in_all"] = (compiled + arguments) / (tape + arguments);
}

template <class Model, class MakeBatch>
void add(const std::string& name, const Model& model, const MakeBatch& makeBatch) {
  const std::string full = "training_step/" + name;
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    dt::manual_seed(1);
    step(state, model(), makeBatch());
  })->Apply(milliseconds);
}

// Names of benchmarks are made before main: models and batches only when one runs.
[[maybe_unused]] const bool added = [] {
  const auto dense = [] { return steps::Dense(); };
  const auto series = [] { return steps::Cnn1d(); };
  const auto blocks = [] { return steps::Tcn(); };
  const auto digits = [] { return steps::LeNet(); };
  const auto factors = [] { return steps::FactorCnn(); };
  for (const int64_t n : {100, 1000})
    add("dense/" + std::to_string(n), dense, [=] { return steps::Dense::batch(n); });
  add("cnn1d/195", series, [] { return steps::Cnn1d::batch(195); });
  add("lstm/5", [] { return steps::Recurrent(20); }, [] { return steps::Recurrent::batch(5, 8); });
  add(
      "lstm/800", [] { return steps::Recurrent(64); },
      [] { return steps::Recurrent::batch(800, 20); });
  for (const int64_t n : {16, 2000})
    add("tcn/" + std::to_string(n), blocks, [=] { return steps::Tcn::batch(n); });
  for (const int64_t n : {4, 64, 512})
    add("lenet/" + std::to_string(n), digits, [=] { return steps::LeNet::batch(n); });
  for (const int64_t n : {64, 2000, 8196})
    add("factor_cnn/" + std::to_string(n), factors, [=] { return steps::FactorCnn::batch(n); });
  return true;
}();

} // namespace
