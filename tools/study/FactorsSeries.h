// One stock's life as gap-free daily series, and its raw factors on a day. Knows one stock and the
// market's return; the cross-section belongs to Factors.cpp.
#pragma once

#include "tools/study/Factors.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace diptych::study {

/// Entry i is calendar day first + i, from the first close to the last.
struct StockSeries {
  std::size_t first = 0;
  std::vector<double> close;   ///< carried over suspended days
  std::vector<double> move;    ///< simple return; 0 on suspended days and on the first
  std::vector<double> logMove; ///< log return, likewise
  std::vector<std::uint8_t> traded;
  std::vector<double> open, high, low; ///< NaN where missing; empty if the table has none
  std::vector<double> volume;          ///< likewise; 0 on suspended days
  std::vector<double> market;          ///< the market's return on the same days

  std::size_t size() const { return close.size(); }
  bool covers(std::size_t day) const { return day >= first && day < first + close.size(); }
};

StockSeries stockSeries(const PriceTable& prices, std::size_t symbol);

/// Mean return of the stocks that traded on the day and had a close before, by calendar day.
std::vector<double> marketReturns(const PriceTable& prices, std::span<const std::size_t> symbols);

enum class FactorNeeds { closes, volume, bars };

/// A raw factor at entry i of a stock's series, from entries up to i; NaN if it cannot be computed.
struct FactorDefinition {
  const char* name;
  FactorNeeds needs;
  double (*compute)(const StockSeries& stock, std::size_t i, const FactorWindows& windows);
};

std::span<const FactorDefinition> factorDefinitions();

} // namespace diptych::study
