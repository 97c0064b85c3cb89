// Implicit functions against closed forms, to the fourth order, in every transform.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

double number(const Tensor& x) { return x.item<double>(); }

Tensor cubic(const Tensor& x, const Tensor& theta) { return x * x * x + theta * x - 1; }

// Cardano: the real root of x^3 + theta x - 1, in operators that are differentiated as usual.
Tensor cardano(const Tensor& theta) {
  const Tensor root = sqrt(0.25 + theta * theta * theta / 27);
  return cbrt(0.5 + root) + cbrt(0.5 - root);
}

template <class F> std::vector<double> fourOrders(F f, double at) {
  auto d1 = grad(f);
  auto d2 = grad(d1);
  auto d3 = grad(d2);
  auto d4 = grad(d3);
  const Tensor t = tensor(at);
  return {number(f(t)), number(d1(t)), number(d2(t)), number(d3(t)), number(d4(t))};
}

// x -> <Hv, v>, H the Hessian at x: its own Hessian is of the fourth order.
template <class F> auto hvpAlong(F f, const Tensor& v) {
  return [=](const Tensor& x) { return sum(hvp(f)(x, v) * v); };
}

auto cubicRoot() {
  return [root = implicit_root(cubic)](const Tensor& theta) { return root(tensor(0.5), theta); };
}
// Found by bisection on numbers that nothing differentiates, and finished by one Newton step.
auto bisectedRoot() {
  auto bisect = [](const Tensor& x0, const Tensor& theta) {
    Tensor low = zeros_like(x0), high = ones_like(x0);
    for (int i = 0; i < 60; ++i) {
      const Tensor middle = 0.5 * (low + high), above = cubic(middle, theta) > 0;
      high = where(above, middle, high);
      low = where(above, low, middle);
    }
    return 0.5 * (low + high);
  };
  return [root = implicit_root(cubic, bisect)](const Tensor& theta) {
    return root(tensor(0.5), theta);
  };
}

template <class F> void expectCubic(F f) {
  const auto expected = fourOrders(cardano, 2.0);
  EXPECT_THAT(fourOrders(f, 2.0), testing::Pointwise(testing::DoubleNear(1e-10), expected));
  EXPECT_THAT(fourOrders(jit(f), 2.0), testing::Pointwise(testing::DoubleNear(1e-10), expected));
  const Tensor t = tensor(2.0);
  auto forward = jacfwd(jacfwd(jacfwd(jacfwd(f))));
  EXPECT_NEAR(number(forward(t)), expected[4], 1e-10);
  EXPECT_NEAR(number(jit(forward)(t)), expected[4], 1e-10);
  EXPECT_NEAR(number(hessian(grad(grad(f)))(t)), expected[4], 1e-10);
  expectEagerBits(f, t);
  expectEagerBits(grad(f), t);
  expectEagerBits(hessian(grad(f)), t);
  const Tensor many = tensor({0.5, 1.0, 2.0, 3.5});
  EXPECT_TRUE(allclose(vmap(f)(many), cardano(many), 1e-12));
  EXPECT_TRUE(allclose(vmap(grad(f))(many), vmap(grad(cardano))(many), 1e-10));
  EXPECT_TRUE(allclose(vmap(hessian(f))(many), vmap(hessian(cardano))(many), 1e-9));
  expectEagerBits(vmap(grad(f)), many);
}

TEST(ImplicitRoot, CubicHasTheDerivativesOfCardanosFormula) { expectCubic(cubicRoot()); }
TEST(ImplicitRoot, AnySolverGivesTheSameDerivatives) { expectCubic(bisectedRoot()); }

