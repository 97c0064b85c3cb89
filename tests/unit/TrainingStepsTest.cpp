// The training steps of examples/training_steps at tiny sizes: compiled as one program they give
// the tape's losses, bit for bit; gradients of every network agree with differences.
#include "SameBits.h"
#include "examples/training_steps/Models.h"

namespace diptych::test {
namespace {

using steps::Batch;

template <class Model> void expectEagerSteps(const Model& model, const Batch& batch) {
  const optim::Rule rule = optim::adam({.lr = 0.001});
  const auto step = steps::trainingStep(model, rule);
  const auto compiled = strictJit(step);
  nn::State p = model.parameter_dict(), q = p;
  auto s = rule.init(p), t = s;
  double first = 0;
  for (int i = 0; i < 3; ++i) {
    auto [eager, nextP, nextS] = step(p, s, batch.x, batch.y);
    auto [jitted, nextQ, nextT] = compiled(q, t, batch.x, batch.y);
    p = nextP, s = nextS, q = nextQ, t = nextT;
    EXPECT_TRUE(sameTensor(jitted, eager)) << "step " << i;
    if (i == 0)
      first = eager.template item<double>();
    else
      EXPECT_LT(eager.template item<double>(), first);
  }
  EXPECT_TRUE(sameBits(q, p));
  const auto loss = [&](const nn::State& p) {
    return model.loss(nn::functional_call(model, p, batch.x), batch.y);
  };
  const nn::State start = model.parameter_dict(), g = grad(loss)(start);
  const double h = 2e-9; // few of the many kinks (relu, max) lie within such a step
  nn::State up = start, down = start;
  double slope = 0;
  for (const auto& [name, value] : start) {
    const Tensor d = cos(reshape(arange(0.0, static_cast<double>(value.numel())), value.shape()));
    up[name] = value + h * d;
    down[name] = value - h * d;
    slope += sum(g.at(name) * d).template item<double>();
  }
  const double expected = (loss(up) - loss(down)).template item<double>() / (2 * h);
  EXPECT_NEAR(slope, expected, 1e-5 * (1 + std::abs(expected)));
}

TEST(TrainingSteps, Cnn1d) {
  manual_seed(1);
  expectEagerSteps(steps::Cnn1d(), steps::Cnn1d::batch(11));
}

TEST(TrainingSteps, Tcn) {
  manual_seed(2);
  expectEagerSteps(steps::Tcn(2), steps::Tcn::batch(3, 9));
}

TEST(TrainingSteps, LeNet) {
  manual_seed(3);
  const steps::LeNet model;
  EXPECT_EQ(model.parameter_count(), 1199882);
  expectEagerSteps(model, steps::LeNet::batch(2));
}

TEST(TrainingSteps, FactorCnn) {
  manual_seed(4);
  expectEagerSteps(steps::FactorCnn(), steps::FactorCnn::batch(9));
}

// Below 0.02 in 100 epochs, on the tape and compiled.
TEST(TrainingSteps, LearnsTheNoisySine) {
  manual_seed(7);
  const steps::Cnn1d model;
  const Batch batch = steps::Cnn1d::batch(195);
  const optim::Rule rule = optim::adam({.lr = 0.01});
  const auto step = strictJit(steps::trainingStep(model, rule));
  nn::State p = model.parameter_dict();
  auto s = rule.init(p);
  Tensor loss;
  for (int epoch = 0; epoch < 100; ++epoch)
    std::tie(loss, p, s) = step(p, s, batch.x, batch.y);
  EXPECT_LT(loss.item<double>(), 0.02);
  optim::Adam optimizer(model, {.lr = 0.01});
  Tensor onTape;
  for (int epoch = 0; epoch < 100; ++epoch) {
    onTape = model.loss(model.forward(batch.x), batch.y);
    optimizer.zero_grad();
    onTape.backward();
    optimizer.step();
  }
  EXPECT_TRUE(sameTensor(loss, onTape));
}

} // namespace
} // namespace diptych::test
