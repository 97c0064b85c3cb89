// Rows of a price file to flat columns: decides the layout from the header, checks every cell.
// Leaves sorting, duplicates and the calendar to PriceFile.cpp.
#pragma once

#include "tools/study/PriceFile.h"
#include "tools/study/PriceFileCells.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace diptych::study {

/// One entry per (symbol, date) met, in the order of the file. A blank close is kept as NaN in a
/// long file (it takes part in the search for duplicates); blank cells of a wide file have no
/// entry.
struct PriceRows {
  std::vector<std::string> symbols; ///< in the order of their first appearance
  std::vector<std::int32_t> symbol, date;
  std::vector<std::uint32_t> line;
  std::vector<double> close, open, high, low, volume; ///< empty if the file has no such column
  std::vector<std::pair<std::int32_t, std::uint32_t>> wideDates; ///< (date, line) of every wide row
};

class PriceRowReader {
public:
  PriceRowReader(std::string path, PriceLayout layout, PriceReport& report)
      : path_(std::move(path)), wanted_(layout), report_(report) {}

  void row(std::span<const std::string_view> fields, std::uint64_t line);
  PriceRows finish();

private:
  enum class Role { date, symbol, close, adjusted, open, high, low, volume, ignored };
  static constexpr std::size_t roles = 9;
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  void header(std::span<const std::string_view> fields, std::uint64_t line);
  void longHeader(std::span<const std::string_view> fields);
  void wideHeader(std::span<const std::string_view> fields, std::size_t dateColumn);
  void refuseHeader(std::span<const std::string_view> fields);
  void wideRow(std::span<const std::string_view> fields, std::int32_t date);
  void longRow(std::span<const std::string_view> fields, std::int32_t date);

  std::int32_t date(std::string_view cell, std::size_t column);
  [[noreturn]] void failDate(std::string_view cell, std::size_t column, const CellDate& date);
  double price(std::string_view cell, std::size_t column);
  double volume(std::string_view cell, std::size_t column);
  double number(std::string_view cell, std::size_t column, const char* what);
  void append(std::int32_t symbol, std::int32_t date, double close);
  std::int32_t intern(std::string_view symbol);
  std::size_t column(Role role) const { return columns_[static_cast<std::size_t>(role)]; }
  [[noreturn]] void fail(std::size_t field, const std::string& message) const;

  std::string path_;
  PriceLayout wanted_;
  PriceReport& report_;
  PriceRows rows_;
  std::uint64_t line_ = 0;
  std::uint64_t headerLine_ = 0;
  std::vector<std::string> names_; // the header
  std::size_t columns_[roles] = {none, none, none, none, none, none, none, none, none};
  std::vector<std::int32_t> lastDate_;                  // by symbol; one entry in a wide file
  std::unordered_map<std::string, std::int32_t> index_; // symbol to its number
  std::int32_t lastSymbol_ = -1;                        // of the row before: usually the same
  DateForm dateForm_ = DateForm::none;
  std::uint64_t dateLine_ = 0; // where the form was first seen
  bool dayAbove12_ = false;    // proves M/D/YYYY
};

} // namespace diptych::study
