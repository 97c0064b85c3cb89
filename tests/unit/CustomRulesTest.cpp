// custom_vjp, custom_jvp, checkpoint: against the same function differentiated step by step, in
// every nesting, eager and compiled.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

Tensor wave(const Tensor& x) { return sin(x) * x; }

// sin(x) x with its derivative written out; the rule uses the argument, the result, and a number.
auto ruledWave() {
  return custom_vjp([](const Tensor& x) { return wave(x); },
                    [](const Tensor& x, const Tensor& y, const Tensor& cotangent) {
                      return cotangent * (where(x == 0, 0, y / x) + x * cos(x));
                    });
}
auto pushedWave() {
  return custom_jvp([](const Tensor& x) { return wave(x); },
                    [](const Tensor& x, const Tensor& y, const Tensor& tangent) {
                      return tangent * (where(x == 0, 0, y / x) + x * cos(x));
                    });
}

struct Point {
  Point() {
    manual_seed(7);
    x = randn({6});
    v = randn({6});
    M = randn({6, 6});
  }
  Tensor x, v, M;
};

template <class F> void expectDerivativesOfWave(F ruled) {
  const Point p;
  auto f = [ruled](const Tensor& x) { return sum(ruled(x) * exp(x)); };
  auto plain = [](const Tensor& x) { return sum(wave(x) * exp(x)); };
  EXPECT_TRUE(sameBits(ruled(p.x), wave(p.x)));
  EXPECT_TRUE(allclose(grad(f)(p.x), grad(plain)(p.x), 1e-12));
  EXPECT_TRUE(allclose(hessian(f)(p.x), hessian(plain)(p.x), 1e-11, 1e-12));
  EXPECT_TRUE(allclose(jacrev(grad(f))(p.x), hessian(plain)(p.x), 1e-11, 1e-12));
  EXPECT_TRUE(allclose(jvp(f)(p.x, p.v).second, jvp(plain)(p.x, p.v).second, 1e-12));
  EXPECT_TRUE(allclose(jacfwd(hessian(f))(p.x), jacfwd(hessian(plain))(p.x), 1e-10, 1e-10));
  EXPECT_TRUE(allclose(vmap(grad(f))(p.M), vmap(grad(plain))(p.M), 1e-12));
  auto many = [=](const Tensor& M) { return sum(vmap(ruled)(M) * M); };
  auto plainMany = [](const Tensor& M) { return sum(wave(M) * M); };
  EXPECT_TRUE(allclose(grad(many)(p.M), grad(plainMany)(p.M), 1e-12));
  EXPECT_TRUE(allclose(hvp(many)(p.M, p.M), hvp(plainMany)(p.M, p.M), 1e-11, 1e-12));
  expectEagerBits(f, p.x);
  expectEagerBits(grad(f), p.x);
  expectEagerBits(hessian(f), p.x);
  expectEagerBits(jacrev(grad(f)), p.x);
  expectEagerBits(vmap(grad(f)), p.M);
  expectEagerBits(grad(many), p.M);
  auto compiled = strictJit(f); // differentiated from outside
  EXPECT_TRUE(sameBits(grad(compiled)(p.x), grad(f)(p.x)));
  EXPECT_TRUE(sameBits(hessian(compiled)(p.x), hessian(f)(p.x)));
  EXPECT_TRUE(sameBits(vmap(grad(compiled))(p.M), vmap(grad(f))(p.M)));
  EXPECT_TRUE(allclose(jit(hessian(f))(p.x), hessian(plain)(p.x), 1e-11, 1e-12));
}

TEST(CustomVjp, HasTheDerivativesOfItsRule) { expectDerivativesOfWave(ruledWave()); }
TEST(CustomJvp, HasTheDerivativesOfItsRule) { expectDerivativesOfWave(pushedWave()); }

TEST(CustomVjp, UsesTheRuleAndNothingElse) {
  const Tensor x = tensor({-3.0, 0.5, 3.0});
  auto clipped =
      custom_vjp([](const Tensor& x) { return x * 1; },
                 [](const Tensor&, const Tensor&, const Tensor& c) { return clamp(c, -1, 1); });
  auto f = [=](const Tensor& x) { return sum(5 * clipped(x)); };
  EXPECT_TRUE(sameBits(grad(f)(x), ones({3})));
  EXPECT_TRUE(sameBits(jit(grad(f))(x), ones({3})));
  EXPECT_TRUE(sameBits(grad(jit(f))(x), ones({3})));
  const Tensor leaf = x.detach().requires_grad_();
  f(leaf).backward();
  EXPECT_TRUE(sameBits(leaf.grad(), ones({3})));
}

