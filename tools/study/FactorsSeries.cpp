// The factors' formulas. Windows are summed anew for each day: no running sum can drift.
#include "tools/study/FactorsSeries.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace diptych::study {

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

using Series = std::vector<double>;

/// The last `length` entries up to i; empty if there are not so many.
std::span<const double> window(const Series& series, std::size_t i, std::size_t length) {
  if (series.empty() || i + 1 < length)
    return {};
  return {series.data() + (i + 1 - length), length};
}

/// Returns start at entry 1, so a window of them must not contain entry 0.
std::span<const double> moves(const Series& series, std::size_t i, std::size_t length) {
  return i >= length ? window(series, i, length) : std::span<const double>();
}

double mean(std::span<const double> values) {
  double sum = 0.0;
  for (double value : values)
    sum += value;
  return sum / double(values.size());
}

/// Mean of f(entry) over the entries of a window for which it is a number, at least half of them.
template <typename Function> double meanOf(std::size_t i, std::size_t length, Function f) {
  if (i + 1 < length)
    return missing;
  double sum = 0.0;
  std::size_t count = 0;
  for (std::size_t j = i + 1 - length; j <= i; ++j)
    if (double value = f(j); !std::isnan(value)) {
      sum += value;
      ++count;
    }
  return 2 * count >= length ? sum / double(count) : missing;
}

double deviation(std::span<const double> values) {
  if (values.size() < 2)
    return missing;
  double centre = mean(values), square = 0.0;
  for (double value : values)
    square += (value - centre) * (value - centre);
  return std::sqrt(square / double(values.size() - 1));
}

double logRatio(const StockSeries& stock, std::size_t i, std::size_t back, std::size_t skip = 0) {
  return i >= back ? std::log(stock.close[i - skip] / stock.close[i - back]) : missing;
}

struct Regression {
  double slope = missing, residual = missing; ///< residual: its standard deviation
};

// Least squares of the stock's returns on the market's.
Regression regress(const StockSeries& stock, std::size_t i, std::size_t length) {
  std::span<const double> y = moves(stock.move, i, length), x = window(stock.market, i, length);
  if (y.size() < 3)
    return {};
  double meanX = mean(x), meanY = mean(y), xx = 0.0, xy = 0.0, yy = 0.0;
  for (std::size_t j = 0; j < y.size(); ++j) {
    xx += (x[j] - meanX) * (x[j] - meanX);
    xy += (x[j] - meanX) * (y[j] - meanY);
    yy += (y[j] - meanY) * (y[j] - meanY);
  }
  if (!(xx > 0.0))
    return {};
  double unexplained = std::max(yy - xy * xy / xx, 0.0);
  return {xy / xx, std::sqrt(unexplained / double(y.size() - 2))};
}

double skewness(std::span<const double> values) {
  double spread = deviation(values);
  if (!(spread > 0.0))
    return missing;
  double centre = mean(values), cube = 0.0;
  for (double value : values) {
    double z = (value - centre) / spread;
    cube += z * z * z;
  }
  return cube / double(values.size());
}

double dollars(const StockSeries& stock, std::size_t j) { return stock.close[j] * stock.volume[j]; }

double positiveLog(double value) { return value > 0.0 ? std::log(value) : missing; }

using Stock = const StockSeries&;
using Windows = const FactorWindows&;
using Index = std::size_t;

