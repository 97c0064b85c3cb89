// Rolling statistics against each window computed on its own, in long double and two passes.
#include "RollingReference.h"
#include "SameBits.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using testing::Each;
using testing::ElementsAre;

namespace {

using namespace dt::test;

struct Rolling : testing::TestWithParam<std::tuple<int, double>> {
  const int64_t window = std::get<0>(GetParam());
  const double offset = std::get<1>(GetParam());
  const Numbers x = series(97, offset, 5), y = series(97, -2 * offset, 6);

  void check(const std::function<dt::Tensor(const dt::Tensor&, dt::RollingOptions)>& rolling,
             const Statistic& statistic, int64_t needed, double tolerance) {
    for (const int64_t least : {int64_t{1}, std::min<int64_t>(3, window), window}) {
      SCOPED_TRACE("min_periods " + std::to_string(least));
      const dt::RollingOptions options{.min_periods = least};
      expectNear(rolling(dt::tensor(x), options),
                 naive(x, {}, window, std::max(least, needed), statistic), tolerance);
    }
  }
  void checkPair(const std::function<dt::Tensor(const dt::Tensor&, const dt::Tensor&,
                                                dt::RollingOptions)>& rolling,
                 const Statistic& statistic) {
    for (const int64_t least : {int64_t{1}, window})
      expectNear(rolling(dt::tensor(x), dt::tensor(y), {.min_periods = least}),
                 naive(x, y, window, std::max<int64_t>(least, 2), statistic), 1e-12);
  }
};

TEST_P(Rolling, SumAndMean) {
  check([&](auto& x, auto options) { return dt::rolling_sum(x, window, 0, options); },
        [](const WindowOf& w) { return w.x.empty() ? 0 : (WindowOf::mean(w.x) + w.first) * w.n(); },
        0, 1e-15);
  check([&](auto& x, auto options) { return dt::rolling_mean(x, window, 0, options); },
        [](const WindowOf& w) { return WindowOf::mean(w.x) + w.first; }, 1, 1e-15);
}

TEST_P(Rolling, VarianceAndDeviation) {
  const auto variance = [](const WindowOf& w) { return WindowOf::product(w.x, w.x) / (w.n() - 1); };
  check([&](auto& x, auto options) { return dt::rolling_var(x, window, 0, options); }, variance, 2,
        1e-12);
  check([&](auto& x, auto options) { return dt::rolling_std(x, window, 0, options); },
        [&](const WindowOf& w) { return std::sqrt(variance(w)); }, 2, 1e-12);
}

TEST_P(Rolling, CovarianceAndCorrelation) {
  checkPair(
      [&](auto& x, auto& y, auto options) { return dt::rolling_cov(x, y, window, 0, options); },
      [](const WindowOf& w) { return WindowOf::product(w.x, w.y) / (w.n() - 1); });
  checkPair(
      [&](auto& x, auto& y, auto options) { return dt::rolling_corr(x, y, window, 0, options); },
      [](const WindowOf& w) {
        const Wide scale = WindowOf::product(w.x, w.x) * WindowOf::product(w.y, w.y);
        return scale == 0 ? Wide(kNaN) : WindowOf::product(w.x, w.y) / std::sqrt(scale);
      });
}

TEST_P(Rolling, RegressionOnTime) {
  const auto slope = [](const WindowOf& w) {
    return WindowOf::product(w.x, w.place) / WindowOf::product(w.place, w.place);
  };
  check([&](auto& x, auto options) { return dt::rolling_slope(x, window, 0, options); }, slope, 2,
        1e-12);
  check([&](auto& x, auto options) { return dt::rolling_residual(x, window, 0, options); },
        [&](const WindowOf& w) -> Wide {
          if (std::isnan(w.newest))
            return kNaN;
          return w.x.back() - WindowOf::mean(w.x) -
                 slope(w) * (w.place.back() - WindowOf::mean(w.place));
        },
        2, 1e-12);
  check([&](auto& x, auto options) { return dt::rolling_rsquare(x, window, 0, options); },
        [](const WindowOf& w) {
          const Wide joint = WindowOf::product(w.x, w.place);
          const Wide scale = WindowOf::product(w.x, w.x) * WindowOf::product(w.place, w.place);
          return scale == 0 ? Wide(kNaN) : joint * joint / scale;
        },
        2, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Windows, Rolling,
                         testing::Combine(testing::Values(1, 2, 5, 10, 60, 97, 200),
                                          testing::Values(0.0, 1e8)));

// A jump far larger than the noise, in the block of the window but not in the window.
TEST(RollingMoments, WhatIsOutsideTheWindowCostsNoDigits) {
  Numbers x = series(40, 0, 9);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::isnan(x[i]) ? 0.5 : x[i] + (i % 10 == 5 ? 1e9 : 0);
  const Numbers expected = naive(
      x, {}, 5, 5, [](const WindowOf& w) { return WindowOf::product(w.x, w.x) / (w.n() - 1); });
  expectNear(dt::rolling_var(dt::tensor(x), 5, 0), expected, 1e-13);
}

TEST(RollingMoments, AnInfinityStaysInItsWindows) {
  const auto x = dt::tensor({1.0, std::numeric_limits<double>::infinity(), 2.0, 4.0, 3.0});
  expectNear(
      dt::rolling_mean(x, 2, 0, {.min_periods = 1}),
      {1, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity(), 3, 3.5},
      1e-15);
  expectNear(dt::rolling_var(x, 2, 0), {kNaN, kNaN, kNaN, 2, 0.5}, 1e-15);
}

TEST(RollingMoments, AxesDtypesAndEmptyAxes) {
  const auto x = dt::rand({3, 7, 2});
  const auto moved = dt::transpose(x, {0, 2, 1});
  EXPECT_TRUE(dt::test::sameTensor(dt::rolling_std(x, 3, 1),
                                   dt::transpose(dt::rolling_std(moved, 3, -1), {0, 2, 1})));
  EXPECT_EQ(dt::rolling_mean(x.astype(dt::f32), 3, 0).type().str(), "f32[3,7,2]");
  EXPECT_EQ(dt::rolling_slope(dt::zeros({2, 0}), 3, 1).type().str(), "f64[2,0]");
  EXPECT_THAT(numbers(dt::rolling_count(dt::tensor({kNaN, 1.0, 2.0, kNaN}), 2, 0)),
              ElementsAre(0, 1, 2, 1));
  EXPECT_THAT(numbers(dt::rolling_count(dt::tensor({kNaN, 1.0, 2.0}), 5, 0)), ElementsAre(0, 1, 2));
}

//===-- Derivatives --------------------------------------------------------------------------===//

dt::Tensor everything(const dt::Tensor& x) {
  const auto y = dt::sin(3.0 * dt::where(dt::isnan(x), 0.0, x));
  const dt::RollingOptions options{.min_periods = 2};
  dt::Tensor total = dt::zeros_like(x);
  for (const auto& part :
       {dt::rolling_mean(x, 4, 0, options), dt::rolling_std(x, 4, 0, options),
        dt::rolling_cov(x, y, 4, 0, options), dt::rolling_corr(x, y, 4, 0, options),
        dt::rolling_slope(x, 4, 0, options), dt::rolling_residual(x, 4, 0, options),
        dt::rolling_rsquare(x, 4, 0, options)})
    total = total + dt::where(dt::isnan(part), 0.0, part);
  return dt::sum(dt::square(total));
}

TEST(RollingDerivatives, FirstAndSecondAreDifferences) {
  const auto x = dt::tensor({0.3, -1.2, 0.8, kNaN, 0.1, 1.4, -0.6, 0.9, 0.2});
  const auto v = dt::tensor({0.5, -0.2, 0.1, 0.0, 0.7, -0.4, 0.3, 0.6, -0.8});
  const double step = 1e-5;
  const auto ahead = x + step * v, behind = x - step * v;
  const auto gradient = dt::grad(everything);
  const double slope = (everything(ahead) - everything(behind)).item<double>() / (2 * step);
  EXPECT_NEAR(dt::sum(dt::where(dt::isnan(x), 0.0, gradient(x) * v)).item<double>(), slope,
              1e-7 * std::abs(slope));
  const auto curved = numbers(dt::hvp(everything)(x, v));
  const auto difference = numbers((gradient(ahead) - gradient(behind)) / (2 * step));
  for (size_t i = 0; i < curved.size(); ++i)
    EXPECT_NEAR(curved[i], difference[i], 1e-5 * std::max(1.0, std::abs(difference[i]))) << i;
  EXPECT_EQ(numbers(gradient(x))[3], 0) << "what is missing";
}

TEST(RollingDerivatives, OfAConstantAreZeroAndNeverNaN) {
  const auto flat = dt::full({6}, 1e8);
  auto safe = [](const dt::Tensor& x) {
    const auto each = dt::rolling_std(x, 3, 0, {.min_periods = 2});
    return dt::sum(dt::where(dt::isnan(each), 0.0, each));
  };
  EXPECT_THAT(numbers(dt::rolling_std(flat, 3, 0)), testing::Contains(0.0));
  EXPECT_THAT(numbers(dt::grad(safe)(flat)), Each(0.0));
  EXPECT_THAT(numbers(dt::hessian(safe)(flat)), Each(0.0));
  auto correlated = [](const dt::Tensor& x) {
    const auto each = dt::rolling_corr(x, dt::sin(x), 3, 0);
    return dt::sum(dt::where(dt::isnan(each), 0.0, each));
  };
  EXPECT_THAT(numbers(dt::grad(correlated)(flat)), Each(0.0));
}

TEST(RollingCompiled, EagerAndCompiledGiveTheSameBits) {
  const auto x = dt::reshape(dt::tensor(series(96, 3, 2)), {32, 3});
  auto values = [](const dt::Tensor& x) {
    return std::tuple(dt::rolling_std(x, 5, 0), dt::rolling_corr(x, dt::flip(x, 0), 5, 0),
                      dt::rolling_residual(x, 5, 0, {.min_periods = 2}),
                      dt::vmap([](const dt::Tensor& column) {
                        return dt::rolling_rsquare(column, 4, 0);
                      })(dt::transpose(x)));
  };
  auto loss = [&](const dt::Tensor& x) {
    const auto each = std::get<1>(values(x)) + std::get<2>(values(x));
    return dt::sum(dt::where(dt::isnan(each), 0.0, each));
  };
  const dt::JitOptions strict{.numerics = dt::Numerics::strict};
  const auto eager = values(x);
  const auto compiled = dt::jit(values, strict)(x);
  EXPECT_TRUE(dt::test::sameTensor(std::get<0>(compiled), std::get<0>(eager)));
  EXPECT_TRUE(dt::test::sameTensor(std::get<1>(compiled), std::get<1>(eager)));
  EXPECT_TRUE(dt::test::sameTensor(std::get<2>(compiled), std::get<2>(eager)));
  EXPECT_TRUE(dt::test::sameTensor(std::get<3>(compiled), std::get<3>(eager)));
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(dt::grad(loss), strict)(x), dt::grad(loss)(x)));
}

