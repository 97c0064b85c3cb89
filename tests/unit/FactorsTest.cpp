// Factors from prices: scores, alignment, no look-ahead, and each documented treatment.
#include "tools/study/Factors.h"
#include "tools/study/FactorsSeries.h"

#include <diptych/Error.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace diptych::study;

namespace {

// The built-in market's returns as a price table, with bars and volume on request.
PriceTable table(std::size_t days, std::size_t stocks, bool bars) {
  Panel market = makeMarket(days - 1, stocks, 4, 21);
  PriceTable prices;
  prices.report.path = "made";
  prices.symbols = market.symbols;
  prices.calendar = market.dates;
  prices.calendar.push_back(market.dates.back() + 1);
  prices.offsets = {0};
  for (std::size_t n = 0; n < stocks; ++n) {
    double close = 50.0 + double(n);
    for (std::size_t t = 0; t < days; ++t) {
      if (t > 0)
        close *= 1.0 + market.Y[(t - 1) * stocks + n];
      prices.day.push_back(std::int32_t(t));
      prices.close.push_back(close);
      if (bars) {
        double wobble = 0.002 + 0.001 * double((t * 7 + n * 3) % 11);
        prices.open.push_back(close * (1 - 0.3 * wobble));
        prices.high.push_back(close * (1 + wobble));
        prices.low.push_back(close * (1 - 0.001 * double(1 + (t * 3 + n * 5) % 7)));
        prices.volume.push_back(t > 0 ? market.volume[(t - 1) * stocks + n] : 1000.0);
      }
    }
    prices.offsets.push_back(prices.day.size());
  }
  return prices;
}

void erase(PriceTable& prices, std::size_t symbol, std::int32_t from, std::int32_t to) {
  for (std::size_t e = prices.offsets[symbol + 1]; e-- > prices.offsets[symbol];) {
    if (prices.day[e] < from || prices.day[e] >= to)
      continue;
    auto drop = [&](auto& values) {
      if (!values.empty())
        values.erase(values.begin() + std::ptrdiff_t(e));
    };
    drop(prices.day);
    drop(prices.close);
    drop(prices.open);
    drop(prices.high);
    drop(prices.low);
    drop(prices.volume);
    for (std::size_t s = symbol + 1; s < prices.offsets.size(); ++s)
      --prices.offsets[s];
  }
}

std::string messageOf(const PriceTable& prices, const FactorOptions& options = {}) {
  try {
    computeFactors(prices, options);
  } catch (const diptych::Error& error) {
    return error.what();
  }
  return "no error";
}

std::size_t indexOf(const Panel& panel, const std::string& name) {
  return std::size_t(std::find(panel.factors.begin(), panel.factors.end(), name) -
                     panel.factors.begin());
}

} // namespace

TEST(Factors, ClosesGiveTenAndBarsSixteen) {
  EXPECT_EQ(factorNames(table(50, 3, false)).size(), 10u);
  std::vector<std::string> names = factorNames(table(50, 3, true));
  EXPECT_EQ(names.size(), 16u);
  EXPECT_EQ(std::vector<std::string>(names.begin(), names.begin() + 4),
            (std::vector<std::string>{"momentum", "reversal", "volatility", "liquidity"}));
}

TEST(Factors, EveryExposureIsAScore) {
  FactorPanel result = computeFactors(table(200, 20, true));
  const Panel& panel = result.panel;
  EXPECT_EQ(panel.X.size(), panel.T * panel.N * panel.K);
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t k = 0; k < panel.K; ++k) {
      double mean = 0.0, square = 0.0;
      for (std::size_t n = 0; n < panel.N; ++n) {
        double x = panel.X[(t * panel.N + n) * panel.K + k];
        mean += x / 20;
        square += x * x / 20;
      }
      EXPECT_NEAR(mean, 0.0, 1e-12);
      EXPECT_NEAR(square, 1.0, 1e-12) << panel.factors[k] << " on day " << t;
    }
}

