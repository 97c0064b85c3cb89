// jit and the transforms in every order, to order 4: transforms of jitted functions, jitted
// transforms, jitted functions on the tape and under a batch, captured traced values.
#include "tests/unit/SameBits.h"

#include <gmock/gmock.h>

#include <random>

namespace dt = diptych;
using namespace diptych::test;
using testing::ElementsAre;

namespace {

using Scalar1 = std::function<dt::Tensor(const dt::Tensor&)>;

//===-- Order 4 ------------------------------------------------------------------------------===//

// exp(sin x) x^3.
dt::Tensor wave(const dt::Tensor& x) { return dt::exp(dt::sin(x)) * x * x * x; }

// The first five Taylor coefficients of a function at a point.
using Taylor = std::array<double, 5>;

Taylor operator*(const Taylor& a, const Taylor& b) {
  Taylor c{};
  for (int i = 0; i < 5; ++i)
    for (int j = 0; i + j < 5; ++j)
      c[i + j] += a[i] * b[j];
  return c;
}

// y = exp(s): y' = s' y.
Taylor taylorExp(const Taylor& s) {
  Taylor y{std::exp(s[0])};
  for (int n = 1; n < 5; ++n)
    for (int i = 1; i <= n; ++i)
      y[n] += i * s[i] * y[n - i] / n;
  return y;
}

double waveDerivative(double x, int order) {
  const Taylor sine{std::sin(x), std::cos(x), -std::sin(x) / 2, -std::cos(x) / 6, std::sin(x) / 24};
  const Taylor t{x, 1};
  double factorial = 1;
  for (int i = 2; i <= order; ++i)
    factorial *= i;
  return factorial * (taylorExp(sine) * t * t * t)[order];
}

// The ways to differentiate a function of one number.
Scalar1 byGrad(Scalar1 f) { return dt::grad(f); }
Scalar1 byJacfwd(Scalar1 f) { return dt::jacfwd(f); }
Scalar1 byJacrev(Scalar1 f) { return dt::jacrev(f); }
Scalar1 byJvp(Scalar1 f) {
  return [=](const dt::Tensor& x) { return dt::jvp(f)(x, dt::ones_like(x)).second; };
}
Scalar1 byVjp(Scalar1 f) {
  return [=](const dt::Tensor& x) { return dt::vjp(f)(x, dt::ones_like(x)).second; };
}
Scalar1 compiled(Scalar1 f) { return strictJit(f); }

constexpr Scalar1 (*kWays[])(Scalar1) = {byGrad, byJvp, byJacfwd, byVjp, byJacrev};

void expectWave(const Scalar1& f, double x, int order, const std::string& how) {
  const double expected = waveDerivative(x, order);
  EXPECT_NEAR(f(dt::tensor(x)).item<double>(), expected, 1e-12 * (1 + std::abs(expected))) << how;
}

TEST(JitNesting, GradWithJitAnywhere) {
  for (int mask = 0; mask < 32; ++mask) {
    Scalar1 f = wave;
    for (int order = 0; order <= 4; ++order) {
      if (order)
        f = byGrad(f);
      if (mask >> order & 1)
        f = compiled(f);
    }
    expectWave(f, 0.7, 4, "mask " + std::to_string(mask));
  }
}

TEST(JitNesting, EveryMixOfTransforms) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    Scalar1 f = wave;
    std::string how;
    for (int order = 0; order <= 4; ++order) {
      if (order) {
        const auto way = random() % std::size(kWays);
        how += "d" + std::to_string(way);
        f = kWays[way](f);
      }
      if (random() % 2) {
        how += "j";
        f = compiled(f);
      }
    }
    expectWave(f, -1.3, 4, how);
  }
}

TEST(JitNesting, BitsDoNotDependOnWhereJitStands) {
  const double expected = byGrad(byGrad(byGrad(byGrad(wave))))(dt::tensor(0.7)).item<double>();
  EXPECT_EQ(compiled(byGrad(byGrad(byGrad(byGrad(wave)))))(dt::tensor(0.7)).item<double>(),
            expected);
  EXPECT_EQ(byGrad(byGrad(byGrad(byGrad(compiled(wave)))))(dt::tensor(0.7)).item<double>(),
            expected);
}

