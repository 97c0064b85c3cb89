// Greedy: at the step that needs most memory, the array that frees most of it, for longest, at the
// least cost. Under a limit, where there is none, the row group of that step is given up, until the
// limit holds or nothing is left; without one, until a small budget is spent.
#include "codegen/Rematerialise.h"

#include "codegen/RowFootprints.h"

#include <algorithm>
#include <cstdio>

namespace diptych::codegen {

namespace {

using Kind = PlannedBuffer::Kind;

/// What memory traffic costs beside an operation: a byte, at some sixteen operations for each.
constexpr double kByteCost = 2;
/// Below, nothing is won that a plan would notice.
constexpr int64_t kLeastBytes = 4096;
/// Turns without a lower peak: several steps may need as much.
constexpr int kMostIdle = 64;
/// Calls that one array may take to compute again.
constexpr size_t kMostCalls = 8;

// Without a limit:
/// The part of what lies at the peak that an array must be.
constexpr int64_t kLeastShare = 256;
constexpr int kMostIdleCheap = 16;
/// The part by which an estimate must be lower to be worth a plan.
constexpr int64_t kWorthPlanning = 64;
/// A program with less than that of temporaries stays as it is.
constexpr int64_t kLeastPeak = 4 << 20;
/// The part of a program's cost that computing again may add; it has to win twice that of the peak.
constexpr double kBudget = 1.0 / 16;
/// Of a candidate, for each byte that it frees: writing it, and reading three.
constexpr double kCheap = 4 * kByteCost;

struct Live {
  std::vector<int64_t> bytes; // by step
  size_t peak = 0;
};

Live liveBytes(const Schedule& schedule) {
  struct Range {
    int64_t bytes = 0;
    int first = INT32_MAX, last = -1;
  };
  std::vector<Range> places(2 * schedule.buffers.size());
  for (size_t id = 0; id < schedule.buffers.size(); ++id) {
    const PlannedBuffer& buffer = schedule.buffers[id];
    if (buffer.kind != Kind::Temporary || buffer.firstStep < 0 || buffer.home >= 0 ||
        buffer.rowBytes > 0)
      continue;
    const bool shared = buffer.place >= 0;
    Range& place =
        places[shared ? static_cast<size_t>(buffer.place) : schedule.buffers.size() + id];
    place = {buffer.bytes, std::min(place.first, buffer.firstStep),
             std::max(place.last, buffer.lastStep)};
  }
  Live live{std::vector<int64_t>(schedule.calls.size())};
  for (const Range& place : places)
    for (int step = place.first; step <= place.last; ++step)
      live.bytes[static_cast<size_t>(step)] += place.bytes;
  for (const runtime::RowGroup& group : schedule.rowGroups)
    for (size_t step = group.first; step < group.first + group.count; ++step)
      live.bytes[step] += group.lanesBytes(schedule.lanes);
  live.peak = static_cast<size_t>(std::max_element(live.bytes.begin(), live.bytes.end()) -
                                  live.bytes.begin());
  return live;
}

class Rematerialiser {
public:
  explicit Rematerialiser(Schedule& schedule) : schedule_(schedule) {
    const size_t count = schedule.buffers.size();
    writers_.resize(count);
    users_.resize(count);
    for (size_t i = 0; i < schedule.calls.size(); ++i)
      for (size_t arg = 0; arg < schedule.calls[i].buffers.size(); ++arg) {
        const auto id = static_cast<size_t>(schedule.calls[i].buffers[arg]);
        std::vector<size_t>& list = mayWrite(schedule.calls[i], arg) ? writers_[id] : users_[id];
        if (list.empty() || list.back() != i)
          list.push_back(i);
      }
  }

  /// Computes one array again after the peak, for at most `budget` and, if `cheap`, for little more
  /// than moving what it frees. What that costs; none where no array is worth it.
  std::optional<double> step(double budget, bool cheap) {
    if (schedule_.calls.empty())
      return std::nullopt;
    const Live live = liveBytes(schedule_);
    const size_t peak = live.peak;
    least_ = cheap ? std::max(kLeastBytes, live.bytes[peak] / kLeastShare) : kLeastBytes;
    std::optional<Candidate> best;
    for (size_t id = 0; id < schedule_.buffers.size(); ++id)
      if (auto candidate = candidateOf(id, peak); candidate)
        if (candidate->cost <= budget && (!cheap || candidate->cost <= kCheap * candidate->freed) &&
            (!best || candidate->worth() > best->worth()))
          best = std::move(candidate);
    if (best) {
      apply(*best);
      return best->cost;
    }
    return !cheap && splitGroup(peak) ? std::optional(0.0) : std::nullopt;
  }

private:
  struct Candidate {
    std::vector<size_t> calls; // to run again
    std::vector<int> made;     // what they make for users behind the peak
    std::vector<int> inner;    // what they make for themselves
    size_t before;             // this call
    double freed, gap, cost;
    double worth() const { return freed * gap / cost; }
  };

