// The table of workloads, how whole runs are judged, and the closed forms that the models of W2,
// W4, W5 and W10 are held against. The models themselves run in tests/cli.
#include "tools/study/ClosedForms.h"
#include "tools/study/Models.h"
#include "tools/study/Networks.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/Workloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace diptych::study {
namespace {

using testing::HasSubstr;
using Vector = std::vector<double>;

/// Central differences of f at x, one coordinate after the other.
Vector differences(const std::function<double(const Vector&)>& f, const Vector& x) {
  Vector slopes;
  for (std::size_t i = 0; i < x.size(); ++i) {
    Vector up = x, down = x;
    up[i] += 1e-5;
    down[i] -= 1e-5;
    slopes.push_back((f(up) - f(down)) / 2e-5);
  }
  return slopes;
}

void expectNear(const Vector& got, const Vector& expected, double tolerance) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

TEST(StudyWorkloads, NamesAreUniqueAndEverySizeHasNumbers) {
  std::set<std::string> names;
  for (const Workload& workload : workloads()) {
    EXPECT_TRUE(names.insert(workload.name).second) << workload.name;
    for (const char* size : {"tiny", "real", "large"}) {
      StudyOptions options;
      options.size = size;
      EXPECT_FALSE(workload.sizes(options).empty());
      for (const Extents& extents : workload.sizes(options))
        EXPECT_EQ(extents.size(), workload.extents.size()) << workload.name << " " << size;
    }
  }
}

TEST(StudyWorkloads, StudyWithoutNamesIsW1AndW3) {
  StudyOptions options;
  options.complete();
  EXPECT_EQ(options.workloads, (std::vector<std::string>{"w1", "w3"}));
  options.workloads = {"all"};
  options.complete();
  EXPECT_EQ(options.workloads.size(), workloads().size());
  options.workloads = {"w3", "w2", "w3"};
  options.complete();
  EXPECT_EQ(options.workloads, (std::vector<std::string>{"w2", "w3"}));
}

TEST(StudyWorkloads, NumbersAskedForReplaceThoseOfTheSize) {
  StudyOptions options;
  options.n = {4, 9};
  options.N = 77;
  const auto parity = workloadNamed("w3").sizes(options);
  ASSERT_EQ(parity.size(), 2u);
  EXPECT_EQ(parity[1].at("n"), 9u);
  const auto backtest = workloadNamed("w5").sizes(options);
  ASSERT_EQ(backtest.size(), 1u);
  EXPECT_EQ(backtest[0].at("N"), 77u);
  EXPECT_EQ(backtest[0].at("window"), 250u);
}

TEST(StudyRuns, MarksStandAtPowersOfTenAndAtTheLast) {
  Marks marks(25, 60.0);
  while (marks.begun())
    marks.done();
  const Json json = marks.json();
  std::vector<int> at;
  for (const Json& mark : json["marks"]) {
    at.push_back(mark["iterations"]);
    EXPECT_TRUE(mark["measured"].get<bool>());
  }
  EXPECT_EQ(at, (std::vector<int>{1, 10, 25}));
  EXPECT_TRUE(json["complete"].get<bool>());
}

/// An end as a run returns it.
Json endAt(const Vector& w, int iterations = 10, double first = 0.1, double pace = 0.01) {
  const Json mark = {{"iterations", 1}, {"seconds", first}, {"measured", true}};
  return {{"w", w},       {"value", 1.0},     {"iterations", iterations}, {"marks", {mark}},
          {"pace", pace}, {"complete", true}, {"residual", 1e-3}};
}

std::string failureOf(const WholeRun& run, const Json& eager, const Json& jit, const Json& strict) {
  return judgeRun(run, eager, jit, strict)["failure"];
}

TEST(StudyRuns, EveryCheckCanFail) {
  WholeRun run{.method = "walk", .run = {}, .apart = 1e-6, .residual = 1e-2};
  const Json eager = endAt({1.0, 2.0}), near = endAt({1.0, 2.0 + 1e-9});
  EXPECT_EQ(failureOf(run, eager, near, eager), "");
  EXPECT_THAT(failureOf(run, eager, near, near), HasSubstr("different bits"));
  EXPECT_THAT(failureOf(run, eager, endAt({1.0, 2.1}), eager), HasSubstr("end 1.0e-01 apart"));
  EXPECT_THAT(failureOf(run, eager, endAt({1.0}), eager), HasSubstr("apart"));
  EXPECT_THAT(failureOf(run, eager, endAt({std::nan(""), 2.0}), eager), HasSubstr("nan apart"));
  EXPECT_THAT(failureOf(run, eager, {{"error", "no luck"}}, eager), HasSubstr("jit: no luck"));
  Json twice = eager;
  twice["compilations"] = 2;
  EXPECT_THAT(failureOf(run, eager, twice, eager), HasSubstr("compiled 2 programs, expected 1"));
  run.residual = 1e-4;
  run.residualName = "the loss";
  EXPECT_THAT(failureOf(run, eager, near, eager), HasSubstr("eager: the loss is 1.0e-03"));
}

TEST(StudyRuns, RunsThatTheirBudgetStoppedAreNotCompared) {
  const WholeRun run{.method = "walk", .run = {}, .apart = 1e-6, .residual = 1e-9};
  Json eager = endAt({1.0}, 4), jit = endAt({5.0}, 7);
  eager["complete"] = jit["complete"] = false;
  const Json judged = judgeRun(run, eager, jit, jit);
  EXPECT_EQ(judged["failure"], "");
  EXPECT_TRUE(judged["stopped"].get<bool>());
  EXPECT_TRUE(judged["strict_bitwise"].is_null());
}

TEST(StudyRuns, BreakEvenCountsTheFirstStep) {
  const WholeRun run{.method = "walk", .run = {}, .apart = 1.0};
  const Json slow = endAt({1.0}, 10, 0.1, 0.02), fast = endAt({1.0}, 10, 0.5, 0.01);
  EXPECT_EQ(judgeRun(run, slow, fast, nullptr)["break_even"], 41);
  EXPECT_TRUE(judgeRun(run, fast, slow, nullptr)["break_even"].is_null());
  EXPECT_TRUE(judgeRun(run, endAt({1.0}, 10, 0.1, 0.01), fast, nullptr)["break_even"].is_null());
}

TEST(StudyMeanVariance, ProjectionIsTheSortedOne) {
  const std::vector<Vector> points{{0.2, 0.3, 0.5},       {5.0, 0.0, 0.0}, {0.4, 0.4, 0.4, 0.4},
                                   {-1.0, -1.0, -1.0},    {1.0},           {1e3, 1e3 - 0.2, -1e3},
                                   {0.9, 0.3, -0.2, 0.05}};
  for (const Vector& v : points) {
    const Vector expected = simplexProjection(v);
    expectNear(nearestOnSimplex(tensor(v)).to_vector<double>(), expected, 1e-12);
    expectNear(jit(nearestOnSimplex)(tensor(v)).to_vector<double>(), expected, 1e-12);
  }
  expectNear(simplexProjection(Vector{0.9, 0.3, -0.2, 0.05}), {0.8, 0.2, 0.0, 0.0}, 1e-15);
}

struct StudyMeanVarianceForms : ::testing::Test {
  const Vector S = makeCovariance(4, 2), mu{0.1, 0.05, 0.2, 0.0}, w0{0.25, 0.25, 0.25, 0.25};
  const MeanVariance problem{mu, S, w0, 5.0, 0.01, 1e-4};
};

TEST_F(StudyMeanVarianceForms, DerivativesAreTheDifferencesOfTheValue) {
  const Vector w{0.3, 0.2, 0.45, 0.05};
  const Vector gradient = meanVarianceGradient(problem, w);
  expectNear(gradient, differences([&](auto& w) { return meanVarianceValue(problem, w); }, w),
             1e-8);
  const Vector H = meanVarianceHessian(problem, w);
  for (std::size_t i = 0; i < 4; ++i) {
    const Vector row(H.begin() + std::ptrdiff_t(4 * i), H.begin() + std::ptrdiff_t(4 * i + 4));
    expectNear(row, differences([&](auto& w) { return meanVarianceGradient(problem, w)[i]; }, w),
               1e-6);
  }
}

TEST(StudyMeanVariance, ResidualIsZeroAtTheOptimumOnly) {
  // Without costs and risk aversion 2: w = (0.75, 0.25) by hand; a third asset stays at 0.
  const Vector S{1, 0, 0, 0, 1, 0, 0, 0, 1}, mu{1.0, 0.0, -3.0}, w0{0.0, 0.0, 0.0};
  const MeanVariance problem{mu, S, w0, 2.0, 0.0, 1e-12};
  EXPECT_LT(meanVarianceResidual(problem, Vector{0.75, 0.25, 0.0}), 1e-15);
  EXPECT_GT(meanVarianceResidual(problem, Vector{0.7, 0.3, 0.0}), 0.01);
  EXPECT_GT(meanVarianceResidual(problem, Vector{0.75, 0.0, 0.25}), 0.1);
  EXPECT_GT(meanVarianceResidual(problem, Vector{0.85, 0.35, -0.2}), 0.1);
}

TEST(StudyBacktest, LossGradientIsTheDifferenceOfTheLoss) {
  const Panel panel = makeMarket(20, 4, 3, 7);
  const Vector theta{0.3, -0.4, 0.1, 0.2};
  const auto [loss, gradient] = windowLossGradient(panel.Y, theta);
  expectNear(
      gradient,
      differences([&](auto& theta) { return windowLossGradient(panel.Y, theta).value; }, theta),
      1e-7);
  EXPECT_NEAR(windowLoss(tensor(theta), tensor(panel.Y, {20, 4})).item<double>(), loss, 1e-12);
}

TEST(StudyBacktest, WindowOptimumMeetsItsConditions) {
  const std::size_t N = 5, days = 30;
  const Panel panel = makeMarket(days, N, 3, 7);
  const Vector previous{0.5, 0.1, 0.1, 0.2, 0.1}, S = covarianceOf(panel, N);
  const Vector w = windowOptimum(panel.Y, previous);
  double total = 0.0, nu = 0.0;
  for (std::size_t i = 0; i < N; ++i) {
    double slope = 2.0 * (w[i] - previous[i]);
    for (std::size_t j = 0; j < N; ++j)
      slope += 10.0 * S[i * N + j] * w[j];
    for (std::size_t t = 0; t < days; ++t)
      slope -= 0.1 * 252.0 * panel.Y[t * N + i] / double(days);
    nu = i == 0 ? slope : nu;
    EXPECT_NEAR(slope, nu, 1e-12) << i;
    total += w[i];
  }
  EXPECT_NEAR(total, 1.0, 1e-14);
  expectNear(windowOptimumGradient(panel.Y, Vector{1.0, 0.0, 2.0, 0.0, 0.0}),
             differences(
                 [&](const Vector& previous) {
                   const Vector w = windowOptimum(panel.Y, previous);
                   return w[0] + 2.0 * w[2];
                 },
                 previous),
             1e-9);
}

TEST(StudyBarra, FactorReturnsMeetTheirConditionsAndDifferences) {
  const std::size_t T = 2, N = 9, P = 4;
  const Panel panel = makeMarket(T, N, 2, 7);
  Vector B, cap, share(T * P, 0.0);
  for (std::size_t i = 0; i < T * N; ++i) {
    // A country, two industries, a style.
    for (double x : {1.0, i % 2 ? 0.0 : 1.0, i % 2 ? 1.0 : 0.0, panel.X[2 * i]})
      B.push_back(x);
    cap.push_back(std::exp(panel.X[2 * i + 1]));
  }
  for (std::size_t t = 0; t < T; ++t)
    share[t * P + 1] = 0.3, share[t * P + 2] = 0.7;
  const CrossSections days{T, N, P, B, panel.Y, cap, share};
  const FactorReturnsInExponent at = factorReturnsAt(days, 0.5);
  for (std::size_t t = 0; t < T; ++t) {
    EXPECT_NEAR(0.3 * at.f[t * P + 1] + 0.7 * at.f[t * P + 2], 0.0, 1e-16);
    // The country and the style are not in the constraint: residuals are orthogonal to them.
    for (std::size_t p : {0, 3}) {
      double along = 0.0;
      for (std::size_t n = t * N; n < (t + 1) * N; ++n) {
        double residual = panel.Y[n];
        for (std::size_t q = 0; q < P; ++q)
          residual -= B[n * P + q] * at.f[t * P + q];
        along += std::sqrt(cap[n]) * B[n * P + p] * residual;
      }
      EXPECT_NEAR(along, 0.0, 1e-15);
    }
  }
  const double step = 1e-4;
  const auto up = factorReturnsAt(days, 0.5 + step), down = factorReturnsAt(days, 0.5 - step);
  for (std::size_t i = 0; i < T * P; ++i) {
    EXPECT_NEAR(at.first[i], (up.f[i] - down.f[i]) / (2.0 * step), 1e-9);
    EXPECT_NEAR(at.second[i], (up.first[i] - down.first[i]) / (2.0 * step), 1e-9);
  }
}

TEST(StudyTraining, NetworkGradientsAreTheDifferencesOfTheLoss) {
  Network network{3,
                  2,
                  {{0.5, -0.3, 0.8},
                   {0.1, 0.2, -0.1},
                   Vector(9, 0.3),
                   {0.2, 0.0, 0.1},
                   Vector(6, -0.4),
                   {0.3, 0.5}}};
  network.parameters[2][4] = -0.7;
  const Vector x{0.5, -1.5, 2.0}, target{1.0, 0.2, -0.4};
  const std::vector<std::size_t> chosen{1, 0, 1};
  const auto [loss, gradients] = networkLoss(network, x, chosen, target);
  for (std::size_t i = 0; i < 6; ++i)
    expectNear(gradients[i],
               differences(
                   [&](const Vector& values) {
                     Network moved = network;
                     moved.parameters[i] = values;
                     return networkLoss(moved, x, chosen, target).loss;
                   },
                   network.parameters[i]),
               1e-7);
}

TEST(StudyTraining, ActionsTurnThroughTheCircle) {
  // A network of zeros is worth 0 everywhere, so the loss is the mean of reward^2.
  const Parameters zeros_{zeros({2, 1}), zeros({2}),     zeros({2, 2}),
                          zeros({2}),    zeros({21, 2}), zeros({21})};
  const Vector states{-1.0, -0.5, 0.0, 0.5};
  for (int64_t step : {0, 3, 499}) {
    double expected = 0.0;
    for (std::size_t i = 0; i < states.size(); ++i) {
      const auto action = double((7 * int64_t(i) + 5 * step) % 21) * 0.23 - 2.0;
      expected += std::pow(action - goalOf(states[i]), 4.0) / 4.0;
    }
    const Tensor s = tensor(states, {4, 1});
    EXPECT_NEAR(valueLoss(zeros_, zeros_, s, s, tensor(step)).item<double>(), expected,
                1e-12 * expected);
  }
}

} // namespace
} // namespace diptych::study
