// Dropout: what it computes, where its keys come from, and training steps with it that jit.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/diptych.h>
#include <diptych/nn/nn.h>
#include <diptych/optim/optim.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
namespace optim = diptych::optim;
namespace rnd = diptych::random;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

constexpr dt::JitOptions kStrict{.numerics = dt::Numerics::strict};

TEST(Dropout, KeepsTheMean) {
  for (dt::DType dtype : {dt::f32, dt::f64}) {
    const Tensor x = dt::ones({10000}, dtype);
    const Tensor y = rnd::dropout(x, 0.25, rnd::key(1)).astype(dt::f64);
    const double kept = dt::sum((y != 0).astype(dt::f64)).item<double>();
    EXPECT_NEAR(kept / 10000, 0.75, 0.02);
    EXPECT_NEAR(dt::max(y).item<double>(), 1 / 0.75, 1e-6);
  }
  const Tensor x = dt::tensor({1.0, double{INFINITY}});
  EXPECT_TRUE(sameBits(rnd::dropout(x, 0, rnd::key(1)), x));
  EXPECT_EQ(rnd::dropout(x, 1, rnd::key(1)).to_vector<double>(), (std::vector<double>{0, 0}));
  auto gradient =
      dt::grad([](const Tensor& x) { return dt::sum(rnd::dropout(x, 1, rnd::key(1))); });
  EXPECT_EQ(gradient(dt::ones({2})).to_vector<double>(), (std::vector<double>{0, 0}));
}

TEST(Dropout, DerivativeIsTheMask) {
  auto f = [](const Tensor& x, const Tensor& key) {
    const Tensor y = rnd::dropout(x, 0.5, key);
    return dt::sum(y * y * y);
  };
  const Tensor x = dt::linspace(1.0, 2.0, 40), key = rnd::key(2);
  const Tensor mask = rnd::dropout(dt::ones({40}), 0.5, key); // 0 or 2
  EXPECT_TRUE(dt::allclose(dt::grad(f)(x, key), 3 * mask * mask * mask * x * x, 1e-14));
  const Tensor second = dt::hessian(f)(x, key);
  EXPECT_TRUE(dt::allclose(second, dt::eye(40) * (6 * mask * mask * mask * x), 1e-13));
  EXPECT_TRUE(sameBits(dt::jit(dt::grad(f), kStrict)(x, key), dt::grad(f)(x, key)));
}

TEST(Dropout, LayerTakesKeysInOrder) {
  nn::Dropout layer(0.5);
  const Tensor x = dt::ones({64}), key = rnd::key(3);
  {
    const nn::RandomScope scope(key);
    EXPECT_TRUE(sameBits(layer(x), rnd::dropout(x, 0.5, rnd::fold_in(key, 0))));
    EXPECT_TRUE(sameBits(layer(x), rnd::dropout(x, 0.5, rnd::fold_in(key, 1))));
    {
      const nn::RandomScope inner(rnd::key(4));
      EXPECT_TRUE(sameBits(layer(x), rnd::dropout(x, 0.5, rnd::fold_in(rnd::key(4), 0))));
    }
    EXPECT_TRUE(sameBits(layer(x), rnd::dropout(x, 0.5, rnd::fold_in(key, 2))));
    EXPECT_TRUE(sameBits(dt::rand({3}), rnd::uniform(rnd::fold_in(key, 3), {3})));
  }
  dt::manual_seed(5);
  EXPECT_TRUE(sameBits(layer(x), rnd::dropout(x, 0.5, rnd::fold_in(rnd::key(5), 0))));
  layer.eval();
  EXPECT_TRUE(sameBits(layer(x), x));
  EXPECT_THROW(nn::Dropout(1.5), dt::Error);
}

TEST(Dropout, TraceWithoutAKeyIsAnError) {
  nn::Dropout layer(0.5);
  const Tensor x = dt::ones({4});
  auto f = [&](const Tensor& x) { return layer(x); };
  EXPECT_THAT(messageOf([&] { dt::jit(f)(x); }), HasSubstr("Dropout: expected a key"));
  EXPECT_THAT(
      messageOf([&] { dt::jit(dt::grad([&](const Tensor& x) { return dt::sum(f(x)); }))(x); }),
      HasSubstr("nn::RandomScope scope(key)"));
  // A key from outside would be a constant of the program.
  const nn::RandomScope scope(rnd::key(6));
  EXPECT_THAT(messageOf([&] { dt::jit(f)(x); }), HasSubstr("argument of the traced function"));
  layer.eval();
  EXPECT_TRUE(sameBits(dt::jit(f)(x), x));
}

