// Rolling extrema, ranks and quantiles against each window on its own.
#include "RollingReference.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using testing::ElementsAre;

namespace {

using namespace dt::test;

// Few different numbers, so that there are ties.
Numbers tied(size_t n, unsigned seed) {
  Numbers x = series(n, 0, seed);
  for (double& each : x)
    each = std::round(2 * each) / 2;
  return x;
}

double quantileOf(std::vector<double> sorted, double q) {
  std::sort(sorted.begin(), sorted.end());
  const double place = q * static_cast<double>(sorted.size() - 1), low = std::floor(place);
  const double first = sorted[static_cast<size_t>(low)];
  return first + (sorted[static_cast<size_t>(std::ceil(place))] - first) * (place - low);
}

struct RollingOrder : testing::TestWithParam<int> {
  const int64_t window = GetParam();

  void check(const std::function<dt::Tensor(const dt::Tensor&, dt::RollingOptions)>& rolling,
             const Statistic& statistic, double tolerance = 0) {
    for (const Numbers& x : {series(97, 1e8, 3), tied(97, 4)})
      for (const int64_t least : {int64_t{1}, window})
        expectNear(rolling(dt::tensor(x), {.min_periods = least}),
                   naive(x, {}, window, least, statistic), tolerance);
  }
};

TEST_P(RollingOrder, Extrema) {
  check([&](auto& x, auto options) { return dt::rolling_max(x, window, 0, options); },
        [](const WindowOf& w) { return *std::max_element(w.raw.begin(), w.raw.end()); });
  check([&](auto& x, auto options) { return dt::rolling_min(x, window, 0, options); },
        [](const WindowOf& w) { return *std::min_element(w.raw.begin(), w.raw.end()); });
}

TEST_P(RollingOrder, PositionsAreOfTheOldest) {
  const Numbers x = tied(97, 7);
  const auto oldest = [&](bool greatest) {
    Numbers expected = naive(x, {}, window, 1, [&](const WindowOf& w) {
      const auto best = greatest ? std::max_element(w.raw.begin(), w.raw.end())
                                 : std::min_element(w.raw.begin(), w.raw.end());
      return w.place[static_cast<size_t>(best - w.raw.begin())];
    });
    for (size_t t = 0; t < expected.size(); ++t)
      if (std::isnan(expected[t]))
        expected[t] = static_cast<double>(t);
    return expected;
  };
  expectNear(dt::rolling_argmax(dt::tensor(x), window, 0), oldest(true), 0);
  expectNear(dt::rolling_argmin(dt::tensor(x), window, 0), oldest(false), 0);
}

TEST_P(RollingOrder, Ranks) {
  for (const bool pct : {false, true})
    check(
        [&](auto& x, auto options) {
          options.pct = pct;
          return dt::rolling_rank(x, window, 0, options);
        },
        [&](const WindowOf& w) -> Wide {
          if (std::isnan(w.newest))
            return kNaN;
          double below = 0, ties = 0;
          for (double each : w.raw) {
            below += each < w.newest;
            ties += each == w.newest;
          }
          return (below + (ties + 1) / 2) / (pct ? static_cast<double>(w.raw.size()) : 1.0);
        });
}

TEST_P(RollingOrder, Quantiles) {
  for (const double q : {0.0, 0.2, 0.5, 0.8, 1.0})
    check([&](auto& x, auto options) { return dt::rolling_quantile(x, q, window, 0, options); },
          [&](const WindowOf& w) { return quantileOf(w.raw, q); }, 1e-15);
  check([&](auto& x, auto options) { return dt::rolling_median(x, window, 0, options); },
        [&](const WindowOf& w) { return quantileOf(w.raw, 0.5); }, 1e-15);
}

INSTANTIATE_TEST_SUITE_P(Windows, RollingOrder, testing::Values(1, 2, 5, 10, 60, 200));

TEST(RollingOrderDerivatives, BelongToTheElements) {
  const auto x = dt::tensor({3.0, 1.0, 1.0, 2.0, kNaN, 5.0});
  auto least = [](const dt::Tensor& x) {
    return dt::sum(dt::rolling_min(x, 3, 0, {.min_periods = 1}));
  };
  EXPECT_THAT(numbers(dt::grad(least)(x)), ElementsAre(1, 3, 1, 1, 0, 0));
  auto middle = [](const dt::Tensor& x) {
    return dt::sum(dt::rolling_median(x, 4, 0, {.min_periods = 1}));
  };
  // Windows: 3 | 3 1 | 3 1 1 | 3 1 1 2 | 1 1 2 | 1 2 5
  EXPECT_THAT(numbers(dt::grad(middle)(x)), ElementsAre(1.5, 0.5, 2.5, 1.5, 0, 0));
}

TEST(RollingOrderCompiled, EagerAndCompiledGiveTheSameBits) {
  const auto x = dt::reshape(dt::tensor(tied(96, 2)), {32, 3});
  auto values = [](const dt::Tensor& x) {
    const dt::RollingOptions options{.min_periods = 2};
    return dt::stack({dt::rolling_max(x, 5, 0, options), dt::rolling_rank(x, 5, 0, options),
                      dt::rolling_quantile(x, 0.3, 5, 0, options),
                      dt::transpose(dt::vmap([&](const dt::Tensor& column) {
                        return dt::rolling_median(column, 4, 0, options);
                      })(dt::transpose(x)))});
  };
  auto loss = [&](const dt::Tensor& x) {
    const auto each = values(x);
    return dt::sum(dt::where(dt::isnan(each), 0.0, each * each));
  };
  const dt::JitOptions strict{.numerics = dt::Numerics::strict};
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(values, strict)(x), values(x)));
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(dt::grad(loss), strict)(x), dt::grad(loss)(x)));
  EXPECT_TRUE(
      dt::test::sameTensor(dt::rolling_quantile(x, 0.3, 5, 0),
                           dt::transpose(dt::rolling_quantile(dt::transpose(x), 0.3, 5, 1))));
}

} // namespace
