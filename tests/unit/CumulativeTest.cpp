// Cumulative functions: values by plain loops, points where a careless derivative would be wrong,
// and pandas' published exponential averages.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "SameBits.h"

namespace dt = diptych;
using testing::Each;
using testing::ElementsAre;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<double> numbers(const dt::Tensor& x) { return x.astype(dt::f64).to_vector<double>(); }

void expectNear(const dt::Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = numbers(got);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    if (std::isnan(expected[i]) || std::isinf(expected[i]))
      EXPECT_EQ(std::isnan(values[i]) ? 0 : values[i], std::isnan(expected[i]) ? 0 : expected[i])
          << "at " << i;
    else
      EXPECT_NEAR(values[i], expected[i], tolerance) << "at " << i;
}

const dt::Tensor matrix = dt::tensor({{1.0, 2.0, 3.0}, {4.0, -5.0, 6.0}});

TEST(Cumsum, BothDirectionsAndExclusive) {
  EXPECT_THAT(numbers(dt::cumsum(matrix, 1)), ElementsAre(1, 3, 6, 4, -1, 5));
  EXPECT_THAT(numbers(dt::cumsum(matrix, 0)), ElementsAre(1, 2, 3, 5, -3, 9));
  EXPECT_THAT(numbers(dt::cumsum(matrix, -1, {.reverse = true})), ElementsAre(6, 5, 3, 5, 1, 6));
  EXPECT_THAT(numbers(dt::cumsum(matrix, 1, {.exclusive = true})), ElementsAre(0, 1, 3, 0, 4, -1));
  EXPECT_THAT(numbers(dt::cumsum(matrix, 1, {.reverse = true, .exclusive = true})),
              ElementsAre(5, 3, 0, 1, 6, 0));
  EXPECT_THAT((dt::cumsum(dt::tensor({1, 2, 3}), 0).to_vector<int>()), ElementsAre(1, 3, 6));
  EXPECT_TRUE(std::signbit(dt::cumsum(dt::tensor({-0.0, -0.0}), 0).to_vector<double>()[1]));
  EXPECT_EQ(dt::cumsum(dt::zeros({0}), 0, {.exclusive = true}).numel(), 0);
}

TEST(Cumsum, SingleIsCarriedInDouble) {
  const auto sums = dt::cumsum(dt::full({1 << 20}, 0.1, dt::f32), 0);
  EXPECT_EQ(dt::select(sums, 0, -1).item<float>(), static_cast<float>((1 << 20) * double(0.1f)));
}

TEST(Cumprod, ZerosHaveDerivativesOfEveryOrder) {
  const auto x = dt::tensor({2.0, 0.0, 3.0, 0.0});
  EXPECT_THAT(numbers(dt::cumprod(x, 0)), ElementsAre(2, 0, 0, 0));
  EXPECT_THAT(numbers(dt::cumprod(matrix, 1, {.exclusive = true})),
              ElementsAre(1, 1, 2, 1, 4, -20));
  EXPECT_THAT(numbers(dt::cumprod(matrix, 1, {.reverse = true})),
              ElementsAre(6, 6, 3, -120, -30, 6));
  // sum = x0 + x0 x1 + x0 x1 x2 + x0 x1 x2 x3
  auto total = [](const dt::Tensor& x) { return dt::sum(dt::cumprod(x, 0)); };
  EXPECT_THAT(numbers(dt::grad(total)(x)), ElementsAre(1, 8, 0, 0));
  EXPECT_THAT(numbers(dt::hessian(total)(x)),
              ElementsAre(0, 4, 0, 0, 4, 0, 2, 6, 0, 2, 0, 0, 0, 6, 0, 0));
  auto last = [](const dt::Tensor& x) { return dt::select(dt::cumprod(x, 0), 0, 3); };
  auto hessianSum = [&](const dt::Tensor& x) { return dt::sum(dt::hessian(last)(x)); };
  // e2 = sum over pairs of the product of the two others, twice; by x0: 2 (x1 + x2 + x3).
  EXPECT_THAT(numbers(dt::grad(hessianSum)(x)), ElementsAre(6, 10, 4, 10));
  EXPECT_THAT(numbers(dt::cumprod(dt::tensor({2.0, kInfinity, 3.0}), 0)),
              ElementsAre(2, kInfinity, kInfinity));
  EXPECT_TRUE(std::signbit(numbers(dt::cumprod(dt::tensor({-1.0, 0.0, 1.0}), 0))[2]));
}

