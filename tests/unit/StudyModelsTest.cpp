// The study's models against their closed forms, eagerly and compiled, and its solvers.
#include "tools/study/ClosedForms.h"
#include "tools/study/Market.h"
#include "tools/study/Models.h"
#include "tools/study/StudySolvers.h"

#include <gtest/gtest.h>

#include <cmath>

namespace diptych::study {
namespace {

using Vector = std::vector<double>;

void expectClose(const Tensor& got, const Vector& expected, double tolerance = 1e-10) {
  const Vector values = got.to_vector<double>();
  ASSERT_EQ(values.size(), expected.size());
  double scale = 0.0;
  for (double value : expected)
    scale = std::max(scale, std::fabs(value));
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], tolerance * scale) << "at " << i;
}

Vector times(const Vector& H, const Vector& v) {
  Vector product(v.size(), 0.0);
  for (std::size_t i = 0; i < H.size(); ++i)
    product[i / v.size()] += H[i] * v[i % v.size()];
  return product;
}

struct Terms {
  double cost, temperature, ridge;
};

class StudyPortfolioModel : public ::testing::TestWithParam<std::pair<Terms, Numerics>> {
protected:
  static constexpr std::size_t T = 60, N = 13, K = 5;
  const Panel panel = makeMarket(T, N, K, 5);
  const PortfolioTerms terms{GetParam().first.cost, GetParam().first.temperature,
                             GetParam().first.ridge};
  const FactorPortfolio problem{T,          N,          K, panel.X, panel.Y, terms.temperature,
                                terms.cost, terms.ridge};
  const Tensor X = from_blob(panel.X.data(), {T, N, K}), Y = from_blob(panel.Y.data(), {T, N});
  const Vector w{0.3, -0.2, 0.1, 0.4, -0.5}, v{1.0, 2.0, -1.0, 0.5, 0.0};

  auto model() const {
    return [terms = terms](const Tensor& w, const Tensor& X, const Tensor& Y) {
      return factorPortfolio(w, X, Y, terms);
    };
  }
  template <class Run> void check(Run run) const {
    const Vector H = portfolioHessian(problem, w);
    auto [value, gradient] = run(value_and_grad(model()))(tensor(w), X, Y);
    expectClose(value, {portfolioObjective(problem, w)});
    expectClose(gradient, portfolioGradient(problem, w));
    expectClose(run(hessian(model()))(tensor(w), X, Y), H);
    expectClose(run(jacrev(grad(model())))(tensor(w), X, Y), H);
    expectClose(run(hvp(model()))(tensor(w), tensor(v), X, Y), times(H, v));
  }
};

TEST_P(StudyPortfolioModel, EagerIsItsClosedForm) {
  check([](auto f) { return f; });
}

TEST_P(StudyPortfolioModel, CompiledIsItsClosedForm) {
  check([](auto f) { return jit(f, {.numerics = GetParam().second}); });
}

INSTANTIATE_TEST_SUITE_P(Terms, StudyPortfolioModel,
                         ::testing::Values(std::pair{Terms{0.0, 1.0, 0.05}, Numerics::strict},
                                           std::pair{Terms{0.0, 0.5, 0.0}, Numerics::standard},
                                           std::pair{Terms{0.001, 1.0, 0.05}, Numerics::strict},
                                           std::pair{Terms{0.01, 2.0, 0.1}, Numerics::standard}));

struct StudyRiskParityModel : ::testing::Test {
  static constexpr std::size_t n = 20;
  const Vector S = makeCovariance(n, 3), b = Vector(n, 1.0 / n);
  const Tensor covariance = tensor(S, {n, n}), budget = tensor(b);

