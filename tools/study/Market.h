// The panel every study runs on, and the built-in fixed-seed market that fills one.
// Refuses files (PriceFile.h, Factors.h) and any random number the standard leaves to the library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace diptych::study {

/// Exposures and next-day returns. Row t of X is known at the close of dates[t]; Y[t] is the return
/// from that close to the next one, so a portfolio formed on X[t] earns Y[t].
struct Panel {
  std::size_t T = 0;     ///< days
  std::size_t N = 0;     ///< stocks
  std::size_t K = 0;     ///< factors
  std::vector<double> X; ///< [T,N,K] row-major, each factor z-scored across the stocks of a day
  std::vector<double> Y; ///< [T,N] simple returns
  std::vector<double> volume; ///< [T,N] shares traded on dates[t]; empty where it is not known
  std::vector<std::string> factors; ///< [K]
  std::vector<std::string> symbols; ///< [N]
  std::vector<std::int32_t> dates;  ///< [T] days since 1970-01-01
};

/// A market of N stocks over T days with K factors, the same bits on every platform:
///  - exposures: per stock and factor an AR(1) (its persistence depends on the factor's name),
///    z-scored across the stocks of each day (mean 0, variance 1 with divisor N);
///  - returns: market + exposures x factor returns + own noise. Factor returns have small premia of
///    alternating sign that fade with the factor's index. All shocks are Student-t with 4 degrees
///    of freedom; their variance follows one GARCH(1,1) state, and own noise grows with
///    "volatility";
///  - volume: Pareto-sized stocks, busier after large moves and for high "liquidity".
/// Throws Error unless T, N, K >= 1.
Panel makeMarket(std::size_t T, std::size_t N, std::size_t K, std::uint64_t seed);

/// Annualised covariance [n,n], row-major, exactly symmetric: one market factor (16 % a year, betas
/// about 1), five style factors (5 % a year), own variances (10 % to 40 % a year)^2. Positive
/// definite: no eigenvalue is below 0.01. Throws Error unless n >= 1.
std::vector<double> makeCovariance(std::size_t n, std::uint64_t seed);

/// The first `count` factor names of the built-in market: momentum, reversal, ..., then style_13,
/// ...
std::vector<std::string> marketFactorNames(std::size_t count);

/// Replaces values[i * stride], i < count, by z-scores: mean 0, variance 1 with divisor count. A
/// flat or single entry becomes 0. Returns false for such a flat cross-section.
bool zScore(double* values, std::size_t count, std::size_t stride);

/// Days since 1970-01-01 of a date of the Gregorian calendar, and back.
std::int32_t dayNumber(int year, int month, int day);
std::string isoDate(std::int32_t dayNumber);

} // namespace diptych::study