TEST(Shift, BothWays) {
  const auto x = dt::tensor({1.0, 2.0, 4.0});
  expectNear(dt::shift(x, 1, 0), {kNaN, 1, 2}, 0);
  expectNear(dt::shift(x, -2, 0), {4, kNaN, kNaN}, 0);
  expectNear(dt::shift(x, 9, 0, 0.0), {0, 0, 0}, 0);
  expectNear(dt::diff(x, 1, 0), {kNaN, 1, 2}, 0);
}

// Whatever stands behind the axis has one element each, or several: the same sums in other lanes.
TEST(RollingLayouts, OneSeriesBesideAxesOfOneElement) {
  const auto line = dt::random::normal(dt::random::key(3), {103});
  const auto expected = dt::rolling_std(line, 7, 0, {.min_periods = 3});
  const auto check = [&](const dt::Shape& shape, int64_t axis) {
    const auto got = dt::rolling_std(dt::reshape(line, shape), 7, axis, {.min_periods = 3});
    EXPECT_TRUE(dt::test::sameTensor(dt::reshape(got, {103}), expected));
  };
  check({103, 1}, 0);
  check({1, 103, 1, 1}, 1);
  const auto twice = dt::stack({line, line}, 1);
  const auto both = dt::rolling_std(twice, 7, 0, {.min_periods = 3});
  EXPECT_TRUE(dt::test::sameTensor(dt::select(both, 1, 1).contiguous(), expected));
}

} // namespace
