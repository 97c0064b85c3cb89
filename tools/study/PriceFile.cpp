// Reads a price file, then sorts its entries by symbol and day, finds duplicates and the calendar.
#include "tools/study/PriceFile.h"

#include "tools/study/Market.h"
#include "tools/study/PriceFileRows.h"
#include "tools/study/PriceFileSource.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace diptych::study {

namespace {

using Order = std::vector<std::uint32_t>;

std::string lines(std::uint64_t first, std::uint64_t second) {
  return "lines " + std::to_string(std::min(first, second)) + " and " +
         std::to_string(std::max(first, second));
}

/// Entry numbers by symbol (ascending by name), within a symbol by date. Counting sort by symbol
/// keeps the order of the file, so that an already sorted file costs one pass.
Order sortedOrder(const PriceRows& rows, const std::vector<std::int32_t>& rank,
                  std::vector<std::size_t>& offsets) {
  offsets.assign(rows.symbols.size() + 1, 0);
  for (std::int32_t symbol : rows.symbol)
    ++offsets[std::size_t(rank[std::size_t(symbol)]) + 1];
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  Order order(rows.symbol.size());
  std::vector<std::size_t> next(offsets.begin(), offsets.end() - 1);
  for (std::size_t i = 0; i < order.size(); ++i)
    order[next[std::size_t(rank[std::size_t(rows.symbol[i])])]++] = static_cast<std::uint32_t>(i);
  auto earlier = [&](std::uint32_t a, std::uint32_t b) {
    return rows.date[a] != rows.date[b] ? rows.date[a] < rows.date[b] : a < b;
  };
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    auto begin = order.begin() + std::ptrdiff_t(offsets[s]),
         end = order.begin() + std::ptrdiff_t(offsets[s + 1]);
    if (!std::is_sorted(begin, end, earlier))
      std::sort(begin, end, earlier);
  }
  return order;
}

void refuseDuplicates(const std::string& path, PriceRows& rows, const Order& order) {
  for (std::size_t i = 1; i < order.size(); ++i) {
    std::uint32_t a = order[i - 1], b = order[i];
    if (rows.symbol[a] == rows.symbol[b] && rows.date[a] == rows.date[b])
      failAt(path, {rows.line[b], 0},
             "the symbol " + quoted(rows.symbols[std::size_t(rows.symbol[b])]) +
                 " has two rows for " + isoDate(rows.date[b]) + ", " +
                 lines(rows.line[a], rows.line[b]) + "; keep one of them");
  }
}

void refuseDuplicateDates(const std::string& path, PriceRows& rows) {
  auto& dates = rows.wideDates;
  std::sort(dates.begin(), dates.end());
  for (std::size_t i = 1; i < dates.size(); ++i)
    if (dates[i - 1].first == dates[i].first)
      failAt(path, {dates[i].second, 0},
             "two rows have the date " + isoDate(dates[i].first) + ", " +
                 lines(dates[i - 1].second, dates[i].second) + "; keep one of them");
}

// A hole is wider than holidays explain, whether the file is daily or monthly.
void countGaps(const std::vector<std::int32_t>& days, PriceReport& report) {
  std::vector<std::int32_t> steps;
  for (std::size_t i = 1; i < days.size(); ++i)
    steps.push_back(days[i] - days[i - 1]);
  if (steps.empty())
    return;
  std::vector<std::int32_t> sorted = steps;
  std::nth_element(sorted.begin(), sorted.begin() + sorted.size() / 2, sorted.end());
  const std::int32_t most = std::max(10, 5 * sorted[sorted.size() / 2]);
  std::int32_t widest = most;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    report.calendarGaps += steps[i] > most;
    if (steps[i] > widest) {
      widest = steps[i];
      report.widestGap = isoDate(days[i]) + " to " + isoDate(days[i + 1]);
    }
  }
}

// Ascending days with a close; counts the dates that have none.
std::vector<std::int32_t> tradingDays(const PriceRows& rows, PriceReport& report) {
  std::vector<std::int32_t> all, days;
  auto addTo = [](std::vector<std::int32_t>& list, std::int32_t day) {
    if (list.empty() || list.back() != day)
      list.push_back(day);
  };
  auto tidy = [](std::vector<std::int32_t>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  };
  // Tidied now and then, so that both lists stay near the number of distinct days.
  std::size_t limit = std::size_t(1) << 16;
  for (std::size_t i = 0; i < rows.date.size(); ++i) {
    addTo(all, rows.date[i]);
    if (!std::isnan(rows.close[i]))
      addTo(days, rows.date[i]);
    if (all.size() >= limit) {
      tidy(all);
      tidy(days);
      limit = std::max(limit, 2 * all.size());
    }
  }
  for (auto [date, line] : rows.wideDates)
    addTo(all, date);
  tidy(all);
  tidy(days);
  report.emptyDays = all.size() - days.size();
  countGaps(days, report);
  return days;
}

