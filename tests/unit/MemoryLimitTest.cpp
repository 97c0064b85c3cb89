// Programs within a limit: arrays computed again, the same bits, and what is said where that does
// not suffice. Peaks of W1 and W8 against eager's, in bytes.
#include "SameBits.h"
#include "benchmarks/Portfolio.h"
#include "examples/training_steps/Models.h"
#include "runtime/Allocator.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

// A deep network whose reverse sweep wants what stands before and after each relu.
Tensor deep(const Tensor& x) {
  Tensor h = x;
  for (int i = 0; i < 12; ++i)
    h = relu(matmul(h, h) * 0.1 + sin(h));
  return sum(h * h);
}

TEST(MemoryLimit, LessMemorySameBits) {
  const Tensor x = randn({96, 96});
  const auto free = jit(grad(deep), {.numerics = Numerics::strict});
  const Tensor expected = grad(deep)(x);
  EXPECT_TRUE(sameBits(free(x), expected));
  const int64_t most = free.stats().peakBytes;
  int64_t last = most;
  for (const int percent : {90, 80, 70}) {
    const int64_t limit = most * percent / 100;
    const auto tight = jit(grad(deep), {.numerics = Numerics::strict, .memoryLimit = limit});
    EXPECT_TRUE(sameBits(tight(x), expected)) << percent;
    EXPECT_LE(tight.stats().peakBytes, limit);
    EXPECT_LE(tight.stats().peakBytes, last);
    EXPECT_GT(tight.stats().kernelCalls, free.stats().kernelCalls);
    last = tight.stats().peakBytes;
  }
}

TEST(MemoryLimit, WhatCannotBeSaysWhatLiesThere) {
  const auto f = jit(grad(deep), {.memoryLimit = 200000});
  try {
    f(randn({96, 96}));
    FAIL() << "200 kB hold no more than argument and result";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_THAT(text, testing::HasSubstr("MemoryLimitTest.cpp:"));
    EXPECT_THAT(text, testing::HasSubstr("expected a program within memoryLimit, 200000 bytes"));
    EXPECT_THAT(text, testing::HasSubstr("MB live at "));
    EXPECT_THAT(text, testing::HasSubstr("checkpoint"));
  }
  EXPECT_EQ(f.stats().compilations, 0);
  EXPECT_THROW(jit(deep, {.memoryLimit = -1}), Error);
}

// What nobody reads before the peak is made behind it alone.
TEST(MemoryLimit, WhatIsMadeLaterIsMadeOnce) {
  auto f = [](const Tensor& x) {
    const Tensor y = exp(x), s = sum(y * y, 1, true);
    const Tensor p = pad(y, {{4, 4}, {4, 4}});
    Tensor a = matmul(x, tanh(y * s * 1e-3));
    for (int i = 0; i < 2; ++i)
      a = matmul(tanh(a + y), a);
    return sum(matmul(p, transpose(p))) + sum(matmul(a, y));
  };
  const Tensor x = randn({400, 400});
  const auto jitted = jit(f, {.numerics = Numerics::strict});
  EXPECT_TRUE(sameBits(jitted(x), f(x)));
  const std::string plan = jitted.ir("plan");
  const auto count = [&](std::string_view call) {
    int found = 0;
    for (size_t at = plan.find(call); at != std::string::npos; at = plan.find(call, at + 1))
      ++found;
    return found;
  };
  EXPECT_GE(count("exp"), 2) << plan; // computed again, and padded then
  EXPECT_EQ(count("copy("), 1) << plan;
  EXPECT_EQ(count("fill("), 1) << plan;
}

template <class F> int64_t peakOf(const F& f) {
  runtime::resetHighWater();
  const int64_t before = runtime::memoryStats().currentBytes;
  const auto results = f();
  return runtime::memoryStats().highWaterBytes - before;
}

template <class F, class... Args> void expectHalf(const F& f, const Args&... args) {
  const auto jitted = jit(f);
  jitted(args...);
  const int64_t eager = peakOf([&] { return f(args...); });
  EXPECT_LE(2 * peakOf([&] { return jitted(args...); }), eager);
}