  /// The calls that take turns with this one; itself alone outside row groups.
  std::pair<size_t, size_t> groupOf(size_t call) const {
    const auto after = std::upper_bound(
        schedule_.rowGroups.begin(), schedule_.rowGroups.end(), call,
        [](size_t step, const runtime::RowGroup& group) { return step < group.first; });
    if (after != schedule_.rowGroups.begin())
      if (const auto& group = *std::prev(after); call < group.first + group.count)
        return {group.first, group.first + group.count - 1};
    return {call, call};
  }

  /// What the calls that make this buffer make: temporaries that nobody else writes, by kernels
  /// that can run again. Empty where that is not so.
  std::vector<int> madeWith(size_t id) const {
    std::vector<int> made;
    for (size_t i : writers_[id]) {
      const ScheduledCall& call = schedule_.calls[i];
      if (!call.isKernel() || call.status || call.scratchBytes)
        return {};
      for (size_t arg = 0; arg < call.buffers.size(); ++arg) {
        const int written = call.buffers[arg];
        if (!writes(call.kernel, arg))
          continue;
        if (schedule_.buffers[written].kind != Kind::Temporary ||
            !std::includes(writers_[id].begin(), writers_[id].end(), writers_[written].begin(),
                           writers_[written].end()))
          return {};
        if (std::find(made.begin(), made.end(), written) == made.end())
          made.push_back(written);
      }
    }
    return made;
  }

  std::optional<Candidate> candidateOf(size_t id, size_t peak) const {
    const PlannedBuffer& buffer = schedule_.buffers[id];
    if (buffer.kind != Kind::Temporary || buffer.home >= 0 || buffer.rowBytes > 0 ||
        buffer.bytes < least_ || buffer.firstStep < 0 ||
        buffer.firstStep > static_cast<int>(peak) || buffer.lastStep <= static_cast<int>(peak))
      return std::nullopt;
    Candidate found{{}, madeWith(id), {}, schedule_.calls.size(), 0, 0, 1};
    size_t last = 0; // that wants it before
    for (int other : found.made) {
      last = std::max(last, writers_[other].back());
      for (size_t user : users_[other]) {
        const size_t begin = groupOf(user).first;
        if (begin > peak)
          found.before = std::min(found.before, begin);
        else
          last = std::max(last, user);
      }
      const bool wanted = !users_[other].empty() && groupOf(users_[other].back()).first > peak;
      found.freed += wanted ? static_cast<double>(schedule_.buffers[other].bytes) : 0;
    }
    // Nobody touches it at the peak, and somebody does later.
    if (found.made.empty() || found.before == schedule_.calls.size() ||
        groupOf(last).second >= peak || !addCalls(id, peak, found) || found.freed <= 0)
      return std::nullopt;
    llvm::sort(found.calls);
    for (size_t i : found.calls)
      found.cost += schedule_.calls[i].flops + kByteCost * schedule_.calls[i].bytes;
    found.gap = static_cast<double>(found.before - last);
    return found;
  }

  /// The calls that make a buffer, and those before them whose results are gone by the peak; an
  /// operand that would have to live through it instead counts against what is freed. False where
  /// an operand is not what it was.
  bool addCalls(size_t id, size_t peak, Candidate& found) const {
    const std::vector<int> own = madeWith(id);
    for (size_t i : writers_[id]) {
      found.calls.push_back(i);
      for (int operand : schedule_.calls[i].buffers) {
        const auto at = static_cast<size_t>(operand);
        const PlannedBuffer& buffer = schedule_.buffers[at];
        if (llvm::is_contained(own, operand) || llvm::is_contained(found.inner, operand))
          continue;
        if (!writers_[at].empty() && writers_[at].back() >= i)
          return false;
        if (buffer.kind != Kind::Temporary ||
            (buffer.lastStep >= static_cast<int>(peak) && buffer.home < 0))
          continue;
        const std::vector<int> with = madeWith(at);
        if (with.empty() || buffer.bytes < kLeastBytes || found.calls.size() >= kMostCalls) {
          found.freed -= static_cast<double>(buffer.bytes);
          continue;
        }
        found.inner.insert(found.inner.end(), with.begin(), with.end());
        if (!addCalls(at, peak, found))
          return false;
      }
    }
    return true;
  }