// A x = b + theta: x is A^-1 (b + theta), with a nonlinear scale s: x exp(s) = A^-1 b.
TEST(ImplicitRoot, SeveralUnknownsAndParameters) {
  manual_seed(8);
  const Tensor A = 0.3 * randn({3, 3}) + 2.0 * eye(3), b = randn({3}), s = tensor(0.3);
  auto f = [](const Tensor& x, const Tensor& A, const std::pair<Tensor, Tensor>& bs) {
    const Tensor y = x * exp(bs.second);
    return matmul(A, y + y * y * y) - bs.first;
  };
  auto root = implicit_root(f);
  // y + y^3 = A^-1 b, elementwise; by Cardano with p = 1.
  auto closed = [](const Tensor& A, const Tensor& b, const Tensor& s) {
    const Tensor q = linalg::solve(A, b), r = sqrt(q * q / 4 + 1.0 / 27);
    return (cbrt(q / 2 + r) + cbrt(q / 2 - r)) * exp(-s);
  };
  auto implicit = [=](const Tensor& A, const Tensor& b, const Tensor& s) {
    return root(zeros({3}), A, std::pair(b, s));
  };
  EXPECT_TRUE(allclose(implicit(A, b, s), closed(A, b, s), 1e-12, 1e-12));
  for (int argument : {0, 1, 2}) {
    EXPECT_TRUE(allclose(jacrev(implicit, argument)(A, b, s), jacrev(closed, argument)(A, b, s),
                         1e-9, 1e-10));
    EXPECT_TRUE(allclose(jacfwd(implicit, argument)(A, b, s), jacfwd(closed, argument)(A, b, s),
                         1e-9, 1e-10));
    EXPECT_TRUE(allclose(jacfwd(jacrev(implicit, argument), argument)(A, b, s),
                         jacfwd(jacrev(closed, argument), argument)(A, b, s), 1e-8, 1e-9));
  }
  auto loss = [=](const Tensor& b) { return sum(sin(implicit(A, b, s))); };
  auto plain = [=](const Tensor& b) { return sum(sin(closed(A, b, s))); };
  EXPECT_TRUE(allclose(jacfwd(hessian(loss))(b), jacfwd(hessian(plain))(b), 1e-7, 1e-8));
  EXPECT_TRUE(allclose(hessian(hvpAlong(loss, b))(b), hessian(hvpAlong(plain, b))(b), 1e-6, 1e-7));
  expectEagerBits(hessian(loss), b);
}

// w(lambda) minimises |Xw - y|^2 + lambda |w|^2: the gradient of a validation loss in lambda.
TEST(ImplicitMinimiser, RidgeRegressionHyperGradient) {
  manual_seed(2);
  const Tensor X = randn({12, 3}), y = randn({12}), Xv = randn({7, 3}), yv = randn({7});
  auto objective = [](const Tensor& w, const Tensor& lambda, const Tensor& X, const Tensor& y) {
    const Tensor r = matmul(X, w) - y;
    return sum(r * r) + lambda * sum(w * w);
  };
  auto weights = implicit_minimiser(objective);
  auto validation = [=](const Tensor& lambda) {
    const Tensor r = matmul(Xv, weights(zeros({3}), lambda, X, y)) - yv;
    return sum(r * r);
  };
  auto closed = [=](const Tensor& lambda) {
    const Tensor w =
        linalg::solve(matmul(transpose(X), X) + lambda * eye(3), matmul(transpose(X), y));
    const Tensor r = matmul(Xv, w) - yv;
    return sum(r * r);
  };
  EXPECT_THAT(fourOrders(validation, 0.7),
              testing::Pointwise(testing::DoubleNear(1e-8), fourOrders(closed, 0.7)));
  EXPECT_THAT(fourOrders(jit(validation), 0.7),
              testing::Pointwise(testing::DoubleNear(1e-8), fourOrders(closed, 0.7)));
  // By a solver of the user's: the normal equations.
  auto solved = implicit_minimiser(
      objective, [](const Tensor&, const Tensor& lambda, const Tensor& X, const Tensor& y) {
        return linalg::solve(matmul(transpose(X), X) + lambda * eye(3), matmul(transpose(X), y));
      });
  auto byX = [&](const auto& w) {
    return grad([&](const Tensor& X) { return sum(sin(w(zeros({3}), tensor(0.7), X, y))); })(X);
  };
  EXPECT_TRUE(allclose(byX(solved), byX(weights), 1e-9, 1e-10));
}

TEST(ImplicitRoot, DampingReachesWhatPlainStepsMiss) {
  // Newton's steps on atan run away from |x| > 1.39.
  auto root = implicit_root([](const Tensor& x, const Tensor& a) { return atan(x - a); });
  EXPECT_NEAR(number(root(tensor(9.0), tensor(1.0))), 1, 1e-12);
  EXPECT_NEAR(number(jit([=](const Tensor& a) { return root(tensor(9.0), a); })(tensor(1.0))), 1,
              1e-12);
  EXPECT_NEAR(number(grad([=](const Tensor& a) { return root(tensor(9.0), a); })(tensor(1.0))), 1,
              1e-12);
}

TEST(ImplicitRoot, NotConvergedIsNanInATrace) {
  auto root = implicit_root([](const Tensor& x, const Tensor& a) { return x * x + a; });
  EXPECT_TRUE(
      std::isnan(number(jit([=](const Tensor& a) { return root(tensor(1.0), a); })(tensor(1.0)))));
}

TEST(ImplicitRoot, StartHasNoDerivative) {
  auto root = implicit_root(cubic);
  EXPECT_EQ(number(grad([=](const Tensor& x0) { return root(x0, tensor(2.0)); })(tensor(0.5))), 0);
}

} // namespace
} // namespace diptych::test
