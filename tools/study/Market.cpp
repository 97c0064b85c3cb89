// The built-in market. Only +, -, *, / and sqrt touch its numbers and every draw is a statement of
// its own, so that neither libm nor the order of evaluation changes a bit (nor contraction: the
// build has it off).
#include "tools/study/Market.h"

#include "tools/study/MarketStream.h"

#include <diptych/Error.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace diptych::study {

namespace {

struct Style {
  const char* name;
  double persistence; // day-to-day AR(1) coefficient of the exposure
};

constexpr std::array<Style, 12> styles{{{"momentum", 0.98},
                                        {"reversal", 0.80},
                                        {"volatility", 0.99},
                                        {"liquidity", 0.995},
                                        {"size", 0.999},
                                        {"value", 0.995},
                                        {"quality", 0.997},
                                        {"growth", 0.99},
                                        {"beta", 0.99},
                                        {"leverage", 0.997},
                                        {"earnings_yield", 0.995},
                                        {"dividend_yield", 0.997}}};
constexpr std::size_t volatilityIndex = 2, liquidityIndex = 3;
constexpr double furtherStylePersistence = 0.97;

constexpr double marketDrift = 0.0004, marketVolatility = 0.009; // a day
constexpr double factorVolatility = 0.008;                       // a day, of all factors together
constexpr double factorPremium = 0.06; // of the first factor, in its own daily volatilities

double persistence(std::size_t k) {
  return k < styles.size() ? styles[k].persistence : furtherStylePersistence;
}

double clip(double x, double bound) { return std::min(std::max(x, -bound), bound); }

// GARCH(1,1) with mean 1: h' = 0.03 + 0.07 e^2 + 0.90 h, kept within [0.1, 20].
double nextVariance(double variance, double shock) {
  return std::clamp(0.03 + 0.07 * shock * shock + 0.90 * variance, 0.1, 20.0);
}

/// What does not change from day to day.
struct Stocks {
  std::vector<double> ownVolatility;
  std::vector<double> baseVolume;

  Stocks(std::size_t count, MarketStream& draw) : ownVolatility(count), baseVolume(count) {
    for (std::size_t n = 0; n < count; ++n) {
      ownVolatility[n] = 0.01 + 0.02 * draw.uniform();
      baseVolume[n] = 2e5 / std::sqrt(draw.uniform()); // Pareto with tail index 2
    }
  }
};

/// One AR(1) per stock and factor.
class Exposures {
public:
  Exposures(std::size_t stocks, std::size_t factors, MarketStream& draw)
      : stocks_(stocks), factors_(factors), state_(stocks * factors), scale_(factors) {
    for (std::size_t k = 0; k < factors; ++k)
      scale_[k] = std::sqrt(1.0 - persistence(k) * persistence(k));
    for (double& exposure : state_)
      exposure = draw.bell();
  }

  void advance(MarketStream& draw) {
    // Uniform innovations: the autoregression sums so many of them that the exposures are
    // bell-shaped.
    for (std::size_t n = 0, i = 0; n < stocks_; ++n)
      for (std::size_t k = 0; k < factors_; ++k, ++i)
        state_[i] = persistence(k) * state_[i] + scale_[k] * draw.centred();
  }

  void writeScores(double* x) const {
    std::copy(state_.begin(), state_.end(), x);
    for (std::size_t k = 0; k < factors_; ++k)
      zScore(x + k, stocks_, factors_);
  }

private:
  std::size_t stocks_, factors_;
  std::vector<double> state_, scale_;
};

std::vector<double> factorReturns(std::size_t count, double variance, MarketStream& draw) {
  std::vector<double> returns(count);
  double volatility = factorVolatility / std::sqrt(static_cast<double>(count));
  for (std::size_t k = 0; k < count; ++k) {
    double premium = (k % 2 == 0 ? factorPremium : -factorPremium) / (1.0 + 0.125 * double(k));
    returns[k] = volatility * (premium + std::sqrt(variance) * draw.fatTailed());
  }
  return returns;
}

struct Day {
  double variance = 1.0; // of the whole market, relative to its mean
  double market = 0.0;   // the market's return
  std::vector<double> factors;
};

void writeReturns(Panel& panel, std::size_t t, const Day& day, const Stocks& stocks,
                  MarketStream& draw) {
  const double* x = panel.X.data() + t * panel.N * panel.K;
  for (std::size_t n = 0; n < panel.N; ++n, x += panel.K) {
    double explained = day.market;
    for (std::size_t k = 0; k < panel.K; ++k)
      explained += x[k] * day.factors[k];
    double own = stocks.ownVolatility[n] * std::sqrt(0.5 + 0.5 * day.variance);
    if (panel.K > volatilityIndex)
      own *= 1.0 + 0.25 * clip(x[volatilityIndex], 2.0);
    // A stock cannot lose more than all it has.
    panel.Y[t * panel.N + n] = std::max(explained + own * draw.fatTailed(), -0.95);
  }
}

void writeVolume(Panel& panel, std::size_t t, const Stocks& stocks, MarketStream& draw) {
  const double* x = panel.X.data() + t * panel.N * panel.K;
  for (std::size_t n = 0; n < panel.N; ++n, x += panel.K) {
    double lastMove = t > 0 ? std::fabs(panel.Y[(t - 1) * panel.N + n]) : 0.0;
    double activity = 0.5 + draw.uniform() + 8.0 * lastMove;
    if (panel.K > liquidityIndex)
      activity *= 1.0 + 0.2 * clip(x[liquidityIndex], 2.0);
    panel.volume[t * panel.N + n] = std::floor(stocks.baseVolume[n] * activity);
  }
}

std::vector<std::int32_t> weekdays(std::size_t count) {
  std::vector<std::int32_t> days;
  std::int32_t day = dayNumber(2010, 1, 4); // a Monday
  for (std::size_t t = 0; t < count; ++t) {
    days.push_back(day);
    day += t % 5 == 4 ? 3 : 1;
  }
  return days;
}

std::vector<std::string> stockNames(std::size_t count) {
  std::vector<std::string> names;
  std::size_t width = std::max<std::size_t>(3, std::to_string(count - 1).size());
  for (std::size_t n = 0; n < count; ++n) {
    std::string digits = std::to_string(n);
    names.push_back("S" + std::string(width - digits.size(), '0') + digits);
  }
  return names;
}

} // namespace