TEST(JitNesting, OnTheTapeToOrderFour) {
  for (const Scalar1& f : {Scalar1(wave), compiled(wave), Scalar1(dt::jit(wave))}) {
    auto x = dt::tensor(0.7).requires_grad_();
    dt::Tensor y = f(x);
    for (int order = 0; order <= 4; ++order) {
      const double expected = waveDerivative(0.7, order);
      EXPECT_NEAR(y.item<double>(), expected, 1e-12 * (1 + std::abs(expected))) << order;
      if (order < 4)
        y = dt::grad(y, x, {.create_graph = true});
    }
  }
}

TEST(JitNesting, JitOfJitOfJit) {
  auto f = dt::jit(dt::jit(dt::jit(wave)));
  EXPECT_NEAR(f(dt::tensor(0.7)).item<double>(), waveDerivative(0.7, 0), 1e-12);
  EXPECT_EQ(f.stats().compilations, 1);
}

//===-- Perturbations ------------------------------------------------------------------------===//

// d/dx (x * d/dy (x + y)) = 1, whoever is compiled.
TEST(JitPerturbations, AreNotConfused) {
  auto x = dt::tensor(1.0), one = dt::tensor(1.0);
  auto eager = [&](const dt::Tensor& x) {
    return x * dt::grad([&](const dt::Tensor& y) { return x + y; })(one);
  };
  auto innerJit = [&](const dt::Tensor& x) {
    return x * dt::grad(dt::jit([&](const dt::Tensor& y) { return x + y; }))(one);
  };
  auto innerGradJit = [&](const dt::Tensor& x) {
    return x * dt::jit(dt::grad([&](const dt::Tensor& y) { return x + y; }))(one);
  };
  auto check = [&](const Scalar1& f, const char* name) {
    EXPECT_EQ(dt::grad(f)(x).item<double>(), 1.0) << name;
    EXPECT_EQ(dt::grad(dt::jit(f))(x).item<double>(), 1.0) << name;
    EXPECT_EQ(dt::jit(dt::grad(f))(x).item<double>(), 1.0) << name;
    EXPECT_EQ(byJvp(f)(x).item<double>(), 1.0) << name;
    EXPECT_EQ(dt::jit(byJvp(f))(x).item<double>(), 1.0) << name;
    EXPECT_EQ(byJvp(dt::jit(f))(x).item<double>(), 1.0) << name;
    EXPECT_EQ(dt::jacfwd(dt::jit(f))(x).item<double>(), 1.0) << name;
    auto leaf = dt::tensor(1.0).requires_grad_();
    f(leaf).backward();
    EXPECT_EQ(leaf.grad().item<double>(), 1.0) << name;
  };
  check(eager, "eager");
  check(innerJit, "grad of jit inside");
  check(innerGradJit, "jit of grad inside");
}

// f(x) = d/dy (x^2 y^3) at y = x: 3 x^4, so f' = 12 x^3.
TEST(JitPerturbations, InnerDerivativeUsesTheOuterVariableTwice) {
  auto f = [](const dt::Tensor& x) {
    auto inner = dt::jit([&](const dt::Tensor& y) { return x * x * y * y * y; });
    return dt::grad(inner)(x);
  };
  auto x = dt::tensor(2.0);
  EXPECT_EQ(f(x).item<double>(), 48.0);
  EXPECT_EQ(dt::grad(f)(x).item<double>(), 96.0);
  EXPECT_EQ(dt::jit(dt::grad(f))(x).item<double>(), 96.0);
  EXPECT_EQ(dt::grad(dt::jit(f))(x).item<double>(), 96.0);
  EXPECT_EQ(dt::jit(dt::hessian(f))(x).item<double>(), 144.0);
  EXPECT_EQ(dt::hessian(dt::jit(f))(x).item<double>(), 144.0);
}

// One value given as two arguments has two partial derivatives.
TEST(JitPerturbations, OneValueAsTwoArguments) {
  auto product = dt::jit([](const dt::Tensor& a, const dt::Tensor& b) { return a * a * b; });
  auto x = dt::tensor(3.0);
  auto both = [&](const dt::Tensor& x) { return product(x, x); };
  EXPECT_EQ(dt::grad(both)(x).item<double>(), 27.0);
  EXPECT_EQ(dt::grad(product)(x, x).item<double>(), 18.0);
  EXPECT_EQ(dt::grad(product, 1)(x, x).item<double>(), 9.0);
  EXPECT_EQ(dt::jit(dt::grad(product, 1))(x, x).item<double>(), 9.0);
  auto leaf = dt::tensor(3.0).requires_grad_();
  product(leaf, leaf).backward();
  EXPECT_EQ(leaf.grad().item<double>(), 27.0);
}

