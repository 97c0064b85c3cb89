// Closed forms of W1 and W3 against central differences, and against each other.
#include "tools/study/ClosedForms.h"
#include "tools/study/Market.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

using namespace diptych::study;

namespace {

using Vector = std::vector<double>;

Vector differences(const std::function<double(const Vector&)>& f, Vector x, double step) {
  Vector gradient;
  for (double& coordinate : x) {
    double centre = coordinate;
    auto at = [&](double offset) {
      coordinate = centre + offset;
      return f(x);
    };
    // Fourth order: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h.
    gradient.push_back((8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step));
    coordinate = centre;
  }
  return gradient;
}

void expectNear(const Vector& got, const Vector& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  double scale = 0.0;
  for (double value : expected)
    scale = std::max(scale, std::fabs(value));
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], tolerance * scale) << "at " << i;
}

// Row i of the Hessian against differences of component i of the gradient.
void expectHessian(const std::function<Vector(const Vector&)>& gradient, const Vector& H,
                   const Vector& x, double step, double tolerance) {
  Vector expected;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Vector row = differences([&](const Vector& at) { return gradient(at)[i]; }, x, step);
    expected.insert(expected.end(), row.begin(), row.end());
  }
  expectNear(H, expected, tolerance);
}

struct Market {
  Panel panel;
  FactorPortfolio problem;
  explicit Market(double cost, double temperature = 1.0, std::size_t T = 40, std::size_t N = 9,
                  std::size_t K = 4)
      : panel(makeMarket(T, N, K, 11)), problem{T, N, K, panel.X, panel.Y, temperature, cost} {}
};

class Portfolio : public ::testing::TestWithParam<std::pair<double, double>> {};

} // namespace

TEST_P(Portfolio, DerivativesAreThoseOfTheValue) {
  Market market(GetParam().first, GetParam().second);
  for (const Vector& w : {Vector{0.3, -0.2, 0.1, 0.4}, Vector{0, 0, 0, 0}}) {
    // The cost's root bends within trades of 1e-4: the steps must stay well below.
    double step = market.problem.cost != 0.0 ? 3e-6 : 1e-3;
    auto value = [&](const Vector& at) { return portfolioObjective(market.problem, at); };
    auto gradient = [&](const Vector& at) { return portfolioGradient(market.problem, at); };
    expectNear(gradient(w), differences(value, w, step), step < 1e-4 ? 1e-6 : 1e-8);
    expectHessian(gradient, portfolioHessian(market.problem, w), w, step,
                  step < 1e-4 ? 1e-6 : 1e-8);
  }
}

INSTANTIATE_TEST_SUITE_P(CostAndTemperature, Portfolio,
                         ::testing::Values(std::pair{0.0, 1.0}, std::pair{0.0, 0.5},
                                           std::pair{0.001, 1.0}, std::pair{0.01, 2.0}));

TEST(ClosedForms, ZeroWeightsHoldEveryStockEqually) {
  Market market(0.001);
  Vector R = portfolioReturns(market.problem, Vector(4, 0.0));
  double equal = 0.0;
  for (std::size_t n = 0; n < 9; ++n)
    equal += market.panel.Y[9 + n] / 9;
  EXPECT_NEAR(R[1], equal - 0.001 * 9 * 1e-4, 1e-16); // no trade: the root of 1e-8 remains
}

TEST(ClosedForms, ObjectiveIsSharpeLessRidge) {
  Market market(0.0);
  Vector w{1, 2, 3, 4};
  EXPECT_NEAR(portfolioObjective(market.problem, w), portfolioSharpe(market.problem, w) - 0.05 * 30,
              1e-13);
}

TEST(ClosedForms, PortfolioHessianIsSymmetric) {
  Market market(0.002);
  Vector H = portfolioHessian(market.problem, Vector{0.5, 0.1, -0.7, 0.2});
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_NEAR(H[i * 4 + j], H[j * 4 + i], 1e-12);
}

TEST(ClosedForms, LargeWeightsDoNotOverflow) {
  Market market(0.001);
  for (double value : portfolioHessian(market.problem, Vector{800, -900, 700, 600}))
    EXPECT_TRUE(std::isfinite(value));
}

