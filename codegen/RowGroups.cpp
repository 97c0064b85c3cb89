// Chooses the calls that a group saves the most memory with, and its chunks.
#include "codegen/RowGroups.h"

#include "codegen/RowFootprints.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

// Below this traffic everything is in cache anyway.
constexpr double kWorthwhile = 512 * 1024;
// A row that is larger leaves the cache before the next call sees it.
constexpr double kLargestRow = 768 * 1024;
constexpr size_t kWindow = 64;
constexpr size_t kMaxSizes = 4;

bool joins(const ScheduledCall& call, int64_t rows, const std::vector<RowFootprint>& prints,
           std::vector<RowFootprint>& own) {
  const std::optional<RowLoops> loops = rowLoopsOf(call);
  if (!loops || call.range % rows != 0)
    return false;
  own = footprintsOf(call, *loops, rows);
  for (const RowFootprint& print : own)
    if (!std::all_of(prints.begin(), prints.end(),
                     [&](const RowFootprint& other) { return stayApart(print, other); }))
      return false;
  return true;
}

/// What can run together from a first call on.
struct Candidate {
  int64_t rows = 0;
  double saved = 0;    // bytes that are found in cache
  double rowBytes = 0; // that one row of all members touches
  std::vector<size_t> members, before, after;
};

class RowGrouping {
public:
  explicit RowGrouping(Schedule& schedule) : schedule_(schedule) {}

  void run() {
    std::vector<size_t> pending(schedule_.calls.size());
    for (size_t i = 0; i < pending.size(); ++i)
      pending[i] = i;
    while (!pending.empty())
      pending = step(pending);
    std::vector<ScheduledCall> calls;
    for (size_t i : order_)
      calls.push_back(std::move(schedule_.calls[i]));
    schedule_.calls = std::move(calls);
  }
  const std::vector<size_t>& order() const { return order_; }

private:
  const ScheduledCall& call(size_t i) const { return schedule_.calls[i]; }

  /// Puts the first pending call, or the group that it begins, in order; returns what is left.
  std::vector<size_t> step(const std::vector<size_t>& pending) {
    Candidate best;
    for (int64_t rows : rowCounts(pending)) {
      Candidate candidate = gather(pending, rows);
      if (candidate.members.size() > 1 && candidate.rowBytes <= kLargestRow &&
          candidate.saved > best.saved && keepsTiles(candidate))
        best = std::move(candidate);
    }
    if (best.saved < kWorthwhile) {
      order_.push_back(pending[0]);
      return {pending.begin() + 1, pending.end()};
    }
    order_.insert(order_.end(), best.before.begin(), best.before.end());
    schedule_.rowGroups.push_back(describe(best));
    order_.insert(order_.end(), best.members.begin(), best.members.end());
    best.after.insert(best.after.end(), pending.begin() + std::min(kWindow, pending.size()),
                      pending.end());
    return std::move(best.after);
  }

  /// Numbers of rows to try: ranges of calls in the window that cut the first call's range.
  std::vector<int64_t> rowCounts(const std::vector<size_t>& pending) const {
    const ScheduledCall& first = call(pending[0]);
    std::vector<int64_t> counts;
    if (first.bytes < kWorthwhile / 2 || !rowLoopsOf(first))
      return counts;
    for (size_t i = 0; i < std::min(kWindow, pending.size()) && counts.size() < kMaxSizes; ++i) {
      const int64_t range = call(pending[i]).range;
      if (range > 1 && first.range % range == 0 && rowLoopsOf(call(pending[i])) &&
          std::find(counts.begin(), counts.end(), range) == counts.end())
        counts.push_back(range);
    }
    return counts;
  }

  Candidate gather(const std::vector<size_t>& pending, int64_t rows) const {
    Candidate found;
    found.rows = rows;
    std::vector<RowFootprint> prints;
    for (size_t p = 0; p < std::min(kWindow, pending.size()); ++p) {
      const size_t i = pending[p];
      auto waitsFor = [&](size_t other) { return depends(call(i), call(other)); };
      const bool late = std::any_of(found.after.begin(), found.after.end(), waitsFor);
      std::vector<RowFootprint> own;
      if (!late && joins(call(i), rows, prints, own)) {
        found.members.push_back(i);
        prints.insert(prints.end(), own.begin(), own.end());
      } else if (late || std::any_of(found.members.begin(), found.members.end(), waitsFor)) {
        found.after.push_back(i);
      } else {
        found.before.push_back(i);
      }
    }
    measure(found);
    return found;
  }

  /// Bytes that members touch again, and bytes of a row of all that they touch.
  void measure(Candidate& found) const {
    llvm::DenseMap<int, int> touched;
    for (size_t i : found.members)
      for (int buffer : call(i).buffers)
        ++touched[buffer];
    for (const auto& [buffer, times] : touched) {
      const auto bytes = static_cast<double>(schedule_.buffers[buffer].bytes);
      found.saved += bytes * (times - 1);
      found.rowBytes += bytes / static_cast<double>(found.rows);
    }
  }

  static int64_t chunkOf(const Candidate& found) {
    return std::max<int64_t>(1, static_cast<int64_t>(kRowChunkBytes / found.rowBytes));
  }

  /// A product of matrices computes tiles of several rows: a chunk of fewer takes as long as one.
  bool keepsTiles(const Candidate& found) const {
    return std::all_of(found.members.begin(), found.members.end(), [&](size_t i) {
      auto* product = std::get_if<MatmulSpec>(&call(i).kernel.what);
      if (!product || !product->batch.is(1))
        return true;
      const int64_t tile = product->rangeOverV ? 2 * product->lanes : product->rows;
      return chunkOf(found) * (call(i).range / found.rows) >= std::min(tile, call(i).range);
    });
  }

  runtime::RowGroup describe(const Candidate& found) const {
    runtime::RowGroup group;
    group.first = order_.size();
    group.count = found.members.size();
    group.rows = found.rows;
    group.grain = found.rows;
    for (size_t i : found.members) {
      const int64_t each = call(i).range / found.rows;
      group.grain = std::min(group.grain, (call(i).grain + each - 1) / each);
    }
    group.chunk = chunkOf(found);
    return group;
  }

  Schedule& schedule_;
  std::vector<size_t> order_;
};

} // namespace

void groupRows(Schedule& schedule) { RowGrouping(schedule).run(); }

std::vector<size_t> orderByRows(Schedule& schedule) {
  RowGrouping grouping(schedule);
  grouping.run();
  return grouping.order();
}

bool rowsStayApart(const Schedule& schedule, const runtime::RowGroup& group) {
  std::vector<RowFootprint> prints, own;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    if (!joins(schedule.calls[i], group.rows, prints, own))
      return false;
    prints.insert(prints.end(), own.begin(), own.end());
  }
  return true;
}

} // namespace diptych::codegen