//===-- Jacobians and Hessians ---------------------------------------------------------------===//

struct Jacobians : testing::Test {
  SmallMarket m;
  decltype(strictJit(sharpeLoss)) loss = strictJit(sharpeLoss);
};

TEST_F(Jacobians, HessianOfAJittedFunction) {
  const auto expected = dt::hessian(sharpeLoss)(m.w, m.X, m.r);
  EXPECT_TRUE(dt::allclose(dt::hessian(loss)(m.w, m.X, m.r), expected, 1e-12, 1e-15));
  EXPECT_TRUE(dt::allclose(strictJit(dt::hessian(loss))(m.w, m.X, m.r), expected, 1e-12, 1e-15));
  auto gradient = strictJit(dt::grad(loss));
  EXPECT_TRUE(dt::allclose(dt::jacrev(gradient)(m.w, m.X, m.r), expected, 1e-10, 1e-13));
  EXPECT_TRUE(dt::allclose(dt::jacfwd(gradient)(m.w, m.X, m.r), expected, 1e-10, 1e-13));
  EXPECT_TRUE(dt::allclose(dt::jacrev(dt::jacrev(loss))(m.w, m.X, m.r), expected, 1e-10, 1e-13));
}

TEST_F(Jacobians, OfJittedFunctionsAreEagersBitForBit) {
  EXPECT_TRUE(sameBits(dt::grad(loss)(m.w, m.X, m.r), dt::grad(sharpeLoss)(m.w, m.X, m.r)));
  EXPECT_TRUE(sameBits(dt::hvp(loss)(m.w, m.v, m.X, m.r), dt::hvp(sharpeLoss)(m.w, m.v, m.X, m.r)));
  EXPECT_TRUE(sameBits(dt::hessian(loss)(m.w, m.X, m.r), dt::hessian(sharpeLoss)(m.w, m.X, m.r)));
}

TEST_F(Jacobians, OfMatrices) {
  auto f = [](const dt::Tensor& x) {
    return std::pair(dt::matmul(x, dt::transpose(x)), dt::sum(dt::exp(x), 0));
  };
  auto x = dt::randn({3, 2});
  auto g = strictJit(f);
  EXPECT_TRUE(sameBits(dt::jacfwd(g)(x), dt::jacfwd(f)(x)));
  EXPECT_TRUE(sameBits(dt::jacrev(g)(x), dt::jacrev(f)(x)));
  EXPECT_TRUE(sameBits(strictJit(dt::jacfwd(g))(x), dt::jacfwd(f)(x)));
  EXPECT_TRUE(sameBits(strictJit(dt::jacrev(g))(x), dt::jacrev(f)(x)));
}

TEST_F(Jacobians, ThirdOrderOfAJittedFunction) {
  auto f = [](const dt::Tensor& x) { return dt::sum(dt::sin(x) * x * x) * dt::prod(x); };
  auto x = dt::tensor({0.5, -1.5, 2.0});
  const auto expected = dt::jacfwd(dt::hessian(f))(x);
  auto g = strictJit(f);
  EXPECT_TRUE(dt::allclose(dt::jacfwd(dt::hessian(g))(x), expected, 1e-11, 1e-12));
  EXPECT_TRUE(dt::allclose(dt::jacrev(dt::hessian(g))(x), expected, 1e-11, 1e-12));
  EXPECT_TRUE(dt::allclose(dt::jacfwd(strictJit(dt::hessian(g)))(x), expected, 1e-11, 1e-12));
  EXPECT_TRUE(dt::allclose(dt::jacrev(strictJit(dt::jacrev(strictJit(dt::grad(g)))))(x), expected,
                           1e-11, 1e-12));
}

//===-- On the tape --------------------------------------------------------------------------===//

TEST(JitTape, GradientsOfSomeInputsOnly) {
  auto f = dt::jit([](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& n) {
    return dt::sum(a * b * n.astype(dt::f64));
  });
  auto a = dt::tensor({1.0, 2.0}), b = dt::tensor({3.0, 4.0}).requires_grad_();
  auto y = f(a, b, dt::tensor({2, 3}));
  EXPECT_TRUE(y.requires_grad());
  y.backward();
  EXPECT_THAT(b.grad().to_vector<double>(), ElementsAre(2, 6));
  EXPECT_FALSE(a.grad().defined());
  EXPECT_FALSE(f(a, a, dt::tensor({2, 3})).requires_grad());
}

