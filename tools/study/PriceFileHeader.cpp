// The header of a price file: which layout it announces and what each column is.
#include "tools/study/PriceFileRows.h"
#include "tools/study/PriceFileSource.h"

#include <algorithm>
#include <array>

namespace diptych::study {

namespace {

bool isOneOf(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* other) { return name == other; });
}

bool isDateName(const std::string& name) {
  return isOneOf(name, {"date", "dates", "day", "datetime", "timestamp", "time"});
}

std::string listed(std::span<const std::string_view> fields) {
  std::string text;
  for (std::size_t i = 0; i < fields.size() && i < 8; ++i)
    text += (i ? ", " : "") + quoted(fields[i]);
  return text + (fields.size() > 8 ? ", ..." : "");
}

} // namespace

void PriceRowReader::header(std::span<const std::string_view> fields, std::uint64_t line) {
  headerLine_ = line_ = line;
  if (fields.size() == 1 && fields[0].find_first_of(";\t|") != std::string_view::npos)
    fail(0, "expected columns separated by commas, got one column " + quoted(fields[0]) +
                "; convert the file to comma-separated values with decimal points");
  for (std::string_view field : fields)
    names_.emplace_back(field);
  longHeader(fields);
  bool isLong =
      column(Role::symbol) != none && column(Role::date) != none && column(Role::close) != none;
  if (wanted_ == PriceLayout::automatic)
    report_.layout = isLong ? PriceLayout::longOhlcv : PriceLayout::wide;
  else
    report_.layout = wanted_;
  if (report_.layout == PriceLayout::longOhlcv) {
    if (!isLong)
      refuseHeader(fields);
    return;
  }
  std::size_t dateColumn = none;
  for (std::size_t i = fields.size(); i-- > 0;)
    if (isDateName(plainName(fields[i])) || (i == 0 && fields[i].empty() && dateColumn == none))
      dateColumn = i;
  bool bars =
      column(Role::close) != none &&
      (column(Role::open) != none || column(Role::high) != none || column(Role::volume) != none);
  bool neither = bars || (column(Role::symbol) != none && names_[column(Role::symbol)] != "NAME");
  if (dateColumn == none || fields.size() < 2 || (neither && wanted_ == PriceLayout::automatic))
    refuseHeader(fields);
  wideHeader(fields, dateColumn);
}

// Finds the roles of a long file; in a wide one their columns are not used.
void PriceRowReader::longHeader(std::span<const std::string_view> fields) {
  struct Names {
    Role role;
    const char* label;
    std::initializer_list<const char*> names;
  };
  static const std::array<Names, 8> table{
      {{Role::date, "date", {"date", "datetime", "timestamp", "day"}},
       {Role::symbol, "symbol", {"symbol", "ticker", "instrument", "name"}},
       {Role::close, "close", {"close"}},
       {Role::adjusted, "adjusted close", {"adjclose", "adjustedclose"}},
       {Role::open, "open", {"open"}},
       {Role::high, "high", {"high"}},
       {Role::low, "low", {"low"}},
       {Role::volume, "volume", {"volume", "vol"}}}};
  std::vector<bool> used(fields.size(), false);
  for (const Names& entry : table)
    for (const char* name : entry.names) // the first name that occurs has the role
      for (std::size_t i = 0; i < fields.size(); ++i) {
        std::size_t& place = columns_[static_cast<std::size_t>(entry.role)];
        if (plainName(fields[i]) != name || (place != none && plainName(fields[place]) != name))
          continue;
        if (place != none)
          fail(i + 1, "the column " + quoted(fields[i]) + " is named twice, in fields " +
                          std::to_string(place + 1) + " and " + std::to_string(i + 1) +
                          "; keep one of them");
        place = i;
      }
  report_.columns.clear();
  for (const Names& entry : table)
    if (std::size_t place = columns_[static_cast<std::size_t>(entry.role)]; place != none) {
      report_.columns.emplace_back(entry.label);
      used[place] = true;
    }
  report_.ignoredColumns.clear();
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (!used[i])
      report_.ignoredColumns.emplace_back(fields[i]);
  report_.adjusted = column(Role::adjusted) != none;
}

void PriceRowReader::wideHeader(std::span<const std::string_view> fields, std::size_t dateColumn) {
  std::fill(std::begin(columns_), std::end(columns_), none);
  columns_[static_cast<std::size_t>(Role::date)] = dateColumn;
  report_.columns = {"date", "close"};
  report_.ignoredColumns.clear();
  report_.adjusted = false;
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == dateColumn)
      continue;
    if (fields[i].empty())
      fail(i + 1, "expected a symbol as the name of the column, got a blank; name it or take the "
                  "column out");
    auto [other, fresh] = seen.emplace(fields[i], i + 1);
    if (!fresh)
      fail(i + 1, "the symbol " + quoted(fields[i]) + " names two columns, fields " +
                      std::to_string(other->second) + " and " + std::to_string(i + 1) +
                      "; keep one of them");
    rows_.symbols.emplace_back(fields[i]);
  }
}

void PriceRowReader::refuseHeader(std::span<const std::string_view> fields) {
  bool bars = column(Role::close) != none && column(Role::date) != none;
  if (bars && column(Role::symbol) == none)
    fail(0, "the header has prices of one symbol (" + listed(fields) +
                ") but no symbol column; add a column 'symbol', or give closes as "
                "'date,SYMBOL,SYMBOL,...'");
  fail(0, "expected a header such as 'date,AAPL,MSFT,...' (closes) or "
          "'symbol,date,open,high,low,close,volume', "
          "got " +
              listed(fields) + "; add the header line or rename its columns");
}

} // namespace diptych::study
