// while_loop and cond: values against C++, derivatives against closed forms and against what stands
// in their place, eager and compiled.
#include "SameBits.h"

namespace diptych::test {
namespace {

//===-- While --------------------------------------------------------------------------------===//

// Newton's method for sqrt(a).
auto newton(std::optional<int64_t> bound = {}) {
  return [bound](const Tensor& a) {
    return while_loop([&](const Tensor& x) { return abs(x * x - a) > 1e-12 * a; },
                      [&](const Tensor& x) { return 0.5 * (x + a / x); }, ones({}),
                      {.max_steps = bound});
  };
}

TEST(WhileLoop, RunsNewtonsMethod) {
  const Tensor a = tensor(7.3);
  EXPECT_TRUE(allclose(newton()(a), sqrt(a), 1e-12));
  EXPECT_TRUE(sameBits(newton(30)(a), newton()(a)));
  expectEagerBits(newton(), a);
  expectEagerBits(newton(30), a);
  EXPECT_TRUE(sameBits(newton(0)(a), ones({})));
  expectEagerBits(newton(0), a);
  expectEagerBits(newton(1), a);
  expectEagerBits(newton(2), a);
}

TEST(WhileLoop, HasForwardDerivatives) {
  const Tensor a = tensor(7.3);
  const Tensor first = 0.5 / sqrt(a), second = -0.25 / (a * sqrt(a));
  EXPECT_TRUE(allclose(jacfwd(newton())(a), first, 1e-10));
  EXPECT_TRUE(allclose(jacfwd(jacfwd(newton()))(a), second, 1e-4));
  expectEagerBits(jacfwd(newton()), a);
  expectEagerBits(jacfwd(jacfwd(newton())), a);
}

TEST(WhileLoop, WithABoundHasReverseDerivatives) {
  const Tensor a = tensor(7.3);
  EXPECT_TRUE(allclose(grad(newton(20))(a), jacfwd(newton())(a), 1e-12));
  EXPECT_TRUE(allclose(grad(grad(newton(20)))(a), jacfwd(jacfwd(newton()))(a), 1e-11));
  EXPECT_TRUE(allclose(jacfwd(grad(newton(20)))(a), jacfwd(jacfwd(newton()))(a), 1e-11));
  expectEagerBits(grad(newton(20)), a);
  expectEagerBits(grad(grad(newton(20))), a);
  expectEagerBits(hessian(newton(20)), a);
}

TEST(WhileLoop, OfABatchGoesOnWhileAnyExampleDoes) {
  const Tensor many = tensor({0.5, 4.0, 123.0, 1.0});
  EXPECT_TRUE(allclose(vmap(newton())(many), sqrt(many), 1e-12));
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(sameBits(select(vmap(newton())(many), 0, i), newton()(select(many, 0, i))));
  EXPECT_TRUE(allclose(vmap(grad(newton(20)))(many), vmap(jacfwd(newton()))(many), 1e-12));
  expectEagerBits(vmap(newton()), many);
  expectEagerBits(vmap(grad(newton(20))), many);
  expectEagerBits(vmap(jacfwd(newton())), many);
  // A condition that all examples share.
  auto counted = [](const Tensor& x) {
    using State = std::pair<Tensor, Tensor>;
    return while_loop([](const State& s) { return s.second < 3; },
                      [](const State& s) { return State(s.first * s.first, s.second + 1); },
                      State(x, tensor<int64_t>(0)))
        .first;
  };
  EXPECT_TRUE(sameBits(vmap(counted)(many), counted(many)));
  expectEagerBits(vmap(counted), many);
}

//===-- Cond ---------------------------------------------------------------------------------===//

auto branching() {
  return [](const Tensor& x, const Tensor& y) {
    return cond(
        sum(x) > 0, [](const Tensor& x, const Tensor& y) { return sum(sin(x) * y); },
        [&](const Tensor& x, const Tensor&) { return sum(x * x) + 2 * sum(y); }, x, y);
  };
}

TEST(Cond, HasTheDerivativesOfTheBranchThatIsTaken) {
  const Tensor up = tensor({1.0, 2.0}), down = tensor({-1.0, -3.0}), y = tensor({0.5, 0.25});
  auto f = branching();
  EXPECT_TRUE(sameBits(f(up, y), sum(sin(up) * y)));
  EXPECT_TRUE(sameBits(f(down, y), sum(down * down) + 2 * sum(y)));
  EXPECT_TRUE(allclose(grad(f)(up, y), cos(up) * y, 1e-15));
  EXPECT_TRUE(allclose(grad(f)(down, y), 2 * down, 1e-15));
  EXPECT_TRUE(allclose(grad(f, 1)(up, y), sin(up), 1e-15));
  EXPECT_TRUE(allclose(grad(f, 1)(down, y), full({2}, 2.0), 1e-15));
  EXPECT_TRUE(allclose(hessian(f)(down, y), 2 * eye(2), 1e-15));
  EXPECT_TRUE(allclose(jvp(f)(up, y, y).second, sum(cos(up) * y * y), 1e-15));
  for (const Tensor& x : {up, down}) {
    expectEagerBits(f, x, y);
    expectEagerBits(grad(f, {0, 1}), x, y);
    expectEagerBits(hessian(f), x, y);
    expectEagerBits(jacrev(grad(f)), x, y);
  }
  const Tensor leaf = down.detach().requires_grad_();
  f(leaf, y).backward();
  EXPECT_TRUE(sameBits(leaf.grad(), grad(f)(down, y)));
}

TEST(Cond, ComputesOneBranchAlone) {
  // The other branch would read out of bounds.
  auto f = [](const Tensor& x, const Tensor& i) {
    return cond(i < 3, [&] { return take(x, i); }, [&] { return sum(x); });
  };
  const Tensor x = tensor({1.0, 2.0, 3.0});
  EXPECT_EQ(f(x, tensor<int64_t>(1)).item<double>(), 2);
  EXPECT_EQ(f(x, tensor<int64_t>(7)).item<double>(), 6);
  EXPECT_EQ(jit(f)(x, tensor<int64_t>(7)).item<double>(), 6);
}

TEST(Cond, ChoosesForEachExample) {
  const Tensor many = tensor({{1.0, 2.0}, {-1.0, -3.0}, {-1.0, 4.0}}), y = tensor({0.5, 0.25});
  auto f = branching();
  const Tensor got = vmap(f, {0, unbatched})(many, y);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(allclose(select(got, 0, i), f(select(many, 0, i), y), 1e-15));
  const Tensor slopes = vmap(grad(f), {0, unbatched})(many, y);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_TRUE(allclose(select(slopes, 0, i), grad(f)(select(many, 0, i), y), 1e-15));
  expectEagerBits(vmap(f, {0, unbatched}), many, y);
  expectEagerBits(vmap(grad(f), {0, unbatched}), many, y);
  // One predicate for all.
  auto shared = [&](const Tensor& x) {
    return cond(sum(y) > 0, [&] { return x * y; }, [&] { return x; });
  };
  EXPECT_TRUE(sameBits(vmap(shared)(many), many * y));
  expectEagerBits(vmap(grad([=](const Tensor& x) { return sum(shared(x)); })), many);
}

TEST(Cond, StandsInLoopsAndHoldsThem) {
  manual_seed(11);
  const Tensor start = 0.5 * randn({3, 3});
  auto f = [](const Tensor& W) {
    return sum(fori_loop(
        0, 6,
        [&](const Tensor& i, const Tensor& s) {
          return cond(
              i < 3, [&](const Tensor& s) { return sin(matmul(W, s)); },
              [&](const Tensor& s) {
                return fori_loop(
                    0, 2, [&](const Tensor&, const Tensor& s) { return s + 0.1 * sum(W, 0); }, s);
              },
              s);
        },
        sum(W, 1)));
  };
  auto plain = [](const Tensor& W) {
    Tensor s = sum(W, 1);
    for (int i = 0; i < 6; ++i)
      s = i < 3 ? sin(matmul(W, s)) : s + 0.1 * sum(W, 0) + 0.1 * sum(W, 0);
    return sum(s);
  };
  EXPECT_TRUE(allclose(f(start), plain(start), 1e-13));
  EXPECT_TRUE(allclose(grad(f)(start), grad(plain)(start), 1e-12));
  EXPECT_TRUE(allclose(hessian(f)(start), hessian(plain)(start), 1e-11, 1e-12));
  expectEagerBits(f, start);
  expectEagerBits(grad(f), start);
  expectEagerBits(hessian(f), start);
}

} // namespace
} // namespace diptych::test