constexpr std::array<FactorDefinition, 16> definitions{{
    {"momentum", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) {
       return logRatio(s, i, w.year, w.month); // the last month tends to reverse, so it is left out
     }},
    {"reversal", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return -logRatio(s, i, w.week); }},
    {"volatility", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return deviation(moves(s.logMove, i, w.weeks)); }},
    {"liquidity", FactorNeeds::volume,
     [](Stock s, Index i, Windows w) {
       return positiveLog(meanOf(i, w.weeks, [&](Index j) { return dollars(s, j); }));
     }},
    {"beta", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return regress(s, i, w.quarter).slope; }},
    {"idiosyncratic_volatility", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return regress(s, i, w.quarter).residual; }},
    {"max_return", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) {
       std::span<const double> last = moves(s.move, i, w.weeks);
       return last.empty() ? missing : *std::max_element(last.begin(), last.end());
     }},
    {"nearness_to_high", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) {
       std::span<const double> year = window(s.close, i, w.year);
       return year.empty() ? missing
                           : std::log(s.close[i] / *std::max_element(year.begin(), year.end()));
     }},
    {"quarter_momentum", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return logRatio(s, i, w.quarter); }},
    {"quarter_volatility", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return deviation(moves(s.logMove, i, w.quarter)); }},
    {"skewness", FactorNeeds::closes,
     [](Stock s, Index i, Windows w) { return skewness(moves(s.logMove, i, w.quarter)); }},
    {"abnormal_volume", FactorNeeds::volume,
     [](Stock s, Index i, Windows w) {
       auto volume = [&](Index j) { return s.volume[j]; };
       return positiveLog(meanOf(i, w.week, volume) / meanOf(i, w.quarter, volume));
     }},
    {"illiquidity", FactorNeeds::volume,
     [](Stock s, Index i, Windows w) {
       // Amihud: how far a dollar moves the price.
       return positiveLog(meanOf(i, w.weeks, [&](Index j) {
         return dollars(s, j) > 0.0 ? std::fabs(s.move[j]) / dollars(s, j) : missing;
       }));
     }},
    {"range_volatility", FactorNeeds::bars,
     [](Stock s, Index i, Windows w) {
       // Parkinson: E log^2(high / low) = 4 ln 2 sigma^2.
       return std::sqrt(meanOf(i, w.weeks, [&](Index j) {
         double range = std::log(s.high[j] / s.low[j]);
         return range * range / (4.0 * std::log(2.0));
       }));
     }},
    {"close_location", FactorNeeds::bars,
     [](Stock s, Index i, Windows w) {
       return meanOf(i, w.week, [&](Index j) {
         double range = s.high[j] - s.low[j];
         return range > 0.0 ? (2.0 * s.close[j] - s.high[j] - s.low[j]) / range : missing;
       });
     }},
    {"overnight_return", FactorNeeds::bars,
     [](Stock s, Index i, Windows w) {
       return meanOf(i, w.weeks, [&](Index j) {
         return j > 0 ? std::log(s.open[j] / s.close[j - 1]) : missing;
       });
     }},
}};

} // namespace

std::span<const FactorDefinition> factorDefinitions() { return definitions; }

StockSeries stockSeries(const PriceTable& prices, std::size_t symbol) {
  StockSeries stock;
  std::size_t begin = prices.offsets[symbol], end = prices.offsets[symbol + 1];
  stock.first = std::size_t(prices.day[begin]);
  std::size_t length = std::size_t(prices.day[end - 1]) - stock.first + 1;
  stock.close.assign(length, missing);
  stock.traded.assign(length, 0);
  auto spread = [&](const std::vector<double>& from, std::vector<double>& to, double absent) {
    if (from.empty())
      return;
    to.assign(length, absent);
    for (std::size_t e = begin; e < end; ++e)
      to[std::size_t(prices.day[e]) - stock.first] = from[e];
  };
  spread(prices.close, stock.close, missing);
  spread(prices.open, stock.open, missing);
  spread(prices.high, stock.high, missing);
  spread(prices.low, stock.low, missing);
  spread(prices.volume, stock.volume, 0.0);
  stock.move.assign(length, 0.0);
  stock.logMove.assign(length, 0.0);
  for (std::size_t i = 0; i < length; ++i) {
    stock.traded[i] = !std::isnan(stock.close[i]);
    if (!stock.traded[i])
      stock.close[i] = stock.close[i - 1]; // the first day has a close
    if (i == 0)
      continue;
    stock.move[i] = stock.close[i] / stock.close[i - 1] - 1.0;
    stock.logMove[i] = std::log(stock.close[i] / stock.close[i - 1]);
  }
  return stock;
}

std::vector<double> marketReturns(const PriceTable& prices, std::span<const std::size_t> symbols) {
  std::vector<double> sum(prices.calendar.size(), 0.0);
  std::vector<std::size_t> count(prices.calendar.size(), 0);
  for (std::size_t symbol : symbols) {
    StockSeries stock = stockSeries(prices, symbol);
    for (std::size_t i = 1; i < stock.size(); ++i)
      if (stock.traded[i]) {
        sum[stock.first + i] += stock.move[i];
        ++count[stock.first + i];
      }
  }
  for (std::size_t t = 0; t < sum.size(); ++t)
    sum[t] = count[t] ? sum[t] / double(count[t]) : 0.0;
  return sum;
}

} // namespace diptych::study