TEST(JitTape, SeveralOutputsSomeUnusedSomeInteger) {
  auto f = dt::jit([](const dt::Tensor& x) {
    return std::tuple(dt::sum(x * x), dt::argmax(x), dt::exp(x), x > 0.0);
  });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  {
    auto [y, at, e, positive] = f(x);
    EXPECT_FALSE(at.requires_grad());
    EXPECT_FALSE(positive.requires_grad());
    y.backward();
    EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(2, 4));
  }
  std::get<0>(f(x)).backward(); // the others are gone by now
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(4, 8));
  auto [y, at, e, positive] = f(x);
  (y * dt::sum(e)).backward();
  EXPECT_NEAR(x.grad().to_vector<double>()[0],
              4 + 2 * (std::exp(1) + std::exp(2)) + 5 * std::exp(1), 1e-12);
}

TEST(JitTape, MixesWithEagerOperators) {
  SmallMarket m;
  auto softmaxOfProduct = strictJit(
      [](const dt::Tensor& w, const dt::Tensor& X) { return dt::softmax(dt::matmul(X, w)); });
  auto mixed = [&](const dt::Tensor& w) {
    auto pnl = dt::sum(softmaxOfProduct(w, m.X) * m.r, -1);
    return -dt::mean(pnl) / dt::stddev(pnl);
  };
  auto w = (m.w + 0.0).detach().requires_grad_();
  mixed(w).backward();
  EXPECT_TRUE(sameBits(w.grad(), dt::grad(sharpeLoss)(m.w, m.X, m.r)));
}

// Where nothing flows there is no zero either, which would meet an infinite derivative.
TEST(JitTape, ResultsThatDependOnNothing) {
  const auto parts = [](const dt::Tensor& u, const dt::Tensor& c) {
    return std::tuple(u * 2.0, c * 3.0, dt::floor(u));
  };
  const auto compiled = strictJit(parts);
  const auto check = [&](const auto& derivativeOf) {
    EXPECT_TRUE(sameBits(derivativeOf(compiled), derivativeOf(parts)));
    EXPECT_TRUE(sameBits(derivativeOf(dt::jit(parts)), derivativeOf(parts)));
  };
  const dt::Tensor x = dt::tensor({0.0, 4.0}), v = dt::ones({2});
  const auto [scaled, other, whole] = compiled(dt::ones({2}).requires_grad_(), v);
  EXPECT_TRUE(scaled.requires_grad());
  EXPECT_FALSE(other.requires_grad());
  EXPECT_FALSE(whole.requires_grad());
  // The root's derivative is infinite in 0.
  const auto others = [&](auto inner) {
    return [=](const dt::Tensor& x) {
      return dt::sum(std::get<1>(inner(dt::sqrt(x), v)) * x + std::get<2>(inner(dt::sqrt(x), x)));
    };
  };
  check([&](auto inner) { return dt::grad(others(inner))(x); });
  EXPECT_THAT(dt::grad(others(compiled))(x).to_vector<double>(), ElementsAre(3, 3));
  // So is that of the root of the other result, which has no tangent.
  const auto root = [&](auto inner) {
    return [=](const dt::Tensor& y) {
      const auto [a, b, c] = inner(y, x);
      return dt::sqrt(b) + dt::sqrt(c) * 0.5 + a;
    };
  };
  check([&](auto inner) { return dt::jvp(root(inner))(v * 0.5, v).second; });
  EXPECT_THAT(dt::jvp(root(compiled))(v * 0.5, v).second.to_vector<double>(), ElementsAre(2, 2));
}