TEST(Factors, ReturnsFollowTheExposures) {
  PriceTable prices = table(120, 5, false);
  FactorPanel result = computeFactors(prices);
  const Panel& panel = result.panel;
  std::size_t first = 120 - 1 - panel.T;
  EXPECT_EQ(panel.dates[0], prices.calendar[first]);
  EXPECT_EQ(result.report.windows.year, 30u);
  for (std::size_t t = 0; t < panel.T; ++t) {
    double today = prices.close[prices.offsets[2] + first + t],
           next = prices.close[prices.offsets[2] + first + t + 1];
    EXPECT_NEAR(panel.Y[t * panel.N + 2], next / today - 1.0, 1e-15);
  }
}

TEST(Factors, NoExposureKnowsTheFuture) {
  PriceTable prices = table(200, 8, true);
  Panel before = computeFactors(prices).panel;
  std::size_t changed = 150;
  for (std::size_t e = 0; e < prices.day.size(); ++e)
    if (std::size_t(prices.day[e]) >= changed) {
      double factor = 1.0 + 0.1 * double((e * 5) % 7);
      prices.close[e] *= factor;
      prices.open[e] *= factor;
      prices.high[e] *= 2 * factor;
      prices.volume[e] *= 3 * factor;
    }
  Panel after = computeFactors(prices).panel;
  std::size_t first = 200 - 1 - before.T, same = (changed - first) * before.N * before.K;
  EXPECT_TRUE(
      std::equal(before.X.begin(), before.X.begin() + std::ptrdiff_t(same), after.X.begin()));
  EXPECT_NE(before.X, after.X);
}

TEST(Factors, MomentumRanksTheRiser) {
  PriceTable prices = table(120, 6, false);
  for (std::size_t t = 0; t < 120; ++t)
    prices.close[prices.offsets[3] + t] = 10.0 * std::pow(1.05, double(t));
  Panel panel = computeFactors(prices).panel;
  std::size_t momentum = indexOf(panel, "momentum"), reversal = indexOf(panel, "reversal");
  for (std::size_t n = 0; n < 6; ++n)
    EXPECT_TRUE(n == 3 || panel.X[3 * panel.K + momentum] > panel.X[n * panel.K + momentum]);
  EXPECT_LT(panel.X[3 * panel.K + reversal], 0.0);
}

TEST(Factors, MarketBetaOfTheMarketAveragesOne) {
  PriceTable prices = table(120, 6, false);
  std::vector<std::size_t> all{0, 1, 2, 3, 4, 5};
  std::vector<double> market = marketReturns(prices, all);
  double sum = 0.0;
  for (const FactorDefinition& factor : factorDefinitions())
    if (std::string(factor.name) == "beta")
      for (std::size_t n : all) {
        StockSeries stock = stockSeries(prices, n);
        stock.market = market;
        sum += factor.compute(stock, 100, FactorWindows{});
      }
  EXPECT_NEAR(sum / 6, 1.0, 1e-12); // the market is the mean of the six
}

TEST(Factors, SuspendedDaysReturnNothingAndTheMoveComesAfter) {
  PriceTable prices = table(120, 5, true);
  double before = prices.close[prices.offsets[1] + 89],
         after = prices.close[prices.offsets[1] + 92];
  erase(prices, 1, 90, 92);
  FactorPanel result = computeFactors(prices);
  const Panel& panel = result.panel;
  std::size_t first = 120 - 1 - panel.T;
  auto gain = [&](std::size_t day) { return panel.Y[(day - first) * panel.N + 1]; };
  EXPECT_EQ(gain(89), 0.0);
  EXPECT_EQ(gain(90), 0.0);
  EXPECT_NEAR(gain(91), after / before - 1.0, 1e-15);
  EXPECT_EQ(panel.volume[(90 - first) * panel.N + 1], 0.0);
  EXPECT_EQ(result.report.suspendedReturns, 2u);
  EXPECT_EQ(result.report.unlistedReturns, 0u);
}