TEST(Cummax, FirstOfTiesAndNaN) {
  const auto x = dt::tensor({1.0, 3.0, 3.0, 2.0, kNaN, 9.0});
  EXPECT_THAT((dt::argcummax(x, 0).to_vector<int64_t>()), ElementsAre(0, 1, 1, 1, 4, 4));
  EXPECT_THAT((dt::argcummin(x, 0, true).to_vector<int64_t>()), ElementsAre(4, 4, 4, 4, 4, 5));
  expectNear(dt::cummax(x, 0), {1, 3, 3, 3, kNaN, kNaN}, 0);
  expectNear(dt::cummin(matrix, 1, true), {1, 2, 3, -5, -5, 6}, 0);
  auto total = [](const dt::Tensor& x) { return dt::sum(dt::cummax(x, 0)); };
  EXPECT_THAT(numbers(dt::grad(total)(dt::tensor({1.0, 3.0, 3.0, 2.0}))), ElementsAre(1, 3, 0, 0));
}

TEST(Logcumsumexp, NeitherOverflowsNorDivides) {
  const auto x = dt::tensor({-kInfinity, -1000.0, 1000.0, 999.0, -kInfinity, 2000.0});
  const double log1pe = std::log1p(std::exp(-1.0));
  expectNear(dt::logcumsumexp(x, 0), {-kInfinity, -1000, 1000, 1000 + log1pe, 1000 + log1pe, 2000},
             1e-12);
  expectNear(dt::logcumsumexp(dt::tensor({0.0, kInfinity, 5.0}), 0), {0, kInfinity, kInfinity}, 0);
  auto total = [](const dt::Tensor& x) { return dt::sum(dt::logcumsumexp(x, 0, true)); };
  const auto small = dt::tensor({0.3, -kInfinity, -0.2});
  const double share = 1 / (1 + std::exp(-0.5));
  expectNear(dt::grad(total)(small), {share, 0, 3 - share}, 1e-15);
  const double slope = share * (1 - share);
  expectNear(dt::hessian(total)(small), {slope, 0, -slope, 0, 0, 0, -slope, 0, slope}, 1e-15);
  EXPECT_THAT(numbers(dt::grad(total)(dt::full({2}, -kInfinity))), Each(0.0));
}

TEST(LinearRecurrence, IsTheLoop) {
  const auto a = dt::tensor({{9.0, 2.0, 3.0}, {9.0, 0.5, -1.0}});
  EXPECT_THAT(numbers(dt::linear_recurrence(a, matrix, 1)), ElementsAre(1, 4, 15, 4, -3, 9));
  EXPECT_THAT(numbers(dt::linear_recurrence(0.5, matrix, 1, true)),
              ElementsAre(2.75, 3.5, 3, 3, -2, 6));
  EXPECT_THAT(numbers(dt::discounted_sum(dt::ones({3}), 0.5, 0)), ElementsAre(1.75, 1.5, 1));
  EXPECT_THAT(numbers(dt::linear_recurrence(kInfinity, dt::tensor({1.0, 0.0}), 0)),
              ElementsAre(1, kInfinity));
  // The first factor is not looked at, and what comes back to it is 0 whatever stands behind it.
  auto total = [](const dt::Tensor& a, const dt::Tensor& b) {
    return dt::sum(dt::linear_recurrence(a, b, 0));
  };
  const auto da = dt::grad(total)(dt::tensor({kNaN, kInfinity}), dt::tensor({1.0, 2.0}));
  EXPECT_THAT(numbers(da), ElementsAre(0, 1));
}