// A value read before, in and after a call: its derivative adds up as it would without the call.
TEST(JitTape, SumsGoOnInACall) {
  const auto inner = [](const dt::Tensor& x, const dt::Tensor& w) {
    return dt::sum(x * w) * 0.3 + dt::sum(dt::tanh(x) * w * w) + dt::sum(dt::exp(x * 0.1) / w);
  };
  const auto outer = [](auto inner) {
    return [=](const dt::Tensor& x, const dt::Tensor& w) {
      const dt::Tensor first = dt::sum(dt::sin(x) * w), second = inner(x, w);
      return first * second + inner(dt::tanh(x), w * 1.1) + dt::sum(x * w / (x * x + 1.7));
    };
  };
  dt::manual_seed(5);
  const dt::Tensor x = dt::randn({97}), w = dt::randn({97}) + 5.0;
  EXPECT_TRUE(sameBits(dt::grad(outer(strictJit(inner)))(x, w), dt::grad(outer(inner))(x, w)));
  EXPECT_TRUE(
      sameBits(dt::grad(outer(strictJit(inner)), 1)(x, w), dt::grad(outer(inner), 1)(x, w)));
  const dt::Tensor v = dt::ones({97});
  EXPECT_TRUE(dt::allclose(dt::hvp(outer(strictJit(inner)))(x, v, w),
                           dt::hvp(outer(inner))(x, v, w), 1e-12, 1e-12));
}

TEST(JitTape, OutputThatIsAnInput) {
  auto f = dt::jit([](const dt::Tensor& x) { return std::pair(x, dt::zeros({2})); });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  auto [same, constant] = f(x);
  dt::sum(same * same + constant).backward();
  EXPECT_THAT(x.grad().to_vector<double>(), ElementsAre(2, 4));
}

TEST(JitTape, ViewsAndEmptyTensorsHaveGradients) {
  auto f = dt::jit([](const dt::Tensor& x) {
    return dt::sum(dt::transpose(x)) + dt::sum(dt::slice(x, 0, 1, 1));
  });
  auto x = dt::ones({2, 3}).requires_grad_();
  f(x).backward();
  EXPECT_TRUE(sameBits(x.grad(), dt::ones({2, 3})));
  auto none = dt::zeros({0, 3}).requires_grad_();
  dt::jit([](const dt::Tensor& x) { return dt::sum(x * x); })(none).backward();
  EXPECT_EQ(none.grad().numel(), 0);
}

TEST(JitTape, DerivedProgramsAreKept) {
  auto f = dt::jit([](const dt::Tensor& x) { return dt::sum(dt::exp(x) * x * 0.987654321); });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  f(x).backward();
  const int64_t compiled = f.stats().kernelsCompiled;
  for (int i = 0; i < 3; ++i)
    f(x).backward();
  EXPECT_EQ(f.stats().kernelsCompiled, compiled);
}

//===-- Transforms in transforms -------------------------------------------------------------===//

// x has users before, in and after the inner transform: its cotangents are added in one order.
TEST(JitDerivatives, OfWhatIsUsedInsideATransformAndOutside) {
  auto inner = [](const dt::Tensor& x) { return x * x * x + x; };
  auto pushed = [=](const dt::Tensor& t) {
    const dt::Tensor x = dt::sin(t);
    return dt::sum(x * dt::jvp(inner)(x, dt::ones_like(x)).second * dt::cos(x));
  };
  auto pulled = [=](const dt::Tensor& t) {
    const dt::Tensor x = dt::sin(t), y = dt::exp(x);
    return dt::sum(y * dt::grad([=](const dt::Tensor& x) { return dt::sum(inner(x)); })(x) * x);
  };
  const dt::Tensor t = dt::linspace(0.1, 2.3, 23);
  const auto check = [&](auto f) {
    expectEagerBits(dt::grad(f), t);
    expectEagerBits(dt::hvp(f), t, t);
    expectEagerBits(dt::grad([=](const dt::Tensor& t) { return dt::sum(dt::grad(f)(t) * t); }), t);
  };
  check(pushed);
  check(pulled);
}

//===-- Indices ------------------------------------------------------------------------------===//

TEST(JitDerivatives, OfGatherScatterAndReductions) {
  auto f = [](const dt::Tensor& x, const dt::Tensor& i) {
    auto rows = dt::take(x, i);
    return dt::sum(rows * rows * dt::max(x, 1, true).shape(0)) + dt::sum(dt::max(x, 0)) +
           dt::prod(dt::slice(x, 1, 0, 1)) + dt::sum(dt::scatter_add(x * x, i, dt::exp(rows)));
  };
  auto x = dt::randn({5, 4});
  auto i = dt::tensor({3, 0, 3});
  auto g = dt::value_and_grad(f);
  expectEagerBits(g, x, i);
  expectEagerBits(dt::hessian(f), x, i);
}

} // namespace
