// Chooses days and stocks, fills the panel stock by stock, then treats each day's cross-section.
#include "tools/study/Factors.h"

#include "tools/study/FactorsSeries.h"

#include <diptych/Error.h>

#include <algorithm>
#include <cmath>
#include <tuple>

namespace diptych::study {

namespace {

constexpr std::size_t fewestDays = 42; // 10 of look-back, 31 of panel, 1 for the last return

FactorWindows windowsFor(std::size_t days) {
  FactorWindows windows;
  windows.year = std::clamp<std::size_t>(days / 4, 10, 252);
  windows.quarter = std::min(windows.quarter, windows.year);
  windows.weeks = std::min(windows.weeks, windows.year);
  windows.month = std::max<std::size_t>(windows.year / 12, 1);
  return windows;
}

std::vector<FactorDefinition> availableFactors(const PriceTable& prices) {
  bool volume = !prices.volume.empty();
  bool bars = !prices.open.empty() && !prices.high.empty() && !prices.low.empty();
  std::vector<FactorDefinition> factors;
  for (const FactorDefinition& factor : factorDefinitions())
    if (factor.needs == FactorNeeds::closes || (factor.needs == FactorNeeds::volume && volume) ||
        (factor.needs == FactorNeeds::bars && bars))
      factors.push_back(factor);
  return factors;
}

/// The panel's days: [first, first + count) of the calendar; one more day follows for the last
/// return.
struct Period {
  std::size_t first = 0, count = 0;
};

Period choosePeriod(const PriceTable& prices, const FactorWindows& windows, std::size_t limit) {
  std::size_t days = prices.calendar.size(), available = days - windows.year - 1;
  std::size_t count = limit == 0 ? available : std::min(limit, available);
  return {days - 1 - count, count};
}

/// Stocks with enough closes, at most `limit` of them, in the table's order; names the others.
std::vector<std::size_t> chooseStocks(const PriceTable& prices, const FactorWindows& windows,
                                      Period period, const FactorOptions& options,
                                      FactorReport& report) {
  struct Candidate {
    std::size_t symbol, closes, total;
  };
  std::vector<Candidate> candidates;
  std::size_t needed = std::size_t(std::ceil(options.coverage * double(period.count + 1)));
  for (std::size_t s = 0; s < prices.symbols.size(); ++s) {
    std::size_t all = prices.offsets[s + 1] - prices.offsets[s], inside = 0;
    for (std::size_t e = prices.offsets[s]; e < prices.offsets[s + 1]; ++e)
      inside += std::size_t(prices.day[e]) >= period.first;
    if (all < windows.year + 2)
      report.leftOut.emplace_back(prices.symbols[s], std::to_string(all) + " closes, fewer than " +
                                                         std::to_string(windows.year + 2));
    else if (inside < std::max<std::size_t>(needed, 1))
      report.leftOut.emplace_back(prices.symbols[s],
                                  std::to_string(inside) + " closes in the panel's " +
                                      std::to_string(period.count + 1) + " days, fewer than " +
                                      std::to_string(needed));
    else
      candidates.push_back({s, inside, all});
  }
  if (options.N != 0 && candidates.size() > options.N) {
    std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
      return std::tuple(b.closes, b.total, a.symbol) < std::tuple(a.closes, a.total, b.symbol);
    });
    for (std::size_t i = options.N; i < candidates.size(); ++i)
      report.leftOut.emplace_back(prices.symbols[candidates[i].symbol],
                                  "beyond the limit of " + std::to_string(options.N) + " stocks");
    candidates.resize(options.N);
  }
  std::vector<std::size_t> chosen;
  for (const Candidate& candidate : candidates)
    chosen.push_back(candidate.symbol);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

void checkTable(const PriceTable& prices, const FactorOptions& options) {
  if (prices.calendar.size() < fewestDays)
    throw Error(prices.report.path + ": factors need at least " + std::to_string(fewestDays) +
                " days of prices, got " + std::to_string(prices.calendar.size()) +
                "; give a longer history");
  if (!(options.coverage >= 0.0 && options.coverage <= 1.0))
    throw Error("factors: expected a coverage between 0 and 1, got " +
                std::to_string(options.coverage));
  if (options.N == 1)
    throw Error("factors: z-scores need at least 2 stocks, got a limit of N=1; allow 2 or more");
}

void checkSize(const PriceTable& prices, const Panel& panel, const FactorOptions& options,
               const FactorReport& report) {
  if (panel.N < 2)
    throw Error(
        prices.report.path + ": z-scores need at least 2 symbols with a sufficient history, got " +
        std::to_string(panel.N) + " of " + std::to_string(prices.symbols.size()) +
        (report.leftOut.empty()
             ? ""
             : " (" + report.leftOut.front().first + ": " + report.leftOut.front().second + ")") +
        "; add symbols or lower the coverage");
  if (double(panel.T) * double(panel.N) * double(panel.K) > double(options.maxValues))
    throw Error(prices.report.path + ": a panel of " + std::to_string(panel.T) + " days x " +
                std::to_string(panel.N) + " stocks x " + std::to_string(panel.K) +
                " factors exceeds " + std::to_string(options.maxValues) +
                " values; limit T, N or K");
}

/// Exposures (raw), returns and volume of one stock.
void fillStock(Panel& panel, std::size_t n, Period period, const StockSeries& stock,
               const std::vector<FactorDefinition>& factors, FactorReport& report) {
  for (std::size_t t = 0; t < panel.T; ++t) {
    std::size_t day = period.first + t;
    bool listed = stock.covers(day), next = listed && stock.covers(day + 1);
    std::size_t i = day - stock.first;
    for (std::size_t k = 0; k < panel.K; ++k) {
      double raw = listed ? factors[k].compute(stock, i, report.windows) : NAN;
      // The log of a bad bar or a ratio of zeros is as good as missing; it is counted as such.
      panel.X[(t * panel.N + n) * panel.K + k] = std::isfinite(raw) ? raw : NAN;
    }
    double gain = next ? stock.move[i + 1] : 0.0;
    panel.Y[t * panel.N + n] = gain;
    report.unlistedReturns += !next;
    report.suspendedReturns += next && !stock.traded[i + 1];
    report.largeReturns += std::fabs(gain) > 0.5;
    if (!panel.volume.empty())
      panel.volume[t * panel.N + n] =
          listed && !std::isnan(stock.volume[i]) ? stock.volume[i] : 0.0;
  }
}

double medianOf(std::vector<double>& values) {
  std::size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + std::ptrdiff_t(half), values.end());
  double upper = values[half];
  if (values.size() % 2 == 1)
    return upper;
  return 0.5 * (upper + *std::max_element(values.begin(), values.begin() + std::ptrdiff_t(half)));
}

