// Cells to numbers and dates, independent of the locale.
#include "tools/study/PriceFileCells.h"

#include "tools/study/Market.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace diptych::study {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

bool equalsIgnoringCase(std::string_view cell, std::string_view word) {
  if (cell.size() != word.size())
    return false;
  for (std::size_t i = 0; i < cell.size(); ++i)
    if (lower(cell[i]) != word[i])
      return false;
  return true;
}

/// Takes between `least` and `most` digits off the front.
std::optional<int> takeDigits(std::string_view& text, std::size_t least, std::size_t most) {
  std::size_t count = 0;
  int value = 0;
  while (count < most && count < text.size() && isDigit(text[count]))
    value = 10 * value + (text[count++] - '0');
  if (count < least)
    return std::nullopt;
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c)
    return false;
  text.remove_prefix(1);
  return true;
}

struct DateParts {
  int year = 0, month = 0, day = 0;
  DateForm form = DateForm::none;
};

// Y-M-D with one separator, or without one and with two digits each.
bool takeYearFirst(std::string_view& text, DateParts& parts) {
  std::optional<int> year = takeDigits(text, 4, 4);
  if (!year)
    return false;
  char separator = take(text, '-') ? '-' : take(text, '/') ? '/' : 0;
  std::size_t least = separator ? 1 : 2;
  std::optional<int> month = takeDigits(text, least, 2);
  if (!month || (separator && !take(text, separator)))
    return false;
  std::optional<int> day = takeDigits(text, least, 2);
  if (!day)
    return false;
  parts = {*year, *month, *day,
           separator == '-'   ? DateForm::dashed
           : separator == '/' ? DateForm::slashed
                              : DateForm::compact};
  return true;
}

bool takeMonthFirst(std::string_view& text, DateParts& parts) {
  std::optional<int> month = takeDigits(text, 1, 2);
  if (!month || !take(text, '/'))
    return false;
  std::optional<int> day = takeDigits(text, 1, 2);
  if (!day || !take(text, '/'))
    return false;
  std::optional<int> year = takeDigits(text, 4, 4);
  if (!year)
    return false;
  parts = {*year, *month, *day, DateForm::monthFirst};
  return true;
}

/// What may follow the day: nothing, or a time of midnight with or without a zone.
CellDate::Problem checkTime(std::string_view rest) {
  if (rest.empty())
    return CellDate::Problem::none;
  if (rest.front() != ' ' && rest.front() != 'T')
    return CellDate::Problem::form;
  rest.remove_prefix(1);
  std::string_view clock = rest.substr(0, rest.find_first_of("Z+-"));
  bool midnight = true, digits = false;
  for (char c : clock) {
    if (!isDigit(c) && c != ':' && c != '.')
      return CellDate::Problem::form;
    digits = digits || isDigit(c);
    midnight = midnight && (!isDigit(c) || c == '0');
  }
  if (!digits)
    return CellDate::Problem::form;
  return midnight ? CellDate::Problem::none : CellDate::Problem::timeOfDay;
}

} // namespace

bool isMissing(std::string_view cell) {
  if (cell.empty())
    return true;
  if (isDigit(cell.front()))
    return false;
  static constexpr std::array<std::string_view, 8> words{"na",   "nan",  "n/a", "#n/a",
                                                         "null", "none", "-",   "."};
  for (std::string_view word : words)
    if (equalsIgnoringCase(cell, word))
      return true;
  return false;
}

CellNumber parseNumber(std::string_view cell) {
  if (cell.size() > 1 && cell.front() == '+' && cell[1] != '-')
    cell.remove_prefix(1);
  CellNumber number;
  auto [end, code] = std::from_chars(cell.data(), cell.data() + cell.size(), number.value);
  if (code == std::errc::invalid_argument || end != cell.data() + cell.size() ||
      std::isnan(number.value))
    return {};
  number.kind = code == std::errc::result_out_of_range ? CellNumber::Kind::tooLarge
                : std::isinf(number.value)             ? CellNumber::Kind::infinite
                                                       : CellNumber::Kind::finite;
  return number;
}

const char* describe(DateForm form) {
  switch (form) {
  case DateForm::dashed: return "YYYY-MM-DD";
  case DateForm::compact: return "YYYYMMDD";
  case DateForm::slashed: return "YYYY/MM/DD";
  case DateForm::monthFirst: return "M/D/YYYY";
  case DateForm::none: break;
  }
  return "none";
}

CellDate parseDate(std::string_view cell) {
  CellDate date;
  DateParts parts;
  std::string_view rest = cell;
  if (!takeYearFirst(rest, parts) && !takeMonthFirst(rest = cell, parts))
    return date;
  date.problem = checkTime(rest);
  if (date.problem != CellDate::Problem::none)
    return date;
  std::chrono::year_month_day check{std::chrono::year(parts.year),
                                    std::chrono::month(unsigned(parts.month)),
                                    std::chrono::day(unsigned(parts.day))};
  if (!check.ok() || parts.year < 1700 || parts.year > 2299) {
    date.problem = CellDate::Problem::noSuchDay;
    date.form = parts.form;
    return date;
  }
  date.form = parts.form;
  date.day = dayNumber(parts.year, parts.month, parts.day);
  date.dayOfMonth = parts.day;
  return date;
}

std::string plainName(std::string_view header) {
  std::string name;
  for (char c : header)
    if (c != ' ' && c != '.' && c != '-' && c != '_')
      name += lower(c);
  return name;
}

} // namespace diptych::study
