// Update rules against their formulas on single numbers; optimisers, clipping, schedules.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

// Gradients of five steps; each formula walks one number through them.
const std::vector<double> kGradients{0.3, -1.2, 0.8, 0.0, 2.5};

void expectPath(const optim::Rule& rule, const std::vector<double>& expected) {
  for (dt::DType dtype : {dt::f64, dt::f32}) {
    std::vector<Tensor> p{dt::full({2}, 1.0, dtype)};
    auto state = rule.init(p);
    for (size_t t = 0; t < kGradients.size(); ++t) {
      const std::vector<Tensor> g{dt::full({2}, kGradients[t], dtype)};
      std::tie(p, state) = rule.update(p, g, state);
      EXPECT_EQ(p[0].dtype(), dtype);
      EXPECT_NEAR(dt::select(p[0], 0, 1).item<double>(), expected[t],
                  dtype == dt::f64 ? 1e-14 : 2e-6)
          << rule.name() << " step " << t;
    }
  }
}

template <class Step> std::vector<double> path(Step step) {
  std::vector<double> points;
  double p = 1;
  for (size_t t = 0; t < kGradients.size(); ++t) {
    step(p, kGradients[t], static_cast<double>(t + 1));
    points.push_back(p);
  }
  return points;
}

TEST(OptimRules, SGD) {
  expectPath(optim::sgd({.lr = 0.1}), path([](double& p, double g, double) { p -= 0.1 * g; }));
  double b = 0;
  expectPath(optim::sgd({.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.01}),
             path([&](double& p, double g, double t) {
               g += 0.01 * p;
               b = t == 1 ? g : 0.9 * b + 0.5 * g;
               p -= 0.1 * b;
             }));
  b = 0;
  expectPath(optim::sgd({.lr = 0.1, .momentum = 0.9, .nesterov = true, .maximize = true}),
             path([&](double& p, double g, double) {
               b = 0.9 * b - g;
               p -= 0.1 * (-g + 0.9 * b);
             }));
  EXPECT_THROW(optim::sgd({.nesterov = true}), dt::Error);
  EXPECT_THROW(optim::sgd({.lr = -1}), dt::Error);
}

TEST(OptimRules, AdamAndAdamW) {
  for (bool decoupled : {false, true})
    for (bool amsgrad : {false, true}) {
      double m = 0, v = 0, largest = 0;
      const auto expected = path([&](double& p, double g, double t) {
        if (decoupled)
          p *= 1 - 0.1 * 0.02;
        else
          g += 0.02 * p;
        m = 0.8 * m + 0.2 * g;
        v = 0.9 * v + 0.1 * g * g;
        largest = std::max(largest, v);
        const double corrected = (amsgrad ? largest : v) / (1 - std::pow(0.9, t));
        p -= 0.1 * m / (1 - std::pow(0.8, t)) / (std::sqrt(corrected) + 1e-8);
      });
      expectPath(decoupled ? optim::adamw({0.1, 0.8, 0.9, 1e-8, 0.02, amsgrad})
                           : optim::adam({0.1, 0.8, 0.9, 1e-8, 0.02, amsgrad}),
                 expected);
    }
  EXPECT_EQ(optim::adamw().lr(), 1e-3);
  EXPECT_THROW(optim::adam({.beta1 = 1}), dt::Error);
}

TEST(OptimRules, RMSprop) {
  for (bool centered : {false, true})
    for (double momentum : {0.0, 0.5}) {
      double v = 0, a = 0, b = 0;
      const auto expected = path([&](double& p, double g, double) {
        v = 0.9 * v + 0.1 * g * g;
        a = 0.9 * a + 0.1 * g;
        b = momentum * b + g / (std::sqrt(centered ? v - a * a : v) + 1e-3);
        p -= 0.1 * b;
      });
      expectPath(
          optim::rmsprop(
              {.lr = 0.1, .alpha = 0.9, .eps = 1e-3, .momentum = momentum, .centered = centered}),
          expected);
    }
}

TEST(OptimRules, DifferentTreesAreAnError) {
  const optim::Rule rule = optim::adam();
  const std::vector<Tensor> p{dt::ones({2}), dt::ones({3})};
  EXPECT_ERROR_HERE(rule.update(p, {p[0]}, rule.init(p)),
                    "adam: expected gradients and state for 2", "got 1");
  EXPECT_ERROR_HERE(rule.update(p, {p[1], p[0]}, rule.init(p)), "adam: expected a gradient f64[2]");
}

//===-- Optimisers ---------------------------------------------------------------------------===//

TEST(Optimizers, MoveVariablesAndSkipThoseWithoutGradient) {
  Tensor a = dt::tensor({1.0, 2.0}).requires_grad_(), b = dt::tensor(3.0).requires_grad_();
  optim::Adam optimizer({&a, &b}, {.lr = 0.1});
  const Tensor old = a;
  dt::sum(a * a).backward();
  optimizer.step();
  EXPECT_NEAR(dt::select(a, 0, 0).item<double>(), 0.9, 1e-6);
  EXPECT_EQ(dt::select(old, 0, 0).item<double>(), 1);
  EXPECT_EQ(b.item<double>(), 3);
  EXPECT_TRUE(a.requires_grad());
  EXPECT_FALSE(a.grad().defined());
  const nn::State state = optimizer.state_dict();
  EXPECT_TRUE(state.contains("0.step"));
  EXPECT_FALSE(state.contains("1.step"));
  Tensor c = dt::tensor(1.0);
  EXPECT_THAT(messageOf([&] { optim::SGD({&c}); }),
              HasSubstr("expected tensors that require grad"));
  EXPECT_ERROR_HERE(optimizer.set_lr(-1), "set_lr");
}

