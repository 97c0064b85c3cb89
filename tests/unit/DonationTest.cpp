// Donated arguments: results in their memory, bits as without, what refuses to be given away; and
// peaks of training steps, in bytes, against eager's.
#include "SameBits.h"
#include "examples/training_steps/Models.h"
#include "frontend/TensorImpl.h"
#include "runtime/Allocator.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

using testing::HasSubstr;

const std::byte* dataOf(const Tensor& x) { return eagerTensor(x.value()).data(); }

template <class F> std::string errorOf(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Tensor step(const Tensor& p, const Tensor& g) { return p - 0.1 * g; }

TEST(Donation, AResultTakesTheArgumentsMemory) {
  const auto f = jit(step, {.donate = {0}});
  Tensor p = randn({100}), g = randn({100});
  const Tensor expected = step(p, g);
  const std::byte* memory = dataOf(p);
  const Tensor moved = f(p, g);
  EXPECT_EQ(dataOf(moved), memory);
  EXPECT_TRUE(allclose(moved, expected, 1e-15, 1e-15));
  EXPECT_EQ(f.stats().donatedBytes, 800);
  EXPECT_EQ(f.stats().donationsKept, 0);
  EXPECT_EQ(f.stats().peakBytes, 2 * 800);
  EXPECT_EQ(g.numel(), 100); // the other argument stays
  g = g + 1.0;
}

TEST(Donation, ADonatedTensorSaysWhereItWent) {
  const auto f = jit(step, {.donate = {0}});
  const int line = __LINE__ - 1;
  const Tensor p = randn({3}), g = randn({3});
  f(p, g);
  EXPECT_EQ(p.shape(), Shape{3}); // what it was is still known
  const std::string use = errorOf([&] { return p + 1.0; });
  EXPECT_THAT(use, HasSubstr("DonationTest.cpp:" + std::to_string(line)));
  EXPECT_THAT(use, HasSubstr("f64[3] that was donated"));
  EXPECT_THAT(use, HasSubstr("JitOptions::donate"));
  EXPECT_THAT(errorOf([&] { return f(p, g); }), HasSubstr("donated"));
  EXPECT_THAT(errorOf([&] { return p.item<double>(); }), HasSubstr("donated"));
}

TEST(Donation, WhatSomebodyElseHoldsIsKept) {
  const auto f = jit(step, {.donate = {0}});
  const Tensor p = randn({8}), g = randn({8}), other = p;
  const Tensor row = randn({2, 8}), view = reshape(row, {16});
  const Tensor expected = p * 1.0, before = row * 1.0;
  f(p, g);
  EXPECT_TRUE(sameTensor(p, expected));
  EXPECT_EQ(f.stats().donationsKept, 1);
  f(row, randn({2, 8}));
  EXPECT_TRUE(sameTensor(reshape(view, {2, 8}), before));
  EXPECT_EQ(f.stats().donationsKept, 2);
  const Tensor twice = randn({8});
  f(twice, twice);
  EXPECT_EQ(f.stats().donationsKept, 3);
  EXPECT_EQ(f.stats().donatedBytes, 0);
  EXPECT_EQ(twice.shape(), Shape{8});
  EXPECT_TRUE(sameTensor(twice, twice * 1.0));
}

TEST(Donation, AnArgumentThatIsReadLaterStays) {
  // The second result reads p when the first is written.
  const auto f = jit(
      [](const Tensor& p, const Tensor& x) {
        const Tensor moved = matmul(p, x);
        return std::pair(moved, matmul(moved, p));
      },
      {.numerics = Numerics::strict, .donate = {0}});
  const auto eager = [](const Tensor& p, const Tensor& x) {
    return std::pair(matmul(p, x), matmul(matmul(p, x), p));
  };
  const Tensor p = randn({16, 16}), x = randn({16, 16});
  const auto expected = eager(p, x);
  EXPECT_TRUE(sameBits(f(p, x), expected));
}

TEST(Donation, TheTapeKeepsItsArguments) {
  const auto f = jit([](const Tensor& p, const Tensor& g) { return p * p * g; }, {.donate = {0}});
  const Tensor p = randn({5}), g = randn({5}).requires_grad_();
  const Tensor loss = sum(f(p, g));
  loss.backward();
  EXPECT_TRUE(allclose(g.grad(), p * p, 1e-14, 1e-14));
  EXPECT_EQ(f.stats().donationsKept, 1);
  const auto d = grad([&](const Tensor& p) { return sum(f(p, g)); })(p);
  EXPECT_TRUE(allclose(d, 2.0 * p * g, 1e-14, 1e-14));
  // In line: the outer program is what gives memory away, or not.
  EXPECT_TRUE(allclose(jit(grad([&](const Tensor& p) { return sum(f(p, g)); }))(p), d, 1e-14));
  EXPECT_TRUE(allclose(vmap(f)(p, g), p * p * g, 1e-14));
}

TEST(Donation, ArgumentsAreCountedFromNought) {
  const auto f = jit(step, {.donate = {2}});
  EXPECT_THAT(errorOf([&] { f(randn({2}), randn({2})); }),
              HasSubstr("expected donate to name arguments from 0 to 1, got 2"));
}

// Parameters and both moments of every network stay where they are from the second step on.
TEST(Donation, TrainingUpdatesParametersInPlace) {
  manual_seed(5);
  const steps::Cnn1d model;
  const auto batch = steps::Cnn1d::batch(40);
  const optim::Rule rule = optim::adam({.lr = 0.01});
  const auto eager = steps::trainingStep(model, rule);
  const auto f = jit(eager, {.numerics = Numerics::strict, .donate = {0, 1}});
  nn::State p = model.parameter_dict(), q = p;
  auto s = rule.init(p), t = s;
  Tensor loss, expected;
  for (int i = 0; i < 4; ++i) {
    std::map<std::string, const std::byte*> places;
    for (const auto& [name, value] : q)
      places[name] = dataOf(value);
    std::tie(expected, p, s) = eager(p, s, batch.x, batch.y);
    std::tie(loss, q, t) = f(q, t, batch.x, batch.y);
    EXPECT_TRUE(sameTensor(loss, expected)) << i;
    for (const auto& [name, value] : q)
      EXPECT_EQ(dataOf(value) == places[name], i > 0) << name;
  }
  EXPECT_TRUE(sameBits(q, p));
  int64_t state = 0;
  for (const auto& [name, value] : q)
    state += value.type().bytes();
  EXPECT_GE(f.stats().donatedBytes, 3 * 3 * state);
}

} // namespace
} // namespace diptych::test
