// Transforms in eager mode: closed forms, every nesting to order 4, trees, captured tensors. The
// compiled mode runs the same functions in its own tests.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dt = diptych;
using testing::Each;
using testing::ElementsAre;

namespace {

std::vector<double> numbers(const dt::Tensor& x) { return x.astype(dt::f64).to_vector<double>(); }

double number(const dt::Tensor& x) { return x.item<double>(); }

dt::Tensor cubes(const dt::Tensor& x) { return dt::sum(x * x * x); }

// W1 of the workloads, small: softmax positions, Sharpe ratio.
dt::Tensor loss(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& r) {
  auto position = dt::softmax(dt::matmul(X, w), -1);
  auto pnl = dt::sum(position * r, -1);
  return -dt::mean(pnl) / dt::stddev(pnl);
}

struct Market {
  Market() {
    dt::manual_seed(3);
    w = dt::randn({3});
    X = dt::randn({12, 5, 3});
    r = 0.1 * dt::randn({12, 5});
    v = dt::randn({3});
  }
  dt::Tensor w, X, r, v;
};

dt::Tensor difference(const std::function<dt::Tensor(const dt::Tensor&)>& f, const dt::Tensor& x,
                      const dt::Tensor& v, double h = 1e-5) {
  return (f(x + h * v) - f(x - h * v)) / (2 * h);
}

//===-- First and second order ---------------------------------------------------------------===//

TEST(Grad, IsThatOfTheClosedForm) {
  auto x = dt::tensor({1.0, 2.0});
  EXPECT_THAT(numbers(dt::grad(cubes)(x)), ElementsAre(3, 12));
  auto [value, gradient] = dt::value_and_grad(cubes)(x);
  EXPECT_EQ(value.item<double>(), 9.0);
  EXPECT_THAT(numbers(gradient), ElementsAre(3, 12));
  EXPECT_EQ(gradient.data<double>()[1], 12.0);
}

TEST(Grad, ChoosesArguments) {
  auto f = [](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& c) {
    return dt::sum(a * b * b * c);
  };
  auto a = dt::tensor(2.0), b = dt::tensor(3.0), c = dt::tensor(5.0);
  EXPECT_EQ(dt::grad(f, 1)(a, b, c).item<double>(), 60.0);
  auto both = dt::grad(f, {0, 2})(a, b, c);
  ASSERT_EQ(both.size(), 2u);
  EXPECT_EQ(both[0].item<double>(), 45.0);
  EXPECT_EQ(both[1].item<double>(), 18.0);
  auto [value, all] = dt::value_and_grad(f, {2, 1, 0})(a, b, c);
  EXPECT_EQ(value.item<double>(), 90.0);
  EXPECT_EQ(all[0].item<double>(), 18.0);
  EXPECT_EQ(all[2].item<double>(), 45.0);
}

TEST(Grad, AcceptsAnyCallable) {
  auto x = dt::tensor({1.0, 2.0});
  const std::vector<double> expected{3, 12};
  std::function<dt::Tensor(const dt::Tensor&)> function = cubes;
  struct Functor {
    dt::Tensor operator()(dt::Tensor x) const { return cubes(x); }
  };
  int calls = 0;
  auto counting = [calls](auto x) mutable { return ++calls, cubes(x); };
  EXPECT_EQ(numbers(dt::grad(&cubes)(x)), expected);
  EXPECT_EQ(numbers(dt::grad(function)(x)), expected);
  EXPECT_EQ(numbers(dt::grad(Functor())(x)), expected);
  EXPECT_EQ(numbers(dt::grad(counting)(x)), expected);
  EXPECT_EQ(numbers(dt::grad([](auto x) { return cubes(x); })(x)), expected);
}

TEST(Grad, KeepsItsOwnCopyOfTheCallable) {
  auto make = [] {
    auto factor = dt::tensor(2.0);
    return dt::grad([factor](const dt::Tensor& x) { return dt::sum(x * factor); });
  };
  auto gradient = make();
  EXPECT_THAT(numbers(gradient(dt::tensor({1.0, 1.0}))), ElementsAre(2, 2));
}

TEST(Grad, PassesWhatHoldsNoTensorThrough) {
  auto f = [](const dt::Tensor& x, double power, const std::string& name) {
    return name == "sum" ? dt::sum(dt::pow(x, power)) : dt::prod(x);
  };
  EXPECT_THAT(numbers(dt::grad(f)(dt::tensor({1.0, 2.0}), 3.0, "sum")), ElementsAre(3, 12));
}

TEST(Grad, IsZeroWhereNothingFlows) {
  auto f = [](const dt::Tensor& x) { return dt::sum(dt::stop_gradient(x) * 2.0); };
  EXPECT_THAT(numbers(dt::grad(f)(dt::ones({3}))), Each(0.0));
  auto constant = [](const dt::Tensor&) { return dt::tensor(1.0); };
  EXPECT_THAT(numbers(dt::grad(constant)(dt::ones({2}))), Each(0.0));
  EXPECT_THAT(numbers(dt::hessian(constant)(dt::ones({2}))), Each(0.0));
}

TEST(Grad, AgreesWithDifferences) {
  const Market m;
  auto f = [&](const dt::Tensor& w) { return loss(w, m.X, m.r); };
  auto slope = dt::dot(dt::grad(loss)(m.w, m.X, m.r), m.v);
  EXPECT_NEAR(slope.item<double>(), difference(f, m.w, m.v).item<double>(), 1e-8);
}

TEST(Vjp, PullsBackAndJvpPushesForward) {
  auto f = [](const dt::Tensor& x, const dt::Tensor& s) { return dt::exp(x) * s; };
  auto x = dt::tensor({0.0, 1.0}), s = dt::tensor(2.0);
  auto u = dt::tensor({1.0, 3.0}), v = dt::tensor({-1.0, 0.5});
  auto [value, pulled] = dt::vjp(f)(x, u, s);
  auto [same, pushed] = dt::jvp(f)(x, v, s);
  EXPECT_EQ(numbers(value), numbers(f(x, s)));
  EXPECT_EQ(numbers(same), numbers(value));
  EXPECT_NEAR(dt::dot(pulled, v).item<double>(), dt::dot(u, pushed).item<double>(), 1e-14);
  EXPECT_EQ(numbers(pushed), numbers(dt::exp(x) * 2.0 * v));
}

TEST(Hvp, IsTheHessianTimesTheVector) {
  const Market m;
  auto H = dt::hessian(loss)(m.w, m.X, m.r);
  EXPECT_EQ(H.type().str(), "f64[3,3]");
  auto Hv = dt::hvp(loss)(m.w, m.v, m.X, m.r);
  EXPECT_TRUE(dt::allclose(dt::matmul(H, m.v), Hv, 1e-12));
  EXPECT_TRUE(dt::allclose(H, dt::transpose(H), 1e-12));
  auto byDifference =
      difference([&](const dt::Tensor& w) { return dt::grad(loss)(w, m.X, m.r); }, m.w, m.v);
  EXPECT_TRUE(dt::allclose(Hv, byDifference, 1e-6));
}

TEST(Jacobian, HasOutputThenInputShape) {
  auto f = [](const dt::Tensor& x) { return dt::stack({x, x * x}); };
  auto x = dt::reshape(dt::arange(6), {2, 3}).astype(dt::f64);
  auto forward = dt::jacfwd(f)(x);
  EXPECT_EQ(forward.type().str(), "f64[2,2,3,2,3]");
  auto reverse = dt::jacrev(f)(x);
  EXPECT_EQ(numbers(forward), numbers(reverse));
  // d (x_12)^2 / d x_12 = 2 * 5
  EXPECT_EQ(dt::reshape(forward, {12, 6}).to_vector<double>()[11 * 6 + 5], 10.0);
  EXPECT_EQ(dt::jacfwd(cubes)(dt::ones({2})).type().str(), "f64[2]");
}

TEST(Jacobian, OfSeveralOutputsIsATree) {
  auto f = [](const dt::Tensor& x) { return std::pair(dt::sum(x), x * x); };
  auto [row, square] = dt::jacrev(f)(dt::tensor({1.0, 2.0}));
  EXPECT_THAT(numbers(row), ElementsAre(1, 1));
  EXPECT_THAT(numbers(square), ElementsAre(2, 0, 0, 4));
  auto [row2, square2] = dt::jacfwd(f)(dt::tensor({1.0, 2.0}));
  EXPECT_EQ(numbers(row), numbers(row2));
  EXPECT_EQ(numbers(square), numbers(square2));
}

TEST(Jacobian, OfNothingIsEmpty) {
  auto f = [](const dt::Tensor& x) { return x * 2.0; };
  EXPECT_EQ(dt::jacfwd(f)(dt::zeros({0})).type().str(), "f64[0,0]");
  EXPECT_EQ(dt::jacrev(f)(dt::zeros({0, 2})).type().str(), "f64[0,2,0,2]");
}

TEST(Jacobian, TakesAnArgumentNumber) {
  auto f = [](const dt::Tensor& a, const dt::Tensor& b) { return dt::matmul(a, b); };
  auto a = dt::tensor({{1.0, 2.0}, {3.0, 4.0}}), b = dt::tensor({1.0, 1.0});
  EXPECT_EQ(numbers(dt::jacfwd(f, 1)(a, b)), numbers(a));
  EXPECT_EQ(numbers(dt::jacrev(f, 1)(a, b)), numbers(a));
}

//===-- Nesting ------------------------------------------------------------------------------===//

// sum x^5: the derivatives are 5 x^4, 20 x^3, 60 x^2, 120 x.
dt::Tensor fifths(const dt::Tensor& x) { return dt::sum(x * x * x * x * x); }

// The directional derivative along ones, by one reverse or one tangent sweep.
struct Reverse {
  template <class F> auto operator()(F f) const {
    return [f](const dt::Tensor& x) {
      return dt::sum(dt::grad([f](const dt::Tensor& x) { return f(x); })(x));
    };
  }
};
struct Forward {
  template <class F> auto operator()(F f) const {
    return [f](const dt::Tensor& x) { return dt::jvp(f)(x, dt::ones_like(x)).second; };
  }
};

template <class A, class B, class C, class D> void expectFourthOrder() {
  auto x = dt::tensor({0.5, -1.5});
  auto first = A()(fifths);
  auto second = B()(first);
  auto third = C()(second);
  auto fourth = D()(third);
  EXPECT_NEAR(number(first(x)), 5 * (0.0625 + 5.0625), 1e-12);
  EXPECT_NEAR(number(second(x)), 20 * (0.125 - 3.375), 1e-12);
  EXPECT_NEAR(number(third(x)), 60 * (0.25 + 2.25), 1e-12);
  EXPECT_NEAR(number(fourth(x)), 120 * (0.5 - 1.5), 1e-12);
}

TEST(Nesting, EveryMixOfFourOrders) {
  using R = Reverse;
  using F = Forward;
  expectFourthOrder<R, R, R, R>();
  expectFourthOrder<R, R, R, F>();
  expectFourthOrder<R, R, F, R>();
  expectFourthOrder<R, R, F, F>();
  expectFourthOrder<R, F, R, R>();
  expectFourthOrder<R, F, R, F>();
  expectFourthOrder<R, F, F, R>();
  expectFourthOrder<R, F, F, F>();
  expectFourthOrder<F, R, R, R>();
  expectFourthOrder<F, R, R, F>();
  expectFourthOrder<F, R, F, R>();
  expectFourthOrder<F, R, F, F>();
  expectFourthOrder<F, F, R, R>();
  expectFourthOrder<F, F, R, F>();
  expectFourthOrder<F, F, F, R>();
  expectFourthOrder<F, F, F, F>();
}

TEST(Nesting, JacobiansOfJacobians) {
  auto x = dt::tensor({1.0, 2.0});
  auto third = dt::jacfwd(dt::hessian(cubes))(x);
  EXPECT_EQ(third.type().str(), "f64[2,2,2]");
  EXPECT_THAT(numbers(third), ElementsAre(6, 0, 0, 0, 0, 0, 0, 6));
  EXPECT_EQ(numbers(dt::jacrev(dt::hessian(cubes))(x)), numbers(third));
  EXPECT_EQ(numbers(dt::jacfwd(dt::jacrev(dt::grad(cubes)))(x)), numbers(third));
  EXPECT_EQ(numbers(dt::jacrev(dt::jacrev(dt::grad(cubes)))(x)), numbers(third));
  EXPECT_THAT(numbers(dt::hessian(dt::hessian(
                  [](const dt::Tensor& x) { return dt::sum(x * x * x * x); }))(dt::tensor({2.0}))),
              ElementsAre(24));
}

TEST(Nesting, InnerDerivativeOfAnotherVariable) {
  // f(x) = x * d/dy (x y^2) at y = x: 2 x^3, so f' = 6 x^2; a confusion of x and y gives less.
  auto f = [](const dt::Tensor& x) {
    auto inner = dt::grad([&](const dt::Tensor& y) { return x * y * y; });
    return x * inner(x);
  };
  EXPECT_EQ(dt::grad(f)(dt::tensor(2.0)).item<double>(), 24.0);
  auto pushed = dt::jvp(f)(dt::tensor(2.0), dt::tensor(1.0));
  EXPECT_EQ(pushed.second.item<double>(), 24.0);
}

TEST(Nesting, PerturbationsAreNotConfused) {
  // Siskind and Pearlmutter: d/dx (x * d/dy (x + y) at 1) at 1 is 1, not 2.
  auto f = [](const dt::Tensor& x) {
    auto inner = [&](const dt::Tensor& y) { return x + y; };
    return x * dt::jvp(inner)(dt::tensor(1.0), dt::tensor(1.0)).second;
  };
  EXPECT_EQ(dt::jvp(f)(dt::tensor(1.0), dt::tensor(1.0)).second.item<double>(), 1.0);
  EXPECT_EQ(dt::grad(f)(dt::tensor(1.0)).item<double>(), 1.0);
}

//===-- Trees --------------------------------------------------------------------------------===//

struct Layer {
  dt::Tensor weight, bias;
  int units = 2;
};

} // namespace