  /// Its calls one after the other: what they use then lives for some of them alone.
  bool splitGroup(size_t peak) {
    return std::erase_if(schedule_.rowGroups, [&](const runtime::RowGroup& group) {
             return peak >= group.first && peak < group.first + group.count;
           }) > 0;
  }

  void apply(const Candidate& chosen) {
    std::vector<ScheduledCall> calls;
    for (size_t i : chosen.calls)
      calls.push_back(schedule_.calls[i]);
    const auto renew = [&](int id, bool forAll) {
      const auto again = static_cast<int>(schedule_.buffers.size());
      PlannedBuffer copy = schedule_.buffers[id];
      copy.place = copy.firstStep = copy.lastStep = copy.home = -1;
      copy.rowBytes = 0;
      schedule_.buffers.push_back(copy);
      const auto rename = [&](ScheduledCall& call) {
        std::replace(call.buffers.begin(), call.buffers.end(), id, again);
      };
      std::for_each(calls.begin(), calls.end(), rename);
      if (forAll)
        std::for_each(schedule_.calls.begin() + static_cast<int64_t>(chosen.before),
                      schedule_.calls.end(), rename);
    };
    // What else they make is as good as what they made before.
    for (int id : chosen.made)
      renew(id, true);
    for (int id : chosen.inner)
      renew(id, false);
    for (runtime::RowGroup& group : schedule_.rowGroups)
      if (group.first >= chosen.before)
        group.first += calls.size();
    schedule_.calls.insert(schedule_.calls.begin() + static_cast<int64_t>(chosen.before),
                           std::make_move_iterator(calls.begin()),
                           std::make_move_iterator(calls.end()));
    dropUnread(chosen);
  }

  /// Of the calls that run again, those whose results nobody read before run then alone. What they
  /// make for themselves may have later readers, which read what was made first.
  void dropUnread(const Candidate& chosen) {
    std::vector<size_t> dropped; // from the last
    const auto isRead = [&](size_t id) {
      const bool isRenewed = llvm::is_contained(chosen.made, static_cast<int>(id));
      return schedule_.buffers[id].kind != Kind::Temporary ||
             llvm::any_of(users_[id], [&](size_t user) {
               return (user < chosen.before || !isRenewed) && !llvm::is_contained(dropped, user);
             });
    };
    for (size_t i : llvm::reverse(chosen.calls)) {
      const ScheduledCall& call = schedule_.calls[i];
      bool isWanted = false;
      for (size_t arg = 0; arg < call.buffers.size(); ++arg)
        isWanted |= mayWrite(call, arg) && isRead(static_cast<size_t>(call.buffers[arg]));
      if (!isWanted)
        dropped.push_back(i);
    }
    for (size_t i : dropped) {
      schedule_.calls.erase(schedule_.calls.begin() + static_cast<int64_t>(i));
      for (runtime::RowGroup& group : schedule_.rowGroups)
        if (group.first > i)
          --group.first;
        else if (i < group.first + group.count)
          --group.count;
    }
    std::erase_if(schedule_.rowGroups,
                  [](const runtime::RowGroup& group) { return group.count == 0; });
  }

