// Greedy: at the step that needs most memory, the array that frees most of it, for longest, at the
// least cost; where there is none, the row group of that step is given up. Until the limit holds or
// nothing is left.
#include "codegen/Rematerialise.h"

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

struct Live {
  std::vector<int64_t> bytes; // by step
  size_t peak = 0;
};

Live liveBytes(const Schedule& schedule) {
  struct Range {
    int64_t bytes = 0;
    int first = INT32_MAX, last = -1;
  };
  std::vector<Range> places(schedule.buffers.size());
  for (const PlannedBuffer& buffer : schedule.buffers) {
    if (buffer.kind != Kind::Temporary || buffer.place < 0 || buffer.home >= 0)
      continue;
    Range& place = places[static_cast<size_t>(buffer.place)];
    place = {buffer.bytes, std::min(place.first, buffer.firstStep),
             std::max(place.last, buffer.lastStep)};
  }
  Live live{std::vector<int64_t>(schedule.calls.size())};
  for (const Range& place : places)
    for (int step = place.first; step <= place.last; ++step)
      live.bytes[static_cast<size_t>(step)] += place.bytes;
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

  /// Computes one array again after the peak; false where none is worth it.
  bool step() {
    if (schedule_.calls.empty())
      return false;
    const size_t peak = liveBytes(schedule_).peak;
    std::optional<Candidate> best;
    for (size_t id = 0; id < schedule_.buffers.size(); ++id)
      if (const auto candidate = candidateOf(id, peak); candidate)
        if (!best || candidate->worth > best->worth)
          best = candidate;
    if (best)
      apply(*best);
    return best || splitGroup(peak);
  }

private:
  struct Candidate {
    size_t buffer, before; // computed again in front of this call
    double worth;
  };

  static bool mayWrite(const ScheduledCall& call, size_t arg) {
    return !call.isKernel() || writes(call.kernel, arg);
  }

  /// Where calls may be inserted so that they come before this one.
  size_t beginOf(size_t call) const {
    for (const runtime::RowGroup& group : schedule_.rowGroups)
      if (call >= group.first && call < group.first + group.count)
        return group.first;
    return call;
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
    if (buffer.kind != Kind::Temporary || buffer.home >= 0 || buffer.bytes < kLeastBytes ||
        buffer.firstStep < 0 || buffer.firstStep > static_cast<int>(peak))
      return std::nullopt;
    const std::vector<int> made = madeWith(id);
    size_t before = 0, after = schedule_.calls.size();
    int64_t freed = 0;
    for (int other : made) {
      before = std::max(before, writers_[other].back());
      for (size_t user : users_[other]) {
        const size_t begin = beginOf(user);
        if (begin > peak)
          after = std::min(after, begin);
        else
          before = std::max(before, user);
      }
      const bool wanted = !users_[other].empty() && beginOf(users_[other].back()) > peak;
      freed += wanted ? schedule_.buffers[other].bytes : 0;
    }
    // Nobody touches it at the peak, and somebody does later.
    if (made.empty() || after == schedule_.calls.size() || endOf(before) >= peak)
      return std::nullopt;
    const auto kept = keptAlive(id, after, peak);
    if (!kept || *kept >= freed)
      return std::nullopt;
    double cost = 1;
    for (size_t i : writers_[id])
      cost += schedule_.calls[i].flops + kByteCost * schedule_.calls[i].bytes;
    const double gap = static_cast<double>(after - before);
    return Candidate{id, after, static_cast<double>(freed - *kept) * gap / cost};
  }

  size_t endOf(size_t call) const {
    for (const runtime::RowGroup& group : schedule_.rowGroups)
      if (call >= group.first && call < group.first + group.count)
        return group.first + group.count - 1;
    return call;
  }

  /// Bytes that would live through the peak so that this can be computed again; none where an
  /// operand is not what it was.
  std::optional<int64_t> keptAlive(size_t id, size_t until, size_t peak) const {
    int64_t bytes = 0;
    std::vector<int> seen = madeWith(id);
    for (size_t i : writers_[id])
      for (int operand : schedule_.calls[i].buffers) {
        const auto at = static_cast<size_t>(operand);
        const PlannedBuffer& buffer = schedule_.buffers[at];
        if (std::find(seen.begin(), seen.end(), operand) != seen.end())
          continue;
        seen.push_back(operand);
        if (!writers_[at].empty() && writers_[at].back() >= i)
          return std::nullopt;
        if (buffer.kind == Kind::Temporary && buffer.lastStep < static_cast<int>(until))
          bytes += buffer.lastStep < static_cast<int>(peak) || buffer.home >= 0 ? buffer.bytes : 0;
      }
    return bytes;
  }

  /// Its calls one after the other: what they use then lives for some of them alone.
  bool splitGroup(size_t peak) {
    return std::erase_if(schedule_.rowGroups, [&](const runtime::RowGroup& group) {
             return peak >= group.first && peak < group.first + group.count;
           }) > 0;
  }

  void apply(const Candidate& chosen) {
    std::vector<ScheduledCall> calls;
    for (size_t i : writers_[chosen.buffer])
      calls.push_back(schedule_.calls[i]);
    // What else they make is as good as what they made before.
    for (int id : madeWith(chosen.buffer)) {
      const auto again = static_cast<int>(schedule_.buffers.size());
      PlannedBuffer copy = schedule_.buffers[id];
      copy.place = copy.firstStep = copy.lastStep = copy.home = -1;
      schedule_.buffers.push_back(copy);
      const auto rename = [&](ScheduledCall& call) {
        std::replace(call.buffers.begin(), call.buffers.end(), id, again);
      };
      std::for_each(calls.begin(), calls.end(), rename);
      std::for_each(schedule_.calls.begin() + static_cast<int64_t>(chosen.before),
                    schedule_.calls.end(), rename);
    }
    for (runtime::RowGroup& group : schedule_.rowGroups)
      if (group.first >= chosen.before)
        group.first += calls.size();
    schedule_.calls.insert(schedule_.calls.begin() + static_cast<int64_t>(chosen.before),
                           std::make_move_iterator(calls.begin()),
                           std::make_move_iterator(calls.end()));
  }

  Schedule& schedule_;
  std::vector<std::vector<size_t>> writers_, users_; // by buffer: calls
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
        rows.emplace_back(buffer.bytes, megabytes(buffer.bytes) + " by " + placeOf(call));
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

void fitMemory(Schedule& schedule, int64_t limit, bool gpu, const std::vector<bool>& donated) {
  planMemory(schedule, gpu, donated);
  int64_t least = peakBytes(schedule);
  for (int idle = 0; least > limit && idle < kMostIdle; ++idle) {
    if (!Rematerialiser(schedule).step())
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
