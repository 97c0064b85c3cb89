// The report of a price file in words.
#include "tools/study/PriceFile.h"

#include <algorithm>

namespace diptych::study {

namespace {

std::string joined(const std::vector<std::string>& names, std::size_t most = 10) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < most; ++i)
    text += (i ? ", " : "") + names[i];
  if (names.size() > most)
    text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

} // namespace

std::string PriceReport::text() const {
  std::string text = path + ": " + (layout == PriceLayout::wide ? "wide" : "long") + " layout" +
                     (gzip ? ", gzip" : "") + ", " + std::to_string(rows) + " rows, " +
                     std::to_string(closes) + " closes, dates " + dateForm + ", columns " +
                     joined(columns) + "\n";
  auto note = [&](std::uint64_t count, const char* what) {
    if (count != 0)
      text += "  " + std::to_string(count) + " " + what + "\n";
  };
  if (adjusted)
    text += "  the adjusted close is used; open, high and low are scaled by the same ratio\n";
  if (!ignoredColumns.empty())
    text += "  ignored columns: " + joined(ignoredColumns) + "\n";
  note(blankCloses, "blank closes: missing");
  note(blankOthers, "blank open, high, low or volume cells: missing");
  note(suspendedDays, "suspended days (no close within a symbol's life): return 0, no volume");
  note(emptyDays, "dates without any close: not trading days");
  if (calendarGaps != 0)
    text += "  " + std::to_string(calendarGaps) + " gap(s) in the dates, the widest from " +
            widestGap + ": the return across a gap counts as one day's\n";
  note(unsortedRows, "rows out of order: sorted");
  note(inconsistentBars, "bars with high or low inside the other prices: used as given");
  note(zeroVolumes, "closes with volume 0: used as given");
  note(lateListings, "symbols listed after the first day");
  note(earlyEnds, "symbols that end before the last day");
  if (!symbolsWithoutPrices.empty())
    text += "  symbols without any price, left out: " + joined(symbolsWithoutPrices) + "\n";
  return text;
}

} // namespace diptych::study