/// Cuts at median +- 3 robust deviations; returns how many values it moved.
std::uint64_t winsorise(std::vector<double>& values) {
  std::vector<double> scratch = values;
  double median = medianOf(scratch);
  for (std::size_t i = 0; i < values.size(); ++i)
    scratch[i] = std::fabs(values[i] - median);
  double bound = 3.0 * 1.4826 * medianOf(scratch);
  if (bound == 0.0)
    return 0;
  std::uint64_t moved = 0;
  for (double& value : values) {
    double cut = std::clamp(value, median - bound, median + bound);
    moved += cut != value;
    value = cut;
  }
  return moved;
}

void scoreDay(Panel& panel, std::size_t t, std::size_t k, FactorReport& report) {
  std::vector<double> present;
  double* x = panel.X.data() + t * panel.N * panel.K + k;
  for (std::size_t n = 0; n < panel.N; ++n)
    if (!std::isnan(x[n * panel.K]))
      present.push_back(x[n * panel.K]);
  report.missingExposures[k] += panel.N - present.size();
  if (!present.empty()) {
    report.winsorised[k] += winsorise(present);
    report.flatDays[k] += !zScore(present.data(), present.size(), 1);
  } else {
    ++report.flatDays[k];
  }
  for (std::size_t n = 0, next = 0; n < panel.N; ++n)
    x[n * panel.K] = std::isnan(x[n * panel.K]) ? 0.0 : present[next++];
}

} // namespace

