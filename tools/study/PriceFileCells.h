// One cell of a price file as a number or a date. Says whether it can be read; where it stands and
// what to tell the user is the caller's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace diptych::study {

/// Blank, NA, N/A, #N/A, NaN, null, none, a lone dash or dot, in any case.
bool isMissing(std::string_view cell);

/// A decimal number without thousands separators or units; may be infinite or out of range.
struct CellNumber {
  enum class Kind { finite, infinite, tooLarge, notANumber } kind = Kind::notANumber;
  double value = 0.0;
};
CellNumber parseNumber(std::string_view cell);

enum class DateForm { none, dashed, compact, slashed, monthFirst };
const char* describe(DateForm form); ///< "YYYY-MM-DD", ...

struct CellDate {
  enum class Problem { none, form, noSuchDay, timeOfDay } problem = Problem::form;
  DateForm form = DateForm::none;
  std::int32_t day = 0; ///< days since 1970-01-01
  int dayOfMonth = 0;
};
CellDate parseDate(std::string_view cell);

/// ASCII lower case, with blanks, '.', '-' and '_' taken out: "Adj Close" is "adjclose".
std::string plainName(std::string_view header);

} // namespace diptych::study
