// Prices to a panel: factors known at each close, winsorised and z-scored across stocks, beside the
// return to the next close. Knows no file; refuses samples too small for a cross-section.
//
// Rules
//   look-ahead    row t of X uses closes up to day t only; Y[t] is the return from t to t + 1.
//   (Which
//                 stocks are in the panel is decided on the whole sample: results are benchmarks.)
//   suspended     the last close carries on, so the return is 0, and the whole move falls on the
//   day
//                 trading resumes; the day has no volume and no part in the market's return
//   unlisted      before its first and after its last close a stock has exposure 0 and return 0
//   missing       an exposure that cannot be computed (too little history, no volume) is 0 =
//   average winsorised    raw factors are cut at median +- 3 x 1.4826 MAD of their day (not where
//   MAD is 0),
//                 then z-scored with divisor n over the stocks that have them
//   look-back     the longest is L = days / 4, between 10 and 252; month = L / 12, quarter = 60 and
//                 weeks = 20 shortened to at most L; the panel starts after L days
#pragma once

#include "tools/study/Market.h"
#include "tools/study/PriceFile.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace diptych::study {

struct FactorOptions {
  std::size_t T = 0;     ///< at most so many days, the latest; 0: all
  std::size_t N = 0;     ///< at most so many stocks, those with most closes (in the panel, then in
                         ///< all; ties by name); 0: all
  std::size_t K = 0;     ///< at most so many factors, in the order of factorNames; 0: all
  double coverage = 0.5; ///< a stock needs closes on this share of the panel's days
  std::size_t maxValues = std::size_t(1) << 29; ///< T N K may not exceed it (4 GiB)
};

struct FactorWindows {
  std::size_t year = 252, quarter = 60, weeks = 20, week = 5, month = 21; ///< in days
};

struct FactorReport {
  FactorWindows windows;
  std::vector<std::pair<std::string, std::string>> leftOut; ///< symbol, reason
  std::uint64_t suspendedReturns = 0;                       ///< Y = 0 as the next day is suspended
  std::uint64_t unlistedReturns = 0;           ///< Y = 0 as the stock is not listed on t or t + 1
  std::uint64_t largeReturns = 0;              ///< |Y| above 50 %; used as given
  std::vector<std::uint64_t> missingExposures; ///< [K] set to 0
  std::vector<std::uint64_t> winsorised;       ///< [K] cut at the bounds
  std::vector<std::uint64_t> flatDays;         ///< [K] days without spread: all 0

  std::string text(const Panel& panel) const;
};

struct FactorPanel {
  Panel panel;
  FactorReport report;
};

/// The factors that a table can give, in their fixed order: ten from closes, two more from volume,
/// four more from open, high and low with it.
std::vector<std::string> factorNames(const PriceTable& prices);

/// Throws Error on fewer than 42 days, fewer than 2 stocks, or a panel that is too large.
FactorPanel computeFactors(const PriceTable& prices, const FactorOptions& options = {});

} // namespace diptych::study