TEST(LinearRecurrence, BatchesAndCompilesToTheSameBits) {
  const auto a = dt::rand({5, 7}), b = dt::rand({3, 7});
  auto both = [](const dt::Tensor& a, const dt::Tensor& b) {
    auto energy = [&](const dt::Tensor& b) {
      return dt::sum(dt::square(dt::linear_recurrence(a, b, 0)));
    };
    return dt::vmap(dt::grad(energy))(b);
  };
  const auto row = dt::select(a, 0, 0);
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(both, {.numerics = dt::Numerics::strict})(row, b),
                                   both(row, b)));
}

//===-- Exponential averages -----------------------------------------------------------------===//

// The published results of pandas.Series([0, 1, 2, nan, 4]).ewm(com=0.5, ...).mean().
TEST(EwmMean, AgreesWithPandas) {
  const auto x = dt::tensor({0.0, 1.0, 2.0, kNaN, 4.0});
  const auto com = dt::Decay::com(0.5);
  expectNear(dt::ewm_mean(x, com, 0), {0, 0.75, 1.615385, 1.615385, 3.670213}, 5e-7);
  expectNear(dt::ewm_mean(x, com, 0, {.adjust = false}),
             {0, 0.666667, 1.555556, 1.555556, 3.650794}, 5e-7);
  expectNear(dt::ewm_mean(x, com, 0, {.ignore_na = true}), {0, 0.75, 1.615385, 1.615385, 3.225},
             5e-7);
  expectNear(dt::ewm_mean(x, com, 0, {.min_periods = 3}),
             {kNaN, kNaN, 1.615385, 1.615385, 3.670213}, 5e-7);
}

TEST(EwmMean, UnitsOfDecay) {
  EXPECT_EQ(dt::Decay::span(9).alpha(), 0.2);
  EXPECT_EQ(dt::Decay::com(4).alpha(), 0.2);
  EXPECT_NEAR(dt::Decay::halflife(2).alpha(), 1 - std::sqrt(0.5), 1e-15);
}

// Every average is a weighted mean: by the sums of its definition, NaN at the start and a gap over
// which every weight underflows.
TEST(EwmMean, IsTheWeightedMean) {
  std::vector<double> x{kNaN, 1e8 + 1, 1e8 + 3, kNaN};
  x.insert(x.end(), 1500, kNaN);
  x.push_back(1e8 + 2);
  x.push_back(1e8 + 5);
  for (const bool ignore : {false, true}) {
    std::vector<double> expected;
    for (size_t t = 0; t < x.size(); ++t) {
      double total = 0, weights = 0, weight = 1, largest = 0;
      for (size_t back = 0; back <= t; ++back) {
        const double each = x[t - back];
        // Scaled so that the newest element that is there has weight 1.
        if (!std::isnan(each) && largest == 0)
          largest = weight = 1;
        if (!std::isnan(each)) {
          total += weight * (each - 1e8);
          weights += weight;
        }
        weight *= std::isnan(each) && ignore ? 1 : 0.5;
      }
      expected.push_back(weights > 0 ? total / weights + 1e8 : kNaN);
    }
    expectNear(dt::ewm_mean(dt::tensor(x), dt::Decay::alpha(0.5), 0, {.ignore_na = ignore}),
               expected, 1e-7);
  }
}

TEST(EwmMean, DerivativesAreTheWeights) {
  const auto x = dt::tensor({kNaN, 1.0, kNaN, 3.0});
  auto last = [](const dt::Tensor& x) {
    return dt::select(dt::ewm_mean(x, dt::Decay::alpha(0.5), 0), 0, 3);
  };
  expectNear(dt::grad(last)(x), {0, 0.2, 0, 0.8}, 1e-15);
}

} // namespace