TEST(CustomVjp, TakesTreesNumbersAndIntegers) {
  const Point p;
  using Pair = std::pair<Tensor, Tensor>;
  auto f = custom_vjp(
      [](const Pair& ab, const Tensor& rows, double scale) {
        return std::pair(scale * take(ab.first, rows), sum(ab.second));
      },
      [](const Pair& ab, const Tensor& rows, double scale, const auto&, const Pair& c) {
        return std::pair(scale * scatter_add(zeros_like(ab.first), rows, c.first),
                         broadcast_to(c.second, ab.second.shape()));
      });
  auto loss = [=](const Pair& ab, const Tensor& rows) {
    const auto [picked, total] = f(ab, rows, 3.0);
    return sum(picked * picked) * total;
  };
  auto plain = [](const Pair& ab, const Tensor& rows) {
    const Tensor picked = 3.0 * take(ab.first, rows);
    return sum(picked * picked) * sum(ab.second);
  };
  const Pair ab{p.x, p.v};
  const Tensor rows = tensor({0, 3, 3, 5});
  const Pair got = grad(loss)(ab, rows), expected = grad(plain)(ab, rows);
  EXPECT_TRUE(allclose(got.first, expected.first, 1e-12));
  EXPECT_TRUE(allclose(got.second, expected.second, 1e-12));
  expectEagerBits(grad(loss), ab, rows);
  const auto tangents = jvp(loss)(ab, ab, rows).second;
  EXPECT_TRUE(allclose(tangents, jvp(plain)(ab, ab, rows).second, 1e-12));
}

TEST(CustomVjp, RuleSeesResultsThatTheCallerDropped) {
  const Point p;
  auto saved = custom_vjp([](const Tensor& x) { return std::pair(sin(x), cos(x)); },
                          [](const Tensor&, const auto& y, const auto& c) {
                            return c.first * y.second - c.second * y.first;
                          });
  auto f = [=](const Tensor& x) { return sum(saved(x).first); };
  EXPECT_TRUE(allclose(grad(f)(p.x), cos(p.x), 1e-15));
  EXPECT_TRUE(allclose(hessian(f)(p.x), hessian([](const Tensor& x) { return sum(sin(x)); })(p.x),
                       1e-15, 1e-15));
  EXPECT_TRUE(allclose(jacrev(grad(f))(p.x), hessian(f)(p.x), 1e-15, 1e-15));
  expectEagerBits(grad(f), p.x);
  const Tensor leaf = p.x.detach().requires_grad_();
  f(leaf).backward();
  EXPECT_TRUE(allclose(leaf.grad(), cos(p.x), 1e-15));
}

TEST(CustomVjp, NestsInItself) {
  const Point p;
  auto inner = ruledWave();
  auto outer = custom_vjp([=](const Tensor& x) { return inner(inner(x)); },
                          [=](const Tensor& x, const Tensor&, const Tensor& c) {
                            const Tensor y = inner(x);
                            return vjp(inner)(x, vjp(inner)(y, c).second).second;
                          });
  auto f = [=](const Tensor& x) { return sum(outer(x) * x); };
  auto plain = [](const Tensor& x) { return sum(wave(wave(x)) * x); };
  EXPECT_TRUE(allclose(hessian(f)(p.x), hessian(plain)(p.x), 1e-10, 1e-11));
  expectEagerBits(grad(f), p.x);
  expectEagerBits(hessian(f), p.x);
}

//===-- Checkpoint ---------------------------------------------------------------------------===//

Tensor layer(const Tensor& x, const Tensor& M) { return tanh(matmul(M, sin(x))) * x + exp(-x * x); }

// x is used inside and outside, so that the order in which its cotangents are added shows.
template <class Layer> auto network(Layer layer) {
  return [layer](const Tensor& x, const Tensor& M) {
    const Tensor a = layer(x, M), b = layer(a, M), c = layer(b, M);
    return sum(c * x) + sum(a * b) + sum(sin(x) * a);
  };
}