TEST(Dropout, CheckpointDrawsTheSameMaskAgain) {
  nn::Dropout layer(0.5);
  auto body = [&](const Tensor& x) { return layer(dt::sin(layer(x) * x)); };
  auto plain = [&](const Tensor& x) { return dt::sum(body(x) * layer(x)); };
  auto saved = [&](const Tensor& x) { return dt::sum(dt::checkpoint(body)(x) * layer(x)); };
  const Tensor x = dt::linspace(0.5, 1.5, 30);
  dt::manual_seed(7);
  const Tensor expected = dt::grad(plain)(x);
  dt::manual_seed(7);
  EXPECT_TRUE(sameBits(dt::grad(saved)(x), expected));
  const auto scoped = [](auto f) {
    return [f](const Tensor& x, const Tensor& key) {
      const nn::RandomScope scope(key);
      return f(x);
    };
  };
  const Tensor key = rnd::key(8), other = dt::grad(scoped(plain))(x, key);
  EXPECT_TRUE(sameBits(dt::grad(scoped(saved))(x, key), other));
  EXPECT_TRUE(sameBits(dt::jit(dt::grad(scoped(saved)), kStrict)(x, key), other));
}

//===-- Training
//-------------------------------------------------------------------------------===//

// One step of Adam as a function of parameters, state, data and a key; the same eagerly and
// compiled, another mask at every call.
template <class Forward> void expectStepJits(nn::Module& model, Forward forward) {
  const auto rule = optim::adam({.lr = 0.01});
  auto step = [&](const nn::State& p, const optim::RuleState<nn::State>& s, const Tensor& key) {
    auto loss = [&](const nn::State& p) {
      const nn::RandomScope scope(key);
      return dt::mean(dt::square(forward(p)));
    };
    auto [value, gradients] = dt::value_and_grad(loss)(p);
    auto [moved, next] = rule.update(p, gradients, s);
    return std::tuple(value, moved, next);
  };
  auto compiled = dt::jit(step, kStrict);
  const nn::State start = model.parameter_dict();
  nn::State p = start, q = start;
  auto s = rule.init(p), t = rule.init(q);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const Tensor key = rnd::fold_in(rnd::key(9), epoch);
    Tensor eagerLoss, compiledLoss;
    std::tie(eagerLoss, p, s) = step(p, s, key);
    std::tie(compiledLoss, q, t) = compiled(q, t, key);
    EXPECT_TRUE(sameBits(compiledLoss, eagerLoss)) << epoch;
    EXPECT_TRUE(sameBits(q, p)) << epoch;
  }
  EXPECT_EQ(compiled.stats().compilations, 1);
  // The same parameters, another key: another mask, another loss.
  const auto first = compiled(start, rule.init(start), rnd::key(1));
  const auto second = compiled(start, rule.init(start), rnd::key(2));
  EXPECT_NE(std::get<0>(first).template item<double>(),
            std::get<0>(second).template item<double>());
}

TEST(Dropout, TrainingStepJits) {
  dt::manual_seed(10);
  nn::Sequential model(nn::Linear(5, 16), nn::Tanh(), nn::Dropout(0.5), nn::Linear(16, 2));
  const Tensor x = dt::randn({8, 5});
  expectStepJits(model, [&](const nn::State& p) { return nn::functional_call(model, p, x); });
}

TEST(Dropout, RecurrentAndAttentionStepsJit) {
  dt::manual_seed(11);
  nn::LSTM lstm(3, 4, {.num_layers = 2, .dropout = 0.5});
  const Tensor x = dt::randn({3, 2, 3});
  expectStepJits(lstm, [&](const nn::State& p) { return nn::functional_call(lstm, p, x).first; });
  nn::MultiheadAttention attention(4, 2, {.dropout = 0.3});
  const Tensor tokens = dt::randn({5, 2, 4});
  expectStepJits(attention, [&](const nn::State& p) {
    return nn::functional_call(attention, p, tokens, tokens, tokens).first;
  });
}

// Examples of a batch get masks of their own where each has a key.
TEST(Dropout, MapsOverKeys) {
  nn::Dropout layer(0.5);
  auto f = [&](const Tensor& x, const Tensor& key) {
    const nn::RandomScope scope(key);
    return layer(x);
  };
  const Tensor x = dt::ones({3, 50}), keys = rnd::split(rnd::key(12), 3);
  const Tensor y = dt::vmap(f)(x, keys);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(sameBits(dt::select(y, 0, i), f(dt::select(x, 0, i), dt::select(keys, 0, i))));
  EXPECT_TRUE(sameBits(dt::jit(dt::vmap(f), kStrict)(x, keys), y));
  // With one key from outside, one mask for all.
  const nn::RandomScope scope(rnd::key(13));
  const Tensor same = dt::vmap([&](const Tensor& x) { return layer(x); })(x);
  const Tensor mask = rnd::dropout(dt::ones({50}), 0.5, rnd::fold_in(rnd::key(13), 0));
  EXPECT_TRUE(sameBits(same, dt::broadcast_to(mask, {3, 50})));
}

} // namespace