TEST(ClosedForms, PortfolioMisuseIsNamed) {
  auto messageOf = [](const FactorPortfolio& problem, const Vector& w) -> std::string {
    try {
      portfolioObjective(problem, w);
    } catch (const diptych::Error& error) {
      return error.what();
    }
    return "no error";
  };
  Market market(0.0);
  EXPECT_EQ(messageOf(market.problem, Vector(3)),
            "factor portfolio: w: expected 4 values, got 3; pass arrays of X[T,N,K], Y[T,N], w[K]");
  Market day(0.0, 1.0, 1);
  EXPECT_EQ(messageOf(day.problem, Vector(4)),
            "factor portfolio: a Sharpe ratio needs at least 2 days, got 1; take a longer period");
  Vector flat(market.panel.Y.size(), 0.0);
  market.problem.Y = flat;
  EXPECT_EQ(messageOf(market.problem, Vector(4)), "factor portfolio: the portfolio's returns have "
                                                  "no spread, so their Sharpe ratio has no value; "
                                                  "expected returns that differ from day to day");
  market.problem.temperature = 0.0;
  EXPECT_EQ(messageOf(market.problem, Vector(4)),
            "factor portfolio: expected a temperature above 0, got 0.000000");
}

TEST(ClosedForms, RiskParityDerivativesAreThoseOfTheValue) {
  Vector S = makeCovariance(6, 12), b{0.1, 0.2, 0.15, 0.25, 0.2, 0.1}, x{1, 2, 1.5, 0.8, 1.1, 3};
  auto value = [&](const Vector& at) { return riskParityValue(S, b, at); };
  auto gradient = [&](const Vector& at) { return riskParityGradient(S, b, at); };
  expectNear(gradient(x), differences(value, x, 1e-3), 1e-9);
  expectHessian(gradient, riskParityHessian(S, b, x), x, 1e-3, 1e-9);
}

TEST(ClosedForms, NewtonReachesTheBudgets) {
  for (std::size_t n : {1u, 8u, 95u, 200u}) {
    Vector b(n);
    for (std::size_t i = 0; i < n; ++i)
      b[i] = double(1 + i % 3);
    double total = 0.0;
    for (double budget : b)
      total += budget;
    for (double& budget : b)
      budget /= total;
    RiskParitySolution solution = solveRiskParity(makeCovariance(n, 13), b);
    EXPECT_LT(solution.residual, 1e-12);
    EXPECT_LT(solution.iterations, 30);
    double sum = 0.0;
    for (double weight : solution.weights)
      sum += weight;
    EXPECT_NEAR(sum, 1.0, 1e-12);
  }
}

TEST(ClosedForms, RiskParityOfADiagonalIsInverseVolatility) {
  Vector S{0.04, 0, 0, 0.01};
  RiskParitySolution solution = solveRiskParity(S, Vector{0.5, 0.5});
  EXPECT_NEAR(solution.weights[0], 1.0 / 3.0, 1e-15);
}

TEST(ClosedForms, RiskParityMisuseIsNamed) {
  auto messageOf = [](const Vector& S, const Vector& b) -> std::string {
    try {
      solveRiskParity(S, b);
    } catch (const diptych::Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(messageOf(Vector{1, 2, 3}, Vector{1, 1}),
            "risk parity: expected a covariance of 2 x 2 values, got 3; pass S[n,n] for n assets");
  EXPECT_EQ(messageOf(Vector{1, 2, 2, 1}, Vector{1, 1}),
            "risk parity: the covariance is not positive definite; expected the covariance of "
            "assets none of which "
            "is a combination of others, with more days than assets behind it, or shrink it");
  EXPECT_EQ(messageOf(Vector{1, 0, 0, 1}, Vector{1, 0}),
            "risk parity: expected positive budgets and positions, got b=0.000000, x=0.000000 for "
            "asset 1; "
            "leave assets without a budget out");
}

TEST(ClosedForms, DispersionDerivativesAreThoseOfTheValue) {
  Vector S = makeCovariance(6, 14), w{0.2, 0.1, 0.25, 0.15, 0.2, 0.1};
  auto value = [&](const Vector& at) { return riskDispersion(S, at); };
  auto gradient = [&](const Vector& at) { return riskDispersionGradient(S, at); };
  expectNear(gradient(w), differences(value, w, 1e-2), 1e-9);
  expectHessian(gradient, riskDispersionHessian(S, w), w, 1e-2, 1e-9);
}

TEST(ClosedForms, DispersionIsItsDoubleSum) {
  Vector S = makeCovariance(5, 15), w(5, 0.2);
  Vector r(5, 0.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < 5; ++j)
      r[i] += w[i] * S[i * 5 + j] * w[j];
  for (double left : r)
    for (double right : r)
      sum += (left - right) * (left - right);
  EXPECT_NEAR(riskDispersion(S, w), sum, 1e-14 * sum);
}

TEST(ClosedForms, DispersionVanishesAtRiskParity) {
  Vector S = makeCovariance(10, 16);
  RiskParitySolution solution = solveRiskParity(S, Vector(10, 0.1));
  EXPECT_LT(riskDispersion(S, solution.weights), 1e-26);
}