TEST(Checkpoint, KeepsEveryBit) {
  const Point p;
  auto kept = network(layer);
  auto again = network([](const Tensor& x, const Tensor& M) { return checkpoint(layer)(x, M); });
  auto captured = network([](const Tensor& x, const Tensor& M) {
    return checkpoint([M](const Tensor& x) { return layer(x, M); })(x);
  });
  auto nested = network([](const Tensor& x, const Tensor& M) {
    return checkpoint([](const Tensor& x, const Tensor& M) { return checkpoint(layer)(x, M); })(x,
                                                                                                M);
  });
  const auto expectSame = [&](auto f) {
    EXPECT_TRUE(sameBits(f(p.x, p.M), kept(p.x, p.M)));
    EXPECT_TRUE(sameBits(grad(f, {0, 1})(p.x, p.M), grad(kept, {0, 1})(p.x, p.M)));
    EXPECT_TRUE(allclose(hessian(f)(p.x, p.M), hessian(kept)(p.x, p.M), 1e-11, 1e-11));
    EXPECT_TRUE(allclose(jacrev(grad(f))(p.x, p.M), hessian(kept)(p.x, p.M), 1e-11, 1e-11));
    EXPECT_TRUE(sameBits(jvp(f)(p.x, p.v, p.M).second, jvp(kept)(p.x, p.v, p.M).second));
    EXPECT_TRUE(sameBits(vmap(grad(f), {0, unbatched})(p.M, p.M),
                         vmap(grad(kept), {0, unbatched})(p.M, p.M)));
    expectEagerBits(f, p.x, p.M);
    expectEagerBits(grad(f, {0, 1}), p.x, p.M);
    expectEagerBits(hessian(f), p.x, p.M);
    expectEagerBits(vmap(grad(f), {0, unbatched}), p.M, p.M);
    auto compiled = strictJit(f);
    EXPECT_TRUE(sameBits(grad(compiled, {0, 1})(p.x, p.M), grad(kept, {0, 1})(p.x, p.M)));
    const Tensor x = p.x.detach().requires_grad_(), M = p.M.detach().requires_grad_();
    f(x, M).backward();
    EXPECT_TRUE(sameBits(x.grad(), grad(kept)(p.x, p.M)));
    EXPECT_TRUE(sameBits(M.grad(), grad(kept, 1)(p.x, p.M)));
  };
  expectSame(again);
  expectSame(captured);
  expectSame(nested);
}

TEST(Checkpoint, TakesTheSameTensorTwice) {
  const Point p;
  auto product = [](const Tensor& a, const Tensor& b) { return sin(a) * b; };
  auto again = [=](const Tensor& x) { return sum(checkpoint(product)(x, x)); };
  auto kept = [=](const Tensor& x) { return sum(product(x, x)); };
  EXPECT_TRUE(sameBits(grad(again)(p.x), grad(kept)(p.x)));
  EXPECT_TRUE(sameBits(jvp(again)(p.x, p.v).second, jvp(kept)(p.x, p.v).second));
  expectEagerBits(grad(again), p.x);
  expectEagerBits(hessian(again), p.x);
}

TEST(Checkpoint, RunsAgainForTheReverseSweepAlone) {
  const Point p;
  auto runs = std::make_shared<int>(0);
  auto counted = [runs](const Tensor& x) { return ++*runs, sin(exp(x)); };
  auto f = [=](const Tensor& x) { return sum(checkpoint(counted)(x)); };
  f(p.x);
  EXPECT_EQ(*runs, 1);
  grad(f)(p.x);
  EXPECT_EQ(*runs, 3);
}

TEST(Checkpoint, TakesLessMemoryCompiled) {
  manual_seed(1);
  const Tensor x = randn({20000});
  const auto deep = [](auto block) {
    return [block](Tensor x) {
      for (int i = 0; i < 6; ++i)
        x = block(x);
      return sum(x * x);
    };
  };
  auto block = [](Tensor x) {
    for (int i = 0; i < 6; ++i)
      x = tanh(x + mean(x)); // the sum keeps the steps apart
    return x;
  };
  auto kept = jit(grad(deep(block)));
  auto again = jit(grad(deep([=](const Tensor& x) { return checkpoint(block)(x); })));
  EXPECT_TRUE(allclose(again(x), kept(x), 1e-10, 1e-12));
  EXPECT_LT(again.stats().arenaBytes, kept.stats().arenaBytes);
}

} // namespace
} // namespace diptych::test