  Vector start() const {
    Vector x;
    for (std::size_t i = 0; i < n; ++i)
      x.push_back(std::sqrt(b[i] / S[i * n + i]));
    return x;
  }
  template <class Run> void check(Run run) const {
    const Vector x = start(), H = riskParityHessian(S, b, x);
    const auto [value, gradient] = run(value_and_grad(riskParity))(tensor(x), covariance, budget);
    expectClose(value, {riskParityValue(S, b, x)});
    expectClose(gradient, riskParityGradient(S, b, x));
    expectClose(run(hessian(riskParity))(tensor(x), covariance, budget), H);
    expectClose(run(jacrev(grad(riskParity)))(tensor(x), covariance, budget), H);
    const Vector w(n, 1.0 / n), curvature = riskDispersionHessian(S, w);
    const auto [spread, slope] = run(value_and_grad(riskSpread))(tensor(w), covariance);
    expectClose(spread, {riskDispersion(S, w)});
    expectClose(slope, riskDispersionGradient(S, w));
    expectClose(run(hessian(riskSpread))(tensor(w), covariance), curvature);
    expectClose(run(jacrev(grad(riskSpread)))(tensor(w), covariance), curvature);
  }
  /// Solved with `run` around every function; the weights.
  template <class Run> Vector solve(Run run) const {
    auto value = run(riskParity);
    auto derivatives = run([](const Tensor& x, const Tensor& S, const Tensor& b) {
      auto [value, gradient] = value_and_grad(riskParity)(x, S, b);
      return std::tuple(value, gradient, hessian(riskParity)(x, S, b));
    });
    NewtonProblem problem;
    problem.positive = true;
    problem.value = [&](const Tensor& x) {
      return value(x, covariance, budget).template item<double>();
    };
    problem.derivatives = [&](const Tensor& x) {
      return leavesOf(derivatives(x, covariance, budget));
    };
    const Json end = newton(problem, start(), now());
    EXPECT_TRUE(end["converged"].get<bool>()) << end.dump();
    EXPECT_LE(end["iterations"].get<int>(), 20);
    return end["w"];
  }
  void expectParity(const Vector& x) const {
    const Vector Sx = times(S, x);
    double total = 0.0;
    for (std::size_t i = 0; i < n; ++i)
      total += x[i] * Sx[i];
    for (std::size_t i = 0; i < n; ++i)
      EXPECT_NEAR(x[i] * Sx[i] / total, b[i], 1e-12) << "asset " << i;
  }
};

TEST_F(StudyRiskParityModel, EagerIsItsClosedForm) {
  check([](auto f) { return f; });
}
TEST_F(StudyRiskParityModel, CompiledIsItsClosedForm) {
  check([](auto f) { return jit(f); });
}
TEST_F(StudyRiskParityModel, NewtonGivesEveryAssetItsShareOfRisk) {
  expectParity(solve([](auto f) { return f; }));
  expectParity(solve([](auto f) { return jit(f); }));
}

TEST(StudySolvers, DirectionOfAnIndefiniteHessianStillPointsUphill) {
  const Vector gradient{1.0, 1.0}, H{2.0, 0.0, 0.0, -4.0};
  bool repaired = false;
  const Vector d = newtonDirection(gradient, H, true, &repaired);
  EXPECT_TRUE(repaired);
  EXPECT_NEAR(d[0], 0.5, 1e-15);
  EXPECT_NEAR(d[1], 0.25, 1e-15);
  EXPECT_NEAR(newtonDirection(gradient, {2.0, 0.0, 0.0, 4.0}, false, &repaired)[1], -0.25, 1e-15);
  EXPECT_FALSE(repaired);
}

TEST(StudySolvers, AscentAndNewtonMeetAtTheTop) {
  const Panel panel = makeMarket(60, 13, 3, 5);
  const Tensor X = from_blob(panel.X.data(), {60, 13, 3}), Y = from_blob(panel.Y.data(), {60, 13});
  const PortfolioTerms terms;
  auto f = [&](const Tensor& w) { return factorPortfolio(w, X, Y, terms); };
  AscentStep step = [&](const Tensor& w, const Tensor& d, const Tensor& rate) {
    const Tensor moved = w + rate * d;
    const auto [value, gradient] = value_and_grad(f)(moved);
    return std::tuple(moved, value, gradient);
  };
  const Json ascent = gradientAscent(step, 3, 1000, 60.0);
  NewtonProblem problem;
  problem.maximise = true;
  problem.value = [&](const Tensor& w) { return f(w).item<double>(); };
  problem.derivatives = [&](const Tensor& w) -> Tensors {
    return {f(w), grad(f)(w), hessian(f)(w)};
  };
  const Json sharp = newton(problem, Vector(3, 0.0), now());
  EXPECT_TRUE(sharp["converged"].get<bool>());
  EXPECT_FALSE(ascent["converged_at"].is_null());
  EXPECT_NEAR(ascent["value"].get<double>(), sharp["value"].get<double>(), 1e-12);
  EXPECT_EQ(ascent["iterations"], 1000);
  std::vector<int> marks;
  for (const Json& mark : ascent["marks"])
    marks.push_back(mark["iterations"]);
  EXPECT_EQ(marks, (std::vector<int>{1, 10, 100, 1000}));
}

TEST(StudySolvers, AscentOverBudgetSaysWhatItComputed) {
  AscentStep step = [](const Tensor& w, const Tensor& d, const Tensor& rate) {
    return std::tuple(w, -sum(w), w + 1.0);
  };
  const Json ascent = gradientAscent(step, 2, 100, 0.0);
  EXPECT_EQ(ascent["iterations"], 1);
  EXPECT_EQ(ascent["marks"].size(), 3u);
  EXPECT_TRUE(ascent["marks"][0]["measured"].get<bool>());
  EXPECT_FALSE(ascent["marks"][2]["measured"].get<bool>());
}

} // namespace
} // namespace diptych::study