TEST(Peaks, W1NeedsHalfOfEagers) {
  const bench::Portfolio p({250, 100, 8});
  const auto f = [](const Tensor& w, const Tensor& X, const Tensor& r) {
    return bench::objective(w, X, r);
  };
  expectHalf(f, p.w, p.X, p.r);
  expectHalf([=](const Tensor& w, const Tensor& X,
                 const Tensor& r) { return value_and_grad(f)(w, X, r).second; },
             p.w, p.X, p.r);
  expectHalf([=](const Tensor& w, const Tensor& v, const Tensor& X,
                 const Tensor& r) { return hvp(f)(w, v, X, r); },
             p.w, p.w, p.X, p.r);
}

// A step that gives its state away, against the tape's: what is held at the worst moment, results
// among it, beyond the arguments and with them. The plan knows it before the step runs.
template <class Model> void expectHalfOfAStep(const Model& model, const steps::Batch& batch) {
  const optim::Rule rule = optim::adam({.lr = 0.001});
  const auto step = steps::trainingStep(model, rule);
  int64_t inputs = batch.x.type().bytes() + batch.y.type().bytes();
  for (const auto& [name, value] : model.parameter_dict())
    inputs += 3 * value.type().bytes();
  for (const Numerics numerics : {Numerics::standard, Numerics::strict}) {
    nn::State p = model.parameter_dict();
    auto s = rule.init(p);
    const int64_t eager = peakOf([&] { return step(p, s, batch.x, batch.y); });
    const auto f = jit(step, {.numerics = numerics, .donate = {0, 1}});
    auto [expected, nextP, nextS] = step(p, s, batch.x, batch.y);
    Tensor loss;
    std::tie(loss, p, s) = f(p, s, batch.x, batch.y);
    if (numerics == Numerics::strict) {
      EXPECT_TRUE(sameTensor(loss, expected));
      EXPECT_TRUE(sameBits(p, nextP));
    }
    runtime::resetHighWater();
    const int64_t before = runtime::memoryStats().currentBytes;
    std::tie(loss, p, s) = f(p, s, batch.x, batch.y);
    const int64_t peak = runtime::memoryStats().highWaterBytes - before;
    EXPECT_LE(2 * peak, eager) << f.stats().arenaBytes << " of it the arena";
    EXPECT_LE(2 * (peak + inputs), eager + inputs) << f.stats().arenaBytes << " are the arena";
    // The plan does not know that x may be a view, which is copied first.
    EXPECT_LE(peak, f.stats().peakBytes - inputs + batch.x.type().bytes());
  }
}

TEST(Peaks, W8NeedsHalfOfEagers) {
  manual_seed(1);
  for (const int64_t n : {100, 1000})
    expectHalfOfAStep(steps::Dense(), steps::Dense::batch(n));
  expectHalfOfAStep(steps::Cnn1d(), steps::Cnn1d::batch(195));
  expectHalfOfAStep(steps::Recurrent(20), steps::Recurrent::batch(5, 8));
  for (const int64_t n : {16, 100})
    expectHalfOfAStep(steps::Tcn(), steps::Tcn::batch(n));
  for (const int64_t n : {4, 64})
    expectHalfOfAStep(steps::LeNet(), steps::LeNet::batch(n));
  for (const int64_t n : {64, 2000, 8196})
    expectHalfOfAStep(steps::FactorCnn(), steps::FactorCnn::batch(n));
}

// A kernel made norms, which are computed again for Z behind the peak, and u, which is read at the
// end: u was then made by nobody.
TEST(MemoryLimit, WhatAKernelThatRunsAgainMadeBesideKeepsItsMaker) {
  const auto f = [](const Tensor& x, const Tensor& w, const Tensor& y, const Tensor& q) {
    const Tensor u = sin(x * w), norms = sum(u * u, {1}, true);
    const Tensor Z = cumsum(norms * slice(q, 0, 0, 1), 1);
    const Tensor m = matmul(y, q), n = matmul(tanh(m), q), o = matmul(n + m, q);
    const Tensor last = matmul(Z, q) * matmul(o + m + n, q) + matmul(o + n, q);
    return sum(u * tanh(slice(last, 1, 0, 16)), {1});
  };
  manual_seed(1);
  const Tensor x = randn({1024, 16}), w = randn({1024, 16});
  const Tensor y = randn({1024, 256}), q = 0.1 * randn({256, 256});
  const auto any = jit(f);
  const Tensor expected = any(x, w, y, q);
  const int64_t limit = any.stats().peakBytes / 10 * 9;
  EXPECT_TRUE(sameBits(jit(f, {.memoryLimit = limit})(x, w, y, q), expected));
}

} // namespace
} // namespace diptych::test
