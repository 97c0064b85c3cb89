// Two sweeps over units, calls or row groups. From the end: a unit whose result is larger than what
// it alone keeps alive stands right before its first user. Then from the beginning: a unit that
// frees more than it takes follows what it waits for. All others keep their order.
#include "codegen/CallOrder.h"

#include "codegen/RowFootprints.h"

#include <algorithm>

namespace diptych::codegen {

namespace {

using Kind = PlannedBuffer::Kind;

// Looking further costs time and rarely finds more.
constexpr size_t kWindow = 64;
// Below, all of it is in the first cache anyway.
constexpr int64_t kLeastArena = 32 << 10;
// Arenas that are smaller by less than this part are not worth another order.
constexpr int64_t kLeastPart = 32;

struct Unit {
  size_t first = 0, count = 1;
  int group = -1;
  std::vector<int> buffers = {};               // each once, temporaries only
  std::vector<size_t> before = {}, after = {}; // units it waits for, units that wait for it
};

class CallOrder {
public:
  explicit CallOrder(const Schedule& schedule) : schedule_(schedule) {
    makeUnits();
    for (size_t i = 0; i < units_.size(); ++i)
      connect(i);
  }

  std::vector<Unit> run() {
    std::vector<size_t> order(units_.size());
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = units_.size() - 1 - i;
    order = sweep(order, &Unit::after, &Unit::before);
    std::reverse(order.begin(), order.end());
    order = sweep(order, &Unit::before, &Unit::after);
    std::vector<Unit> units;
    for (size_t i : order)
      units.push_back(units_[i]);
    return units;
  }

private:
  void makeUnits() {
    size_t group = 0;
    for (size_t i = 0; i < schedule_.calls.size();) {
      Unit unit{i, 1};
      if (group < schedule_.rowGroups.size() && schedule_.rowGroups[group].first == i) {
        unit.count = schedule_.rowGroups[group].count;
        unit.group = static_cast<int>(group++);
      }
      i += unit.count;
      units_.push_back(std::move(unit));
    }
    lastWriter_.resize(schedule_.buffers.size(), -1);
    readers_.resize(schedule_.buffers.size());
  }

  void connect(size_t id) {
    Unit& unit = units_[id];
    for (size_t i = unit.first; i < unit.first + unit.count; ++i) {
      const ScheduledCall& call = schedule_.calls[i];
      for (size_t arg = 0; arg < call.buffers.size(); ++arg) {
        const auto buffer = static_cast<size_t>(call.buffers[arg]);
        const bool writes = mayWrite(call, arg);
        waitFor(id, lastWriter_[buffer]);
        if (writes)
          for (size_t reader : readers_[buffer])
            waitFor(id, static_cast<int>(reader));
        if (writes)
          readers_[buffer].clear(), lastWriter_[buffer] = static_cast<int>(id);
        else
          readers_[buffer].push_back(id);
        if (schedule_.buffers[buffer].kind == Kind::Temporary)
          unit.buffers.push_back(call.buffers[arg]);
      }
    }
    llvm::sort(unit.before);
    unit.before.erase(llvm::unique(unit.before), unit.before.end());
    llvm::sort(unit.buffers);
    unit.buffers.erase(llvm::unique(unit.buffers), unit.buffers.end());
    for (size_t other : unit.before)
      units_[other].after.push_back(id);
  }

  void waitFor(size_t id, int other) {
    if (other >= 0 && static_cast<size_t>(other) != id)
      units_[id].before.push_back(static_cast<size_t>(other));
  }

  /// Bytes that begin to live when the unit stands next, less those that cease to.
  int64_t growth(const Unit& unit) const {
    int64_t bytes = 0;
    for (int id : unit.buffers) {
      const auto buffer = static_cast<size_t>(id);
      const int64_t size = schedule_.buffers[buffer].bytes;
      bytes += (live_[buffer] ? 0 : size) - (left_[buffer] == 1 ? size : 0);
    }
    return bytes;
  }

  /// In the direction in which `waits` are done with first.
  std::vector<size_t> sweep(std::vector<size_t> pending, std::vector<size_t> Unit::* waits,
                            std::vector<size_t> Unit::* frees) {
    live_.assign(schedule_.buffers.size(), false);
    left_.assign(schedule_.buffers.size(), 0);
    std::vector<size_t> open(units_.size()), order;
    for (size_t i = 0; i < units_.size(); ++i) {
      open[i] = (units_[i].*waits).size();
      for (int id : units_[i].buffers)
        ++left_[static_cast<size_t>(id)];
    }
    while (!pending.empty()) {
      size_t best = 0;
      int64_t least = 0;
      for (size_t i = 0; i < std::min(kWindow, pending.size()); ++i) {
        if (open[pending[i]] > 0)
          continue;
        if (const int64_t bytes = growth(units_[pending[i]]); bytes < least)
          least = bytes, best = i;
      }
      const size_t next = pending[best];
      pending.erase(pending.begin() + static_cast<ptrdiff_t>(best));
      order.push_back(next);
      place(units_[next]);
      for (size_t other : units_[next].*frees)
        --open[other];
    }
    return order;
  }

  void place(const Unit& unit) {
    for (int id : unit.buffers)
      live_[static_cast<size_t>(id)] = true, --left_[static_cast<size_t>(id)];
  }

  const Schedule& schedule_;
  std::vector<Unit> units_;
  std::vector<int> lastWriter_;              // by buffer: unit
  std::vector<std::vector<size_t>> readers_; // since then
  std::vector<bool> live_;
  std::vector<size_t> left_; // units that still touch a buffer
};

void arrange(Schedule& schedule, const std::vector<Unit>& units) {
  std::vector<ScheduledCall> calls;
  std::vector<runtime::RowGroup> groups;
  for (const Unit& unit : units) {
    if (unit.group >= 0) {
      groups.push_back(schedule.rowGroups[static_cast<size_t>(unit.group)]);
      groups.back().first = calls.size();
    }
    for (size_t i = unit.first; i < unit.first + unit.count; ++i)
      calls.push_back(std::move(schedule.calls[i]));
  }
  schedule.calls = std::move(calls);
  schedule.rowGroups = std::move(groups);
}

/// What arranges the calls as they were.
std::vector<Unit> inverse(const std::vector<Unit>& units) {
  std::vector<Unit> back;
  size_t first = 0;
  int group = 0;
  for (const Unit& unit : units) {
    back.push_back({first, unit.count, unit.group >= 0 ? group++ : -1});
    first += unit.count;
  }
  std::vector<size_t> order(units.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return units[a].first < units[b].first; });
  std::vector<Unit> sorted;
  for (size_t i : order)
    sorted.push_back(back[i]);
  return sorted;
}

} // namespace

void planInBestOrder(Schedule& schedule, bool gpu) {
  planMemory(schedule, gpu);
  const int64_t bytes = schedule.arenaBytes;
  if (bytes < kLeastArena)
    return;
  const std::vector<Unit> units = CallOrder(schedule).run();
  const std::vector<Unit> back = inverse(units);
  arrange(schedule, units);
  planMemory(schedule, gpu);
  if (schedule.arenaBytes <= bytes - bytes / kLeastPart)
    return;
  arrange(schedule, back);
  planMemory(schedule, gpu);
}

} // namespace diptych::codegen
