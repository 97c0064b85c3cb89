// Rows are grouped as for typical sizes, and memory is planned for all.
#include "aot/Merger.h"

#include "codegen/KernelNumbers.h"
#include "codegen/RowGroups.h"

#include <algorithm>
#include <set>

namespace diptych::aot {

using codegen::Schedule;
using codegen::ScheduledCall;

static constexpr int64_t kPieceWork = 32768;

// The first sample decides; the calls of the others take the same places.
void Merger::group() {
  const std::vector<size_t> order = codegen::orderByRows(samples_[0]);
  for (size_t s = 1; s < samples_.size(); ++s) {
    std::vector<ScheduledCall> calls;
    for (size_t i : order)
      calls.push_back(std::move(samples_[s].calls[i]));
    samples_[s].calls = std::move(calls);
  }
  codegen::findLiveRanges(samples_[0]);
}

void Merger::buffers() {
  const Schedule& first = samples_[0];
  for (size_t i = 0; i < first.buffers.size(); ++i) {
    const auto known = arenas_.find(static_cast<int>(i));
    if (known != arenas_.end()) {
      bytes_.push_back(known->second);
      continue;
    }
    const Formula* blocks = blocksIn(static_cast<int>(i));
    const auto values = valuesOf([&](size_t s) {
      return samples_[s].buffers[i].bytes / (blocks ? blocks->at(at_.at(s)) : 1);
    });
    const auto formula = fit(values);
    if (!formula)
      refuse(userOf(static_cast<int>(i)), "the size of an array");
    if (!blocks)
      keep(*formula);
    bytes_.push_back(blocks ? *blocks * *formula : *formula);
  }
  OpenArena arena = planArena(first, bytes_, at_.at(0));
  for (const Formula& place : arena.places)
    merged_.numbers.places.push_back(plan_.table.size(place));
  merged_.arenaBytes = arena.bytes;
}

const ScheduledCall& Merger::userOf(int buffer) const {
  static const ScheduledCall nobody{};
  for (const ScheduledCall& call : samples_[0].calls)
    if (std::count(call.buffers.begin(), call.buffers.end(), buffer))
      return call;
  return nobody;
}

// Rows that lie apart for typical sizes might not for others: such calls run one by one.
void Merger::groupNumbers() {
  std::vector<runtime::RowGroup> kept;
  for (const runtime::RowGroup& group : samples_[0].rowGroups) {
    std::optional<Formula> rows;
    for (size_t i = group.first; i < group.first + group.count && !rows; ++i)
      if (samples_[0].calls[i].range == group.rows)
        rows = ranges_.at(i);
    if (!rows || !holds(group, *rows))
      continue;
    kept.push_back(group);
    describe(group, *rows);
  }
  merged_.schedule.rowGroups = std::move(kept);
}

void Merger::describe(const runtime::RowGroup& group, const Formula& rows) {
  GroupNumbers numbers;
  Formula work(0), bytes(0);
  bool known = true;
  std::set<int> touched;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    const ScheduledCall& call = samples_[0].calls[i];
    numbers.each.push_back(plan_.table.size(fitted(call, "what a row is", [&](size_t s) {
      return samples_[s].calls[i].range / rows.at(at_.at(s));
    })));
    known = known && works_[i];
    work = known ? work + *works_[i] : work;
    for (int buffer : call.buffers)
      if (touched.insert(buffer).second)
        bytes = bytes + bytes_[static_cast<size_t>(buffer)];
  }
  const auto perRow = [&](int64_t all, const Formula& of) {
    return atLeastOne(Formula(all) / atLeastOne(of / atLeastOne(rows)));
  };
  numbers.rows = plan_.table.size(rows);
  numbers.grain = plan_.table.size(known ? perRow(kPieceWork, work) : Formula(group.grain));
  numbers.chunk = plan_.table.size(perRow(codegen::kRowChunkBytes, bytes));
  merged_.numbers.groups.push_back(std::move(numbers));
}

bool Merger::holds(const runtime::RowGroup& group, const Formula& rows) const {
  const auto holdsAt = [&](const std::vector<int64_t>& sizes) {
    runtime::RowGroup there = group;
    there.rows = rows.at(sizes);
    if (there.rows <= 1) // nothing takes turns
      return true;
    Schedule instance;
    instance.calls.resize(merged_.schedule.calls.size());
    for (size_t i = group.first; i < group.first + group.count; ++i) {
      ScheduledCall call = merged_.schedule.calls[i];
      const int params = merged_.numbers.calls[i].params;
      codegen::forEachSize(call.kernel, [&](Size& size) {
        if (size.isDynamic())
          size = plan_.table.formulas()[static_cast<size_t>(params + size.slot)].at(sizes);
      });
      call.range = ranges_.at(i).at(sizes);
      instance.calls[i] = std::move(call);
    }
    return codegen::rowsStayApart(instance, there);
  };
  std::vector<std::vector<int64_t>> grid{{}};
  for (size_t dim = 0; dim < dims_.size(); ++dim) {
    std::vector<std::vector<int64_t>> wider;
    const int64_t typical = at_.at(0)[dim];
    for (const auto& sizes : grid)
      for (const int64_t size : {int64_t{1}, int64_t{2}, int64_t{17}, typical, 9 * typical}) {
        wider.push_back(sizes);
        wider.back().push_back(std::clamp(size, dims_[dim].least, dims_[dim].most));
      }
    grid = std::move(wider);
  }
  return std::all_of(grid.begin(), grid.end(), holdsAt);
}

} // namespace diptych::aot