Panel makeMarket(std::size_t T, std::size_t N, std::size_t K, std::uint64_t seed) {
  if (T == 0 || N == 0 || K == 0)
    throw Error(
        "makeMarket: expected at least one day, stock and factor, got T=" + std::to_string(T) +
        ", N=" + std::to_string(N) + ", K=" + std::to_string(K) + "; pass sizes of 1 or more");
  MarketStream draw(seed);
  Panel panel{T, N, K, {}, {}, {}, marketFactorNames(K), stockNames(N), weekdays(T)};
  panel.X.resize(T * N * K);
  panel.Y.resize(T * N);
  panel.volume.resize(T * N);
  Stocks stocks(N, draw);
  Exposures exposures(N, K, draw);
  Day day;
  for (std::size_t t = 0; t < T; ++t) {
    exposures.advance(draw);
    exposures.writeScores(panel.X.data() + t * N * K);
    double shock = std::sqrt(day.variance) * draw.fatTailed();
    day.market = marketDrift + marketVolatility * shock;
    day.factors = factorReturns(K, day.variance, draw);
    writeReturns(panel, t, day, stocks, draw);
    writeVolume(panel, t, stocks, draw);
    day.variance = nextVariance(day.variance, shock);
  }
  return panel;
}

std::vector<double> makeCovariance(std::size_t n, std::uint64_t seed) {
  if (n == 0)
    throw Error("makeCovariance: expected at least one asset, got n=0; pass a size of 1 or more");
  constexpr std::size_t factors = 6; // the market, then five styles
  MarketStream draw(seed);
  std::vector<double> loadings(n * factors), own(n), covariance(n * n);
  for (std::size_t i = 0; i < n; ++i) {
    loadings[i * factors] = 0.16 * (1.0 + 0.3 * draw.bell());
    for (std::size_t k = 1; k < factors; ++k)
      loadings[i * factors + k] = 0.05 * draw.bell();
    own[i] = 0.10 + 0.30 * draw.uniform();
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = i == j ? own[i] * own[i] : 0.0;
      for (std::size_t k = 0; k < factors; ++k)
        sum += loadings[i * factors + k] * loadings[j * factors + k];
      covariance[i * n + j] = covariance[j * n + i] = sum;
    }
  return covariance;
}

std::vector<std::string> marketFactorNames(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < count; ++k)
    names.push_back(k < styles.size() ? styles[k].name : "style_" + std::to_string(k + 1));
  return names;
}

bool zScore(double* values, std::size_t count, std::size_t stride) {
  double mean = 0.0, square = 0.0;
  for (std::size_t i = 0; i < count; ++i)
    mean += values[i * stride];
  mean /= static_cast<double>(count);
  double largest = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    double deviation = values[i * stride] - mean;
    square += deviation * deviation;
    largest = std::max(largest, std::fabs(values[i * stride]));
  }
  double deviation = std::sqrt(square / static_cast<double>(count));
  // Below rounding of the mean the spread is noise: equal numbers must not be blown up to scores.
  bool flat = !(deviation > 1e-12 * largest);
  for (std::size_t i = 0; i < count; ++i)
    values[i * stride] = flat ? 0.0 : (values[i * stride] - mean) / deviation;
  return !flat;
}

std::int32_t dayNumber(int year, int month, int day) {
  std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                   std::chrono::day(unsigned(day))};
  return static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
}

std::string isoDate(std::int32_t dayNumber) {
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(dayNumber))};
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", int(date.year()), unsigned(date.month()),
                unsigned(date.day()));
  return text;
}

} // namespace diptych::study