TEST(Optimizers, ResumeFromTheirState) {
  dt::manual_seed(1);
  const Tensor x = dt::randn({6, 2});
  nn::Linear a(2, 1), b(2, 1);
  optim::Adam first(a, {.lr = 0.1}), second(b, {.lr = 0.5});
  const auto train = [&](nn::Linear& model, optim::Optimizer& optimizer) {
    dt::mean(dt::square(model(x))).backward();
    optimizer.step();
  };
  train(a, first);
  b.load_state_dict(a.state_dict());
  second.load_state_dict(first.state_dict());
  train(a, first);
  train(b, second);
  EXPECT_TRUE(sameBits(b.state_dict(), a.state_dict()));
  nn::State wrong = first.state_dict();
  wrong["weight.2"] = dt::ones({1});
  EXPECT_ERROR_HERE(second.load_state_dict(wrong), "1 names that belong to none");
  wrong = first.state_dict();
  wrong["weight.1"] = dt::ones({1});
  EXPECT_ERROR_HERE(second.load_state_dict(wrong), "f64[1,2] under weight.1", "f64[1]");
}

TEST(Optimizers, ClipGradients) {
  Tensor a = dt::tensor({1.0, 2.0}).requires_grad_(), b = dt::tensor(3.0f).requires_grad_();
  const auto sweep = [&] {
    a.zero_grad_();
    b.zero_grad_();
    dt::sum(a * dt::tensor({3.0, 0.0})).backward();
    (b * 4).backward();
  };
  sweep();
  EXPECT_DOUBLE_EQ(optim::clip_grad_norm_({a, b}, 1).item<double>(), 5);
  EXPECT_NEAR(dt::select(a.grad(), 0, 0).item<double>(), 3 / (5 + 1e-6), 1e-12);
  EXPECT_NEAR(b.grad().item<double>(), 0.8, 1e-6);
  sweep();
  optim::clip_grad_norm_({a, b}, 6);
  EXPECT_EQ(dt::select(a.grad(), 0, 0).item<double>(), 3);
  optim::clip_grad_value_({a, b}, 3.5);
  EXPECT_EQ(dt::select(a.grad(), 0, 0).item<double>(), 3);
  EXPECT_EQ(b.grad().item<double>(), 3.5);
  const std::vector<Tensor> gradients{dt::tensor({3.0, -4.0}), dt::tensor({0.0f})};
  expectEagerBits([](const std::vector<Tensor>& g) { return optim::clip_by_norm(g, 1); },
                  gradients);
  expectEagerBits([](const std::vector<Tensor>& g) { return optim::clip_by_value(g, 1); },
                  gradients);
}

//===-- Schedules ----------------------------------------------------------------------------===//

TEST(Schedulers, FollowTheirFormulas) {
  Tensor p = dt::tensor(1.0).requires_grad_();
  optim::SGD a({&p}, {.lr = 0.8}), b({&p}, {.lr = 0.8}), c({&p}, {.lr = 0.8});
  optim::StepLR steps(a, 3, 0.5);
  optim::CosineAnnealingLR cosine(b, 10, 0.1);
  optim::LinearLR warmUp(c, 0.25, 1, 4);
  for (int epoch = 0; epoch < 12; ++epoch) {
    EXPECT_DOUBLE_EQ(a.lr(), 0.8 * std::pow(0.5, epoch / 3));
    EXPECT_DOUBLE_EQ(b.lr(), 0.1 + 0.7 * (1 + std::cos(std::acos(-1.0) * epoch / 10)) / 2);
    EXPECT_DOUBLE_EQ(c.lr(), 0.8 * std::min(1.0, 0.25 + 0.75 * epoch / 4));
    steps.step();
    cosine.step();
    warmUp.step();
  }
  const auto both = optim::sequential_schedule(optim::linear_schedule(0.5, 1, 2), 2,
                                               optim::step_schedule(1, 0.1));
  EXPECT_DOUBLE_EQ(both(1, 1), 0.75);
  EXPECT_DOUBLE_EQ(both(1, 2), 1);
  EXPECT_DOUBLE_EQ(both(1, 3), 0.1);
}

TEST(Schedulers, PlateauWaitsThenReduces) {
  Tensor p = dt::tensor(1.0).requires_grad_();
  optim::SGD optimizer({&p}, {.lr = 1});
  optim::ReduceLROnPlateau scheduler(optimizer,
                                     {.factor = 0.5, .patience = 2, .cooldown = 1, .min_lr = 0.3});
  const auto after = [&](double metric) {
    scheduler.step(metric);
    return optimizer.lr();
  };
  EXPECT_EQ(after(10), 1);
  EXPECT_EQ(after(9.9999), 1); // better by less than the threshold: bad epoch 1
  EXPECT_EQ(after(10), 1);     // 2
  EXPECT_EQ(after(10), 0.5);   // 3 > patience
  EXPECT_EQ(after(10), 0.5);   // cooldown
  EXPECT_EQ(after(10), 0.5);   // 1
  EXPECT_EQ(after(5), 0.5);    // better: counts from 0 again
  EXPECT_EQ(after(5), 0.5);
  EXPECT_EQ(after(5), 0.5);
  EXPECT_EQ(after(5), 0.3); // not below min_lr
}

} // namespace