std::vector<std::string> factorNames(const PriceTable& prices) {
  std::vector<std::string> names;
  for (const FactorDefinition& factor : availableFactors(prices))
    names.emplace_back(factor.name);
  return names;
}

FactorPanel computeFactors(const PriceTable& prices, const FactorOptions& options) {
  checkTable(prices, options);
  FactorPanel result;
  auto& [panel, report] = result;
  report.windows = windowsFor(prices.calendar.size());
  Period period = choosePeriod(prices, report.windows, options.T);
  std::vector<std::size_t> stocks = chooseStocks(prices, report.windows, period, options, report);
  std::vector<FactorDefinition> factors = availableFactors(prices);
  if (options.K != 0 && options.K < factors.size())
    factors.resize(options.K);
  panel.T = period.count;
  panel.N = stocks.size();
  panel.K = factors.size();
  checkSize(prices, panel, options, report);
  panel.X.resize(panel.T * panel.N * panel.K);
  panel.Y.resize(panel.T * panel.N);
  panel.volume.resize(prices.volume.empty() ? 0 : panel.T * panel.N);
  panel.dates.assign(prices.calendar.begin() + std::ptrdiff_t(period.first),
                     prices.calendar.begin() + std::ptrdiff_t(period.first + period.count));
  for (const FactorDefinition& factor : factors)
    panel.factors.emplace_back(factor.name);
  std::vector<double> market = marketReturns(prices, stocks);
  for (std::size_t n = 0; n < panel.N; ++n) {
    panel.symbols.push_back(prices.symbols[stocks[n]]);
    StockSeries stock = stockSeries(prices, stocks[n]);
    auto start = market.begin() + std::ptrdiff_t(stock.first);
    stock.market.assign(start, start + std::ptrdiff_t(stock.size()));
    fillStock(panel, n, period, stock, factors, report);
  }
  report.missingExposures.assign(panel.K, 0);
  report.winsorised.assign(panel.K, 0);
  report.flatDays.assign(panel.K, 0);
  for (std::size_t t = 0; t < panel.T; ++t)
    for (std::size_t k = 0; k < panel.K; ++k)
      scoreDay(panel, t, k, report);
  return result;
}

std::string FactorReport::text(const Panel& panel) const {
  std::string text = "panel: " + std::to_string(panel.T) + " days (" +
                     isoDate(panel.dates.front()) + " to " + isoDate(panel.dates.back()) + "), " +
                     std::to_string(panel.N) + " stocks, " + std::to_string(panel.K) +
                     " factors, look-back " + std::to_string(windows.year) + " days\n";
  auto note = [&](std::uint64_t count, const char* what) {
    if (count != 0)
      text += "  " + std::to_string(count) + " " + what + "\n";
  };
  note(leftOut.size(), "symbols left out:");
  for (std::size_t i = 0; i < leftOut.size() && i < 10; ++i)
    text += "    " + leftOut[i].first + ": " + leftOut[i].second + "\n";
  if (leftOut.size() > 10)
    text += "    and " + std::to_string(leftOut.size() - 10) + " more\n";
  note(suspendedReturns, "returns of suspended days: 0");
  note(unlistedReturns, "returns of stocks not listed then: 0");
  note(largeReturns, "returns beyond 50 %: used as given");
  for (std::size_t k = 0; k < panel.K; ++k)
    if (missingExposures[k] + winsorised[k] + flatDays[k] != 0)
      text += "  " + panel.factors[k] + ": " + std::to_string(missingExposures[k]) +
              " missing (0), " + std::to_string(winsorised[k]) + " winsorised, " +
              std::to_string(flatDays[k]) + " days without spread\n";
  return text;
}

} // namespace diptych::study
