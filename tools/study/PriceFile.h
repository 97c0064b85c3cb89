// Prices from a CSV file: wide (a date column, then one column of closes per symbol) or long (one
// row per symbol and day: symbol, date, close and, if given, open, high, low, volume), plain or
// gzip. Refuses whatever it cannot read as that; nothing is dropped without being counted in the
// report.
//
// Treatment
//   layout          long if the header has a symbol, a date and a close column (any order, any
//                   case); wide if it has a date column (or an unnamed first one) and no symbol
//   blank, NA, NaN  missing (also N/A, #N/A, null, none, - and . ; any case). A symbol may be
//                   called NA
//   missing day     a day on which other symbols have a close and this one, within its life, has
//                   none: suspended. A life runs from a symbol's first to its last close
//   empty day       a date on which no symbol has a close is not a trading day
//   gap             trading days over 10 days apart, and over 5 times the median step: counted;
//                   the return across a gap stands as one day's
//   adjusted close  used in place of the close; open, high and low are scaled by the same ratio
//   other columns   of a long file are ignored and listed
//   unsorted rows   are sorted
//   price           must be a finite number above 0; volume a finite number of at least 0
//   duplicates      a (symbol, date) given twice is an error, blank or not
//   dates           YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or M/D/YYYY, one form per file, a midnight
//                   time may follow; M/D/YYYY must be proven by some day above 12
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace diptych::study {

enum class PriceLayout { automatic, wide, longOhlcv };

struct PriceProgress {
  std::uint64_t bytesRead = 0;  ///< of the file as it lies on disk
  std::uint64_t bytesTotal = 0; ///< 0 where unknown, as for a pipe
  std::uint64_t rows = 0;
};

struct PriceReadOptions {
  PriceLayout layout = PriceLayout::automatic;
  std::function<void(const PriceProgress&)> progress; ///< called every 4 MiB of text and at the end
};

/// What the reader met and how it was treated.
struct PriceReport {
  std::string path;
  bool gzip = false;
  PriceLayout layout = PriceLayout::automatic; ///< as found: wide or longOhlcv
  std::string dateForm;                        ///< such as "YYYY-MM-DD"
  std::vector<std::string> columns;            ///< roles read, such as "close", "volume"
  std::vector<std::string> ignoredColumns;     ///< header names of a long file without a role
  bool adjusted = false;                       ///< an adjusted close was used
  std::uint64_t rows = 0;                      ///< below the header
  std::uint64_t closes = 0;                    ///< prices kept
  std::uint64_t blankCloses = 0;               ///< wide: blank cells; long: rows without a close
  std::uint64_t blankOthers = 0;               ///< blank open, high, low, volume beside a close
  std::uint64_t suspendedDays = 0;    ///< (symbol, day) pairs without a close within a life
  std::uint64_t emptyDays = 0;        ///< dates without any close, not in the calendar
  std::uint64_t calendarGaps = 0;     ///< holes in the calendar, far wider than its usual step
  std::string widestGap;              ///< such as "2015-03-02 to 2016-01-04"; empty if none
  std::uint64_t unsortedRows = 0;     ///< rows dated before an earlier row (of their symbol)
  std::uint64_t inconsistentBars = 0; ///< high below, or low above, another price; used as given
  std::uint64_t zeroVolumes = 0;      ///< a close with volume 0; used as given
  std::uint64_t lateListings = 0;     ///< symbols that begin after the first day
  std::uint64_t earlyEnds = 0;        ///< symbols that end before the last day
  std::vector<std::string> symbolsWithoutPrices; ///< in the file, but blank throughout; left out

  /// Several lines for a person: what was read, then one line per treatment that occurred.
  std::string text() const;
};

/// Closes by symbol: symbol s owns the entries offsets[s] .. offsets[s+1], ascending in day.
struct PriceTable {
  std::vector<std::string> symbols;   ///< ascending
  std::vector<std::int32_t> calendar; ///< trading days, days since 1970-01-01, ascending
  std::vector<std::size_t> offsets;   ///< [symbols + 1]
  std::vector<std::int32_t> day;      ///< index into the calendar
  std::vector<double> close;
  std::vector<double> open, high, low,
      volume; ///< empty if the file has no such column; NaN if blank
  PriceReport report;
};

/// Reads a whole file. Throws Error "file:line:field: what was expected, what came, the remedy".
PriceTable readPrices(const std::string& path, const PriceReadOptions& options = {});

} // namespace diptych::study