TEST(Factors, UnlistedStocksAreAverageAndReturnNothing) {
  PriceTable prices = table(120, 5, false);
  erase(prices, 4, 0, 60);
  FactorPanel result = computeFactors(prices);
  const Panel& panel = result.panel;
  std::size_t first = 120 - 1 - panel.T;
  ASSERT_EQ(panel.N, 5u);
  for (std::size_t k = 0; k < panel.K; ++k)
    EXPECT_EQ(panel.X[4 * panel.K + k], 0.0);
  EXPECT_EQ(panel.Y[4], 0.0);
  EXPECT_EQ(result.report.unlistedReturns, 60u - first);
  // Momentum needs a whole look-back after the listing.
  EXPECT_EQ(result.report.missingExposures[0], 60u - first + result.report.windows.year);
}

TEST(Factors, ShortHistoriesAreLeftOutAndNamed) {
  PriceTable prices = table(120, 5, false);
  erase(prices, 0, 0, 115);
  erase(prices, 2, 0, 80);
  FactorPanel result = computeFactors(prices);
  EXPECT_EQ(result.panel.symbols, (std::vector<std::string>{"S001", "S003", "S004"}));
  using Entry = std::pair<std::string, std::string>;
  EXPECT_EQ(result.report.leftOut,
            (std::vector<Entry>{{"S000", "5 closes, fewer than 32"},
                                {"S002", "40 closes in the panel's 90 days, fewer than 45"}}));
  EXPECT_NE(result.report.text(result.panel).find("2 symbols left out:\n    S000: 5 closes"),
            std::string::npos);
}

TEST(Factors, LimitsKeepTheLatestDaysAndTheFullestStocks) {
  PriceTable prices = table(120, 5, false);
  erase(prices, 1, 100, 101);
  FactorOptions options;
  options.T = 40;
  options.N = 4;
  options.K = 3;
  Panel panel = computeFactors(prices, options).panel;
  EXPECT_EQ(panel.T, 40u);
  EXPECT_EQ(panel.K, 3u);
  EXPECT_EQ(panel.dates.back(), prices.calendar[118]);
  EXPECT_EQ(panel.symbols, (std::vector<std::string>{"S000", "S002", "S003", "S004"}));
}

TEST(Factors, OutliersAreWinsorised) {
  PriceTable prices = table(120, 30, false);
  for (std::size_t t = 100; t < 120; ++t)
    prices.close[prices.offsets[7] + t] *= 5.0;
  FactorPanel result = computeFactors(prices);
  EXPECT_GT(result.report.winsorised[indexOf(result.panel, "reversal")], 0u);
  EXPECT_EQ(result.report.largeReturns, 1u);
  for (double x : result.panel.X)
    EXPECT_LT(std::fabs(x), 5.0);
}

TEST(Factors, IdenticalStocksHaveNoSpread) {
  PriceTable prices = table(60, 3, false);
  for (std::size_t t = 0; t < 60; ++t)
    prices.close[prices.offsets[1] + t] = prices.close[prices.offsets[2] + t] = prices.close[t];
  FactorPanel result = computeFactors(prices);
  EXPECT_EQ(result.report.flatDays[0], result.panel.T);
  EXPECT_EQ(result.panel.X, std::vector<double>(result.panel.X.size(), 0.0));
}

TEST(Factors, MisuseIsNamed) {
  EXPECT_EQ(messageOf(table(41, 3, false)),
            "made: factors need at least 42 days of prices, got 41; give a longer history");
  EXPECT_EQ(messageOf(table(60, 1, false)),
            "made: z-scores need at least 2 symbols with a sufficient history, got 1 "
            "of 1; add symbols or lower the coverage");
  FactorOptions small;
  small.maxValues = 100;
  EXPECT_EQ(messageOf(table(60, 3, false), small),
            "made: a panel of 44 days x 3 stocks x 10 factors exceeds 100 values; limit T, N or K");
  FactorOptions one;
  one.N = 1;
  EXPECT_EQ(messageOf(table(60, 3, false), one),
            "factors: z-scores need at least 2 stocks, got a limit of N=1; allow 2 or more");
  FactorOptions coverage;
  coverage.coverage = 1.5;
  EXPECT_EQ(messageOf(table(60, 3, false), coverage),
            "factors: expected a coverage between 0 and 1, got 1.500000");
}