template <> struct diptych::Tree<Layer> {
  template <class L, class Visit> static void walk(L& layer, Visit&& visit) {
    visit(layer.weight);
    visit(layer.bias);
  }
};

namespace {

TEST(Trees, GradientHasTheArgumentsType) {
  using Parameters = std::vector<dt::Tensor>;
  auto f = [](const Parameters& p) { return dt::sum(p[0] * p[1]); };
  Parameters gradient = dt::grad(f)(Parameters{dt::tensor({1.0, 2.0}), dt::tensor(3.0)});
  EXPECT_THAT(numbers(gradient[0]), ElementsAre(3, 3));
  EXPECT_EQ(gradient[1].item<double>(), 3.0);
}

TEST(Trees, StructsJoinBySpecialisation) {
  auto f = [](const std::map<std::string, Layer>& model, const dt::Tensor& x) {
    const Layer& layer = model.at("first");
    return dt::sum(layer.weight * x + layer.bias);
  };
  std::map<std::string, Layer> model{{"first", {dt::tensor({1.0, 2.0}), dt::tensor(0.5), 7}}};
  auto [value, gradient] = dt::value_and_grad(f)(model, dt::tensor({3.0, 4.0}));
  EXPECT_EQ(value.item<double>(), 12.0);
  EXPECT_THAT(numbers(gradient["first"].weight), ElementsAre(3, 4));
  EXPECT_EQ(gradient["first"].bias.item<double>(), 2.0);
  EXPECT_EQ(gradient["first"].units, 7);
}

TEST(Trees, OutputsKeepTheirStructure) {
  auto f = [](const dt::Tensor& x) {
    return std::tuple(x * 2.0, std::array{dt::sum(x), dt::prod(x)});
  };
  auto x = dt::tensor({2.0, 3.0});
  auto [value, tangent] = dt::jvp(f)(x, dt::tensor({1.0, 0.0}));
  EXPECT_THAT(numbers(std::get<0>(tangent)), ElementsAre(2, 0));
  EXPECT_EQ(std::get<1>(tangent)[1].item<double>(), 3.0);
  auto [same, cotangent] = dt::vjp(f)(x, value);
  EXPECT_EQ(numbers(std::get<0>(same)), numbers(std::get<0>(value)));
  EXPECT_THAT(numbers(cotangent), ElementsAre(8 + 5 + 18, 12 + 5 + 12));
}

TEST(Trees, AuxiliaryOutputsAreCarriedAlong) {
  auto f = [](const dt::Tensor& x) {
    return std::tuple(dt::sum(x * x), dt::log(x), dt::argmax(x));
  };
  auto [result, gradient] = dt::value_and_grad(f, dt::has_aux)(dt::tensor({0.0, 2.0}));
  EXPECT_EQ(std::get<0>(result).item<double>(), 4.0);
  EXPECT_EQ(std::get<1>(result).to_vector<double>()[0], -INFINITY);
  EXPECT_EQ(std::get<2>(result).item<int64_t>(), 1);
  EXPECT_THAT(numbers(gradient), ElementsAre(0, 4)); // no NaN from log at 0
}

//===-- With the tape ------------------------------------------------------------------------===//

TEST(TransformAndTape, GuardOutsideDoesNotReachIn) {
  const dt::NoGradGuard guard;
  EXPECT_THAT(numbers(dt::grad(cubes)(dt::tensor({1.0, 2.0}))), ElementsAre(3, 12));
}

TEST(TransformAndTape, GuardInsideStopsTheDerivative) {
  auto f = [](const dt::Tensor& x) {
    dt::Tensor scale;
    {
      const dt::NoGradGuard guard;
      scale = dt::sum(x);
    }
    return dt::sum(x * scale);
  };
  EXPECT_THAT(numbers(dt::grad(f)(dt::tensor({1.0, 2.0}))), ElementsAre(3, 3));
  EXPECT_THAT(numbers(dt::hessian(f)(dt::tensor({1.0, 2.0}))), Each(0.0));
}

TEST(TransformAndTape, CapturedLeavesGetTheirGradient) {
  auto scale = dt::tensor(3.0).requires_grad_();
  auto f = [&](const dt::Tensor& x) { return dt::sum(x * x * scale); };
  auto gradient = dt::grad(f)(dt::tensor({1.0, 2.0})); // 2 x scale
  dt::sum(gradient).backward();
  EXPECT_EQ(scale.grad().item<double>(), 6.0);
}

TEST(TransformAndTape, ArgumentsOnTheTapeKeepTheirHistory) {
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  dt::sum(dt::grad(cubes)(x)).backward();
  EXPECT_THAT(numbers(x.grad()), ElementsAre(6, 12));
}

TEST(TransformAndTape, IntegersRideAlong) {
  auto f = [](const dt::Tensor& x, const dt::Tensor& rows) { return dt::sum(dt::take(x, rows)); };
  EXPECT_THAT(numbers(dt::grad(f)(dt::tensor({1.0, 2.0}), dt::tensor({1, 1, 0}))),
              ElementsAre(1, 2));
}

} // namespace