  Schedule& schedule_;
  std::vector<std::vector<size_t>> writers_, users_; // by buffer: calls
  int64_t least_ = 0;                                // bytes of an array that counts
};

std::string megabytes(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g MB", static_cast<double>(bytes) * 1e-6);
  return text;
}

std::string placeOf(const ScheduledCall& call) {
  if (!call.where.known())
    return call.name;
  return call.name + " at " + call.where.file + ":" + std::to_string(call.where.line);
}

} // namespace

/// What a temporary has in the arena.
static int64_t heldBytes(const Schedule& schedule, const PlannedBuffer& buffer) {
  if (buffer.rowBytes == 0)
    return buffer.bytes;
  for (const runtime::RowGroup& group : schedule.rowGroups)
    if (static_cast<int>(group.first) == buffer.firstStep) {
      const int64_t lanes = group.lanesOn(schedule.lanes);
      return lanes * group.pieceOf(lanes) * buffer.rowBytes;
    }
  return 0;
}

std::string describePeak(const Schedule& schedule) {
  if (schedule.calls.empty())
    return "nothing";
  const Live live = liveBytes(schedule);
  std::vector<std::pair<int64_t, std::string>> rows;
  for (size_t id = 0; id < schedule.buffers.size(); ++id) {
    const PlannedBuffer& buffer = schedule.buffers[id];
    if (buffer.kind != Kind::Temporary || buffer.home >= 0 || buffer.firstStep < 0 ||
        buffer.firstStep > static_cast<int>(live.peak) ||
        buffer.lastStep < static_cast<int>(live.peak))
      continue;
    for (const ScheduledCall& call : schedule.calls)
      if (std::count(call.buffers.begin(), call.buffers.end(), static_cast<int>(id))) {
        const int64_t bytes = heldBytes(schedule, buffer);
        rows.emplace_back(bytes, megabytes(bytes) + " by " + placeOf(call));
        break;
      }
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text =
      megabytes(live.bytes[live.peak]) + " live at " + placeOf(schedule.calls[live.peak]) + ":";
  constexpr size_t kMost = 5;
  for (size_t i = 0; i < std::min(kMost, rows.size()); ++i)
    text += (i ? ", " : " ") + rows[i].second;
  if (rows.size() > kMost)
    text += ", and " + std::to_string(rows.size() - kMost) + " more";
  return text;
}

// Live ranges anew; what shared a place still does, and what was made again has one of its own.
static int64_t estimatedPeak(Schedule& schedule) {
  for (PlannedBuffer& buffer : schedule.buffers)
    buffer.firstStep = buffer.lastStep = -1;
  findLiveRanges(schedule);
  const Live live = liveBytes(schedule);
  return live.bytes[live.peak];
}

// Greedy steps; the schedule becomes what it is where the peak is lowest for what they cost. Memory
// is planned anew only where an estimate promises something.
static void takeCheapSteps(Schedule& schedule, bool gpu, const std::vector<bool>& donated) {
  Schedule tried = schedule;
  double total = 0;
  for (const ScheduledCall& call : schedule.calls)
    total += call.flops + kByteCost * call.bytes;
  double spent = 0;
  const int64_t first = peakBytes(schedule);
  int64_t least = first, lowest = estimatedPeak(tried);
  for (int idle = 0; idle < kMostIdleCheap; ++idle) {
    const auto cost = Rematerialiser(tried).step(kBudget * total - spent, /*cheap=*/true);
    if (!cost)
      break;
    spent += *cost;
    if (estimatedPeak(tried) > lowest - lowest / kWorthPlanning)
      continue;
    planMemory(tried, gpu, donated);
    lowest = estimatedPeak(tried), idle = -1;
    const int64_t now = peakBytes(tried);
    const double won = static_cast<double>(first - now) / static_cast<double>(first);
    if (now < least && won >= 2 * spent / total)
      least = now, schedule = tried;
  }
}

void planWithoutLimit(Schedule& schedule, bool gpu, const std::vector<bool>& donated) {
  planMemory(schedule, gpu, donated);
  if (schedule.arenaBytes >= kLeastPeak)
    takeCheapSteps(schedule, gpu, donated);
}

void fitMemory(Schedule& schedule, int64_t limit, bool gpu, const std::vector<bool>& donated) {
  schedule.mostLanes = std::max(1, schedule.lanes);
  planWithoutLimit(schedule, gpu, donated);
  int64_t least = peakBytes(schedule);
  for (int idle = 0; least > limit && idle < kMostIdle; ++idle) {
    if (!Rematerialiser(schedule).step(std::numeric_limits<double>::infinity(), /*cheap=*/false))
      break;
    planMemory(schedule, gpu, donated);
    if (const int64_t now = peakBytes(schedule); now < least)
      least = now, idle = 0;
  }
  if (peakBytes(schedule) <= limit)
    return;
  const Live live = liveBytes(schedule);
  throw Error(
      schedule.calls.empty() ? SourceLocation() : schedule.calls[live.peak].where,
      "jit: expected a program within memoryLimit, " + std::to_string(limit) +
          " bytes, got one that needs " + std::to_string(peakBytes(schedule)) +
          " with its arguments and results, after all that can be has been computed again; " +
          describePeak(schedule) +
          "; raise the limit, compute on smaller batches, or checkpoint parts of the function");
}

} // namespace diptych::codegen