/// The entries of `from` in the given order; frees `from`.
std::vector<double> gather(std::vector<double>& from, const Order& order) {
  std::vector<double> to;
  if (!from.empty()) {
    to.reserve(order.size());
    for (std::uint32_t i : order)
      to.push_back(from[i]);
  }
  std::vector<double>().swap(from);
  return to;
}

/// Takes the entries without a close out of the order; moves the offsets along.
void dropBlankCloses(const PriceRows& rows, Order& order, std::vector<std::size_t>& offsets) {
  std::size_t kept = 0;
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    std::size_t begin = offsets[s];
    offsets[s] = kept;
    for (std::size_t i = begin; i < offsets[s + 1]; ++i)
      if (!std::isnan(rows.close[order[i]]))
        order[kept++] = order[i];
  }
  offsets.back() = kept;
  order.resize(kept);
}

void dropEmptySymbols(PriceTable& table) {
  std::size_t kept = 0;
  for (std::size_t s = 0; s < table.symbols.size(); ++s) {
    if (table.offsets[s] == table.offsets[s + 1]) {
      table.report.symbolsWithoutPrices.push_back(table.symbols[s]);
      continue;
    }
    if (kept != s)
      table.symbols[kept] = std::move(table.symbols[s]);
    table.offsets[kept++] = table.offsets[s];
  }
  table.offsets[kept] = table.offsets.back();
  table.offsets.resize(kept + 1);
  table.symbols.resize(kept);
}

void countLives(PriceTable& table) {
  PriceReport& report = table.report;
  std::int32_t lastDay = std::int32_t(table.calendar.size()) - 1;
  for (std::size_t s = 0; s < table.symbols.size(); ++s) {
    std::int32_t first = table.day[table.offsets[s]], last = table.day[table.offsets[s + 1] - 1];
    report.suspendedDays +=
        std::uint64_t(last - first + 1) - (table.offsets[s + 1] - table.offsets[s]);
    report.lateListings += first > 0;
    report.earlyEnds += last < lastDay;
  }
  auto at = [](const std::vector<double>& values, std::size_t i) {
    return values.empty() ? NAN : values[i];
  };
  for (std::size_t i = 0; i < table.close.size(); ++i) {
    double high = at(table.high, i), low = at(table.low, i), open = at(table.open, i),
           close = table.close[i];
    // Adjusted prices carry rounding: a part in 10^9 is no inconsistency. Comparisons with NaN are
    // false.
    double up = high * (1 + 1e-9), down = low * (1 - 1e-9);
    report.inconsistentBars += up < low || up < open || up < close || down > open || down > close;
    report.zeroVolumes += at(table.volume, i) == 0.0;
  }
  report.closes = table.close.size();
}

PriceTable assemble(PriceRows rows, PriceReport report) {
  if (rows.close.size() > std::numeric_limits<std::uint32_t>::max())
    failAt(report.path, {}, "the file has more than 4294967295 prices; split it");
  PriceTable table;
  std::vector<std::size_t> byName(rows.symbols.size());
  std::iota(byName.begin(), byName.end(), std::size_t(0));
  std::sort(byName.begin(), byName.end(),
            [&](std::size_t a, std::size_t b) { return rows.symbols[a] < rows.symbols[b]; });
  std::vector<std::int32_t> rank(rows.symbols.size());
  for (std::size_t i = 0; i < byName.size(); ++i) {
    rank[byName[i]] = std::int32_t(i);
    table.symbols.push_back(rows.symbols[byName[i]]);
  }
  refuseDuplicateDates(report.path, rows);
  Order order = sortedOrder(rows, rank, table.offsets);
  refuseDuplicates(report.path, rows, order);
  table.calendar = tradingDays(rows, report);
  if (table.calendar.size() < 2)
    failAt(report.path, {},
           "expected prices of at least 2 days, got " + std::to_string(table.calendar.size()) +
               "; a return needs two closes");
  dropBlankCloses(rows, order, table.offsets);
  table.day.reserve(order.size());
  for (std::uint32_t i : order)
    table.day.push_back(
        std::int32_t(std::lower_bound(table.calendar.begin(), table.calendar.end(), rows.date[i]) -
                     table.calendar.begin()));
  table.close = gather(rows.close, order);
  table.open = gather(rows.open, order);
  table.high = gather(rows.high, order);
  table.low = gather(rows.low, order);
  table.volume = gather(rows.volume, order);
  table.report = std::move(report);
  dropEmptySymbols(table);
  countLives(table);
  return table;
}

} // namespace

PriceTable readPrices(const std::string& path, const PriceReadOptions& options) {
  PriceReport report;
  report.path = path;
  PriceRowReader reader(path, options.layout, report);
  CsvFile file(path);
  std::function<void(const CsvProgress&)> onProgress;
  if (options.progress)
    onProgress = [&](const CsvProgress& at) {
      options.progress({at.bytesRead, at.bytesTotal, report.rows});
    };
  file.read([&](std::span<const std::string_view> fields,
                std::uint64_t line) { reader.row(fields, line); },
            onProgress);
  report.gzip = file.gzip();
  PriceRows rows = reader.finish();
  return assemble(std::move(rows), std::move(report));
}

} // namespace diptych::study
