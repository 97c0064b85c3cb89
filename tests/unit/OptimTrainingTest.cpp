// Whole training steps: forward, backward and update as one compiled graph, against the same steps
// on the tape, and against what the workloads ask for.
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
using namespace diptych::test;
using dt::Tensor;

namespace {

struct Mlp : nn::Module {
  nn::Linear first, second, third;
  explicit Mlp(int64_t width = 64, dt::DType dtype = dt::f64)
      : Module("Mlp"), first(1, width, {.dtype = dtype}), second(width, width, {.dtype = dtype}),
        third(width, 1, {.dtype = dtype}) {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  Tensor forward(const Tensor& x) const { return third(dt::relu(second(dt::relu(first(x))))); }
};

using Carried = std::tuple<Tensor, nn::State, optim::RuleState<nn::State>>;

// Forward, backward, update: a function of tensors only.
template <class Model> auto stepOf(const Model& model, const optim::Rule& rule) {
  return [model, rule](const nn::State& parameters, const optim::RuleState<nn::State>& state,
                       const Tensor& x, const Tensor& y) -> Carried {
    auto loss = [&](const nn::State& p) {
      return nn::mse_loss(nn::functional_call(model, p, x), y);
    };
    auto [value, gradients] = dt::value_and_grad(loss)(parameters);
    auto [moved, next] = rule.update(parameters, gradients, state);
    return {value, moved, next};
  };
}

struct Line {
  explicit Line(dt::DType dtype = dt::f64) {
    x = dt::reshape(dt::linspace(-10, 10, 100, dtype), {100, 1});
    y = 2 * x + 3;
  }
  Tensor x, y;
};

TEST(OptimTraining, FitsALineInOneThousandCompiledSteps) {
  dt::manual_seed(1);
  const Line line;
  Mlp model;
  const optim::Rule rule = optim::adam({.lr = 0.01});
  auto step = dt::jit(stepOf(model, rule));
  nn::State parameters = model.parameter_dict();
  auto state = rule.init(parameters);
  const Tensor &x = line.x, &y = line.y;
  Tensor loss;
  for (int epoch = 0; epoch < 1000; ++epoch)
    std::tie(loss, parameters, state) = step(parameters, state, x, y);
  EXPECT_LT(loss.item<double>(), 1e-4);
  EXPECT_EQ(step.stats().compilations, 1);
  EXPECT_EQ(state.step.item<int64_t>(), 1000);
  model.load_state_dict(parameters);
  EXPECT_LT(nn::mse_loss(model.forward(x), y).item<double>(), 1e-4);
}

TEST(OptimTraining, CompiledStepHasEagersBits) {
  for (dt::DType dtype : {dt::f64, dt::f32}) {
    dt::manual_seed(2);
    const Line line(dtype);
    Mlp model(16, dtype);
    for (const optim::Rule& rule :
         {optim::sgd({.lr = 1e-3, .momentum = 0.9, .dampening = 0.1, .weight_decay = 0.01}),
          optim::sgd({.lr = 1e-3, .momentum = 0.9, .nesterov = true}),
          optim::adam({.amsgrad = true}), optim::adamw(),
          optim::rmsprop({.momentum = 0.5, .centered = true})}) {
      auto eager = stepOf(model, rule);
      auto compiled = strictJit(eager);
      nn::State a = model.parameter_dict(), b = a;
      auto stateA = rule.init(a), stateB = rule.init(b);
      for (int i = 0; i < 3; ++i) {
        Tensor lossA, lossB;
        std::tie(lossA, a, stateA) = eager(a, stateA, line.x, line.y);
        std::tie(lossB, b, stateB) = compiled(b, stateB, line.x, line.y);
        EXPECT_TRUE(sameBits(lossB, lossA)) << rule.name();
        EXPECT_TRUE(sameBits(b, a)) << rule.name();
        EXPECT_TRUE(sameBits(stateB, stateA)) << rule.name();
      }
    }
  }
}

TEST(OptimTraining, TapeAndPureStepHaveTheSameBits) {
  dt::manual_seed(3);
  const Line line;
  Mlp model(8);
  const optim::Rule rule = optim::adamw({.lr = 0.01});
  auto pure = stepOf(model, rule);
  nn::State parameters = model.parameter_dict();
  auto state = rule.init(parameters);
  optim::AdamW optimizer(model, {.lr = 0.01});
  for (int i = 0; i < 3; ++i) {
    Tensor loss = nn::mse_loss(model.forward(line.x), line.y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    std::tie(std::ignore, parameters, state) = pure(parameters, state, line.x, line.y);
    EXPECT_TRUE(sameBits(model.parameter_dict(), parameters)) << "step " << i;
  }
}

TEST(OptimTraining, LearningRateChangesWithoutRecompiling) {
  dt::manual_seed(4);
  const Line line;
  Mlp model(4);
  const optim::Rule rule = optim::sgd({.lr = 1e-3});
  auto step = dt::jit(stepOf(model, rule));
  nn::State start = model.parameter_dict();
  auto state = rule.init(start);
  auto [loss, moved, next] = step(start, state, line.x, line.y);
  state.lr = dt::tensor(0.0);
  auto [again, still, after] = step(start, state, line.x, line.y);
  EXPECT_FALSE(sameBits(moved, start));
  EXPECT_TRUE(sameBits(still, start));
  EXPECT_EQ(step.stats().compilations, 1);
}

// BatchNorm1d in the model: buffers go in and come out, the module stays as it is.
TEST(OptimTraining, BuffersTravelThroughACompiledStep) {
  dt::manual_seed(5);
  nn::Sequential model(nn::Linear(3, 4), nn::BatchNorm1d(4), nn::Tanh(), nn::Linear(4, 1));
  const Tensor x = dt::randn({7, 3}), y = dt::randn({7, 1});
  auto step = [&](const nn::State& parameters, const nn::State& buffers, const Tensor& x,
                  const Tensor& y) {
    auto loss = [&](const nn::State& p) {
      auto [output, after] = nn::functional_call_with_buffers(model, nn::merged(p, buffers), x);
      return std::pair(nn::mse_loss(output, y), after);
    };
    auto [result, gradients] = dt::value_and_grad(loss, dt::HasAux{})(parameters);
    return std::tuple(result.first, gradients, result.second);
  };
  const nn::State parameters = model.parameter_dict(), buffers = model.buffer_dict();
  const auto expected = step(parameters, buffers, x, y);
  EXPECT_TRUE(sameBits(strictJit(step)(parameters, buffers, x, y), expected));
  EXPECT_TRUE(sameBits(model.buffer_dict(), buffers));
  EXPECT_EQ(std::get<2>(expected).at("1.num_batches_tracked").item<int64_t>(), 1);
}

// W10's second part in kind: gather by action, a target net as one more argument.
TEST(OptimTraining, QLearningStepTakesTheTargetNetAsAnArgument) {
  dt::manual_seed(6);
  const int64_t n = 20, actions = 5;
  nn::Sequential net(nn::Linear(1, 8), nn::ReLU(), nn::Linear(8, actions));
  const Tensor s = dt::reshape(dt::linspace(-1, 1, n), {n, 1});
  const Tensor action = dt::tensor(std::vector<int64_t>(n, 2));
  const Tensor reward = dt::randn({n});
  auto loss = [&](const nn::State& p, const nn::State& target, const Tensor& s, const Tensor& a,
                  const Tensor& r) {
    const Tensor next = dt::max(nn::functional_call(net, target, s * 0.5), 1);
    const Tensor q = dt::take_along_axis(nn::functional_call(net, p, s), dt::unsqueeze(a, 1), 1);
    return nn::mse_loss(dt::squeeze(q, 1), dt::stop_gradient(r + 0.9 * next));
  };
  const nn::State p = net.parameter_dict();
  expectEagerBits(dt::value_and_grad(loss), p, p, s, action, reward);
  auto compiled = dt::jit(dt::value_and_grad(loss));
  nn::State target = p;
  for (int i = 0; i < 3; ++i) {
    auto gradients = compiled(p, target, s, action, reward).second;
    for (auto& [name, tensor] : target)
      tensor = tensor - 0.1 * gradients.at(name);
  }
  EXPECT_EQ(compiled.stats().compilations, 1);
}

} // namespace
