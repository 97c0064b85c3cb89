// Training a network three ways: on the tape, as PyTorch does; as a pure function of its state; and
// that function compiled, forward, backward and update in one program.
#include <diptych/diptych.h>
#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <chrono>
#include <iostream>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;

struct Mlp : nn::Module {
  nn::Linear first{1, 64}, second{64, 64}, last{64, 1};
  Mlp() : Module("Mlp") {
    register_module("first", first);
    register_module("second", second);
    register_module("last", last);
  }
  dt::Tensor forward(const dt::Tensor& x) const { // [N,1] -> [N,1]
    return last(dt::relu(second(dt::relu(first(x)))));
  }
};

// The tape: the module holds its parameters, the optimiser moves them.
static double trainOnTape(const Mlp& model, const dt::Tensor& x, const dt::Tensor& y, int epochs) {
  optim::Adam optimizer(model, {.lr = 0.01});
  dt::Tensor loss;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    loss = nn::mse_loss(model.forward(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  return loss.item<double>();
}

// State in, state out: parameters and the optimiser's moments are arguments like x and y, so the
// step is a function of tensors, and what can be done with functions can be done with it.
static auto makeStep(const Mlp& model, const optim::Rule& rule) {
  return [model, rule](const nn::State& parameters, const optim::RuleState<nn::State>& state,
                       const dt::Tensor& x, const dt::Tensor& y) {
    auto loss = [&](const nn::State& p) {
      return nn::mse_loss(nn::functional_call(model, p, x), y);
    };
    auto [value, gradients] = dt::value_and_grad(loss)(parameters);
    auto [moved, next] = rule.update(parameters, gradients, state);
    return std::tuple(value, moved, next);
  };
}

template <class Step>
static double trainPure(const Step& step, const optim::Rule& rule, nn::State& parameters,
                        const dt::Tensor& x, const dt::Tensor& y, int epochs) {
  auto state = rule.init(parameters);
  auto rate = optim::cosine_schedule(epochs, 1e-4);
  dt::Tensor loss;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    state.lr = dt::tensor(rate(0.01, epoch)); // an input of the step: nothing is compiled again
    std::tie(loss, parameters, state) = step(parameters, state, x, y);
  }
  return loss.item<double>();
}

template <class F> static void report(const char* mode, const F& train) {
  const auto start = std::chrono::steady_clock::now();
  const double loss = train();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << mode << ": loss " << loss << " in " << took.count() << " s\n";
}

int main() {
  const int epochs = 1000;
  auto x = dt::reshape(dt::linspace(-10, 10, 100), {100, 1});
  auto y = 2 * x + 3;

  dt::manual_seed(1);
  Mlp model;
  std::cout << model;
  const nn::State start = model.parameter_dict();
  report("tape", [&] { return trainOnTape(model, x, y, epochs); });

  const optim::Rule rule = optim::adam({.lr = 0.01});
  auto step = makeStep(model, rule);
  nn::State eager = start, compiled = start;
  report("pure, eager", [&] { return trainPure(step, rule, eager, x, y, epochs); });
  // The step may overwrite the state it is given: nobody else holds it.
  auto jitted = dt::jit(step, {.numerics = dt::Numerics::strict, .donate = {0, 1}});
  report("pure, compiled", [&] { return trainPure(jitted, rule, compiled, x, y, epochs); });
  bool same = true;
  for (const auto& [name, tensor] : eager)
    same = same && dt::all(tensor == compiled.at(name)).item<bool>();
  std::cout << "compiled once, in " << jitted.stats().compile()
            << " ms; the same bits as eager: " << std::boolalpha << same << '\n';

  model.load_state_dict(compiled);
  std::cout << "f(4) = " << model.forward(dt::tensor({{4.0}})) << '\n';
}
