// Data rows of a price file: every cell is a number, a date, a symbol, missing, or an error.
#include "tools/study/PriceFileRows.h"

#include "tools/study/PriceFileSource.h"

#include <cmath>

namespace diptych::study {

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

} // namespace

void PriceRowReader::row(std::span<const std::string_view> fields, std::uint64_t line) {
  if (headerLine_ == 0)
    return header(fields, line);
  line_ = line;
  if (line > std::numeric_limits<std::uint32_t>::max())
    fail(0, "the file has more than 4294967295 lines; split it");
  if (fields.size() != names_.size())
    fail(0, "expected " + std::to_string(names_.size()) + " fields as in the header, got " +
                std::to_string(fields.size()) +
                "; complete the row (a field that contains a comma must be quoted)");
  ++report_.rows;
  std::int32_t day = date(fields[column(Role::date)], column(Role::date));
  if (report_.layout == PriceLayout::wide)
    wideRow(fields, day);
  else
    longRow(fields, day);
}

void PriceRowReader::wideRow(std::span<const std::string_view> fields, std::int32_t day) {
  if (!rows_.wideDates.empty() && day < rows_.wideDates.back().first)
    ++report_.unsortedRows;
  rows_.wideDates.emplace_back(day, static_cast<std::uint32_t>(line_));
  std::int32_t symbol = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == column(Role::date))
      continue;
    double close = price(fields[i], i);
    if (std::isnan(close))
      ++report_.blankCloses;
    else
      append(symbol, day, close);
    ++symbol;
  }
}

void PriceRowReader::longRow(std::span<const std::string_view> fields, std::int32_t day) {
  std::string_view name = fields[column(Role::symbol)];
  if (name.empty())
    fail(column(Role::symbol) + 1,
         "symbol: expected a name, got a blank; complete the row or take it out");
  std::int32_t symbol = intern(name);
  if (day < lastDate_[std::size_t(symbol)])
    ++report_.unsortedRows;
  lastDate_[std::size_t(symbol)] = day;
  auto priceOf = [&](Role role) {
    return column(role) == none ? missing : price(fields[column(role)], column(role));
  };
  double close = priceOf(Role::close), adjusted = priceOf(Role::adjusted), scale = 1.0;
  if (report_.adjusted) {
    scale = adjusted / close; // missing if either is
    close = std::isnan(close) ? missing : adjusted;
  }
  append(symbol, day, close);
  auto keep = [&](Role role, std::vector<double>& values) {
    if (column(role) == none)
      return;
    values.push_back(priceOf(role) * scale);
    report_.blankOthers += !std::isnan(close) && std::isnan(values.back());
  };
  keep(Role::open, rows_.open);
  keep(Role::high, rows_.high);
  keep(Role::low, rows_.low);
  if (column(Role::volume) != none) {
    rows_.volume.push_back(volume(fields[column(Role::volume)], column(Role::volume)));
    report_.blankOthers += !std::isnan(close) && std::isnan(rows_.volume.back());
  }
  report_.blankCloses += std::isnan(close);
}

void PriceRowReader::append(std::int32_t symbol, std::int32_t day, double close) {
  rows_.symbol.push_back(symbol);
  rows_.date.push_back(day);
  rows_.line.push_back(static_cast<std::uint32_t>(line_));
  rows_.close.push_back(close);
}

std::int32_t PriceRowReader::intern(std::string_view name) {
  if (lastSymbol_ >= 0 && rows_.symbols[std::size_t(lastSymbol_)] == name)
    return lastSymbol_;
  auto [entry, fresh] = index_.emplace(name, std::int32_t(rows_.symbols.size()));
  if (fresh) {
    rows_.symbols.emplace_back(name);
    lastDate_.push_back(std::numeric_limits<std::int32_t>::min());
  }
  return lastSymbol_ = entry->second;
}

std::int32_t PriceRowReader::date(std::string_view cell, std::size_t column) {
  CellDate date = parseDate(cell);
  if (date.problem != CellDate::Problem::none)
    failDate(cell, column, date);
  if (dateForm_ == DateForm::none) {
    dateForm_ = date.form;
    dateLine_ = line_;
    report_.dateForm = describe(date.form);
  } else if (dateForm_ != date.form) {
    fail(column + 1, std::string("expected a date of the form ") + describe(dateForm_) +
                         " as in line " + std::to_string(dateLine_) + ", got " + quoted(cell) +
                         "; write all dates in one form");
  }
  dayAbove12_ = dayAbove12_ || date.dayOfMonth > 12;
  return date.day;
}

void PriceRowReader::failDate(std::string_view cell, std::size_t column, const CellDate& date) {
  std::string got = ", got " + quoted(cell);
  if (date.problem == CellDate::Problem::timeOfDay)
    fail(column + 1,
         "expected one row per day" + got + " with a time of day; keep the day's last price only");
  if (date.problem == CellDate::Problem::noSuchDay && date.form == DateForm::monthFirst)
    fail(column + 1, "expected a date with the month first" + got + "; write days as YYYY-MM-DD");
  if (date.problem == CellDate::Problem::noSuchDay)
    fail(column + 1,
         "expected a day of the calendar between 1700 and 2299" + got + "; correct the date");
  fail(column + 1, "expected a date such as 2024-01-31" + got + "; write days as YYYY-MM-DD");
}

double PriceRowReader::number(std::string_view cell, std::size_t column, const char* what) {
  CellNumber number = parseNumber(cell);
  std::string expected = names_[column] + ": expected " + what + ", got " + quoted(cell);
  if (number.kind == CellNumber::Kind::notANumber)
    fail(column + 1,
         expected +
             "; write a plain number such as 12.34, or leave the cell blank if it is missing");
  if (number.kind != CellNumber::Kind::finite)
    fail(column + 1, expected + ", which is not finite; leave the cell blank if it is missing");
  return number.value;
}

double PriceRowReader::price(std::string_view cell, std::size_t column) {
  if (isMissing(cell))
    return missing;
  double value = number(cell, column, "a price");
  if (!(value > 0.0))
    fail(column + 1, names_[column] + ": expected a price above 0, got " + quoted(cell) +
                         "; leave the cell blank on days without a price");
  return value;
}

double PriceRowReader::volume(std::string_view cell, std::size_t column) {
  if (isMissing(cell))
    return missing;
  double value = number(cell, column, "a volume");
  if (value < 0.0)
    fail(column + 1, names_[column] + ": expected a volume of 0 or more, got " + quoted(cell) +
                         "; leave the cell blank if it is missing");
  return value;
}

PriceRows PriceRowReader::finish() {
  if (headerLine_ == 0)
    failAt(path_, {},
           "the file is empty; expected a header line such as 'date,AAPL,MSFT,...' and rows of "
           "prices");
  if (report_.rows == 0)
    failAt(path_, {},
           "the file has a header only; expected rows of prices for at least 2 days below it");
  if (dateForm_ == DateForm::monthFirst && !dayAbove12_)
    failAt(path_, {dateLine_, column(Role::date) + 1},
           "no date tells whether the month or the day comes first; write days as YYYY-MM-DD");
  return std::move(rows_);
}

void PriceRowReader::fail(std::size_t field, const std::string& message) const {
  failAt(path_, {line_, field}, message);
}

} // namespace diptych::study
