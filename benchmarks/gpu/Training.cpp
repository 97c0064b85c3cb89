// W8's training steps: forward, loss, backward and Adam as one program, replayed as one graph,
// against the same step on eager kernels.
#include "benchmarks/gpu/Bench.h"
#include "examples/training_steps/Models.h"

namespace diptych::bench {

namespace {

using namespace steps;

template <class Step> struct Training {
  const Step& step;
  const optim::Rule& rule;
  nn::State parameters;
  optim::RuleState<nn::State> state;
  Batch batch;
  Tensor loss;

  Training(const Step& step, const optim::Rule& rule, const nn::State& start, Batch batch)
      : step(step), rule(rule), parameters(start), state(rule.init(start)),
        batch(std::move(batch)) {}
  void once() { std::tie(loss, parameters, state) = step(parameters, state, batch.x, batch.y); }
  double after(int count) {
    for (int i = 0; i < count; ++i)
      once();
    return loss.template item<double>();
  }
};

nn::State moved(const nn::State& state) {
  nn::State there;
  for (const auto& [name, tensor] : state)
    there.emplace(name, tensor.to("cuda"));
  return there;
}

// Not as a model begins, but as any language can make them: the peers begin there too.
nn::State startOf(const nn::State& parameters) {
  nn::State start;
  uint32_t seed = 0;
  for (const auto& [name, tensor] : parameters)
    start.emplace(name, 0.2 * numbers(tensor.shape(), tensor.dtype(), ++seed));
  return start;
}

template <class Model>
void training(Bench& bench, const std::string& name, const Model& model, const Batch& batch) {
  if (!bench.wants(name))
    return;
  try {
    const optim::Rule rule = optim::adam({.lr = 0.001});
    const auto step = trainingStep(model, rule);
    const auto compiled = jit(step);
    const nn::State start = startOf(model.parameter_dict());
    const Batch there{batch.x.to("cuda"), batch.y.to("cuda")};
    const double expected = Training(step, rule, start, batch).after(3);
    Training jitted(compiled, rule, moved(start), there);
    Training eager(step, rule, moved(start), there);
    for (const double got : {jitted.after(3), eager.after(3)})
      if (!(std::abs(got - expected) <= 1e-6 * std::abs(expected)))
        return bench.fail(name, "loss " + std::to_string(got) + " after three steps, " +
                                    std::to_string(expected) + " on the CPU");
    const Timing fast = bench.time([&] { jitted.once(); });
    const Timing slow = bench.time([&] { eager.once(); });
    bench.add({{"name", name},
               {"loss", expected},
               {"seconds", fast.median},
               {"spread", fast.most / fast.least},
               {"launches", fast.launches},
               {"graphs", fast.graphs},
               {"library_calls", fast.calls},
               {"eager_seconds", slow.median},
               {"eager_launches", slow.launches},
               {"eager_over_jit", slow.median / fast.median}});
  } catch (const std::exception& error) {
    bench.fail(name, error.what());
  }
}

} // namespace

void benchTraining(Bench& bench) {
  const bool tiny = bench.options().tiny;
  manual_seed(1);
  training(bench, "W8 dense", Dense(), Dense::batch(tiny ? 10 : 1000));
  training(bench, "W8 cnn1d", Cnn1d(), Cnn1d::batch(tiny ? 7 : 195));
  if (tiny)
    return;
  training(bench, "W8 lstm", Recurrent(64), Recurrent::batch(800, 20));
  training(bench, "W8 tcn", Tcn(), Tcn::batch(2000));
  Batch digits = LeNet::batch(64);
  digits.x = numbers(digits.x.shape(), f64, 99);
  training(bench, "W8 lenet", LeNet(), digits);
  training(bench, "W8 factor cnn", FactorCnn(), FactorCnn::batch(2000));
}

} // namespace diptych::bench
