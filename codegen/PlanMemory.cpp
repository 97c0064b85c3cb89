// One static arena. What follows a dying operand element by element takes its place; every other
// place is the first gap that is free while it is needed, in an output that is not yet written or
// in the arena.
#include "codegen/InPlace.h"

#include <algorithm>

namespace diptych::codegen {

using Kind = PlannedBuffer::Kind;

static constexpr int64_t kAlignment = 64;
// What is smaller stays together in the arena.
static constexpr int64_t kLeastInOutput = 16 << 10;
// Two orders are tried where that costs little.
static constexpr size_t kMostInTwoOrders = 2000;

// Prefetchers run so far beyond what a thread walks through; lines that another one writes there
// would go to and fro between them.
static constexpr int64_t kLanesApart = 12 * 1024;

static int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// The calls of a row group take turns: what one of them uses lives as long as the group.
void findLiveRanges(Schedule& schedule) {
  auto group = schedule.rowGroups.begin();
  for (size_t step = 0; step < schedule.calls.size(); ++step) {
    if (group != schedule.rowGroups.end() && step >= group->first + group->count)
      ++group;
    const bool grouped = group != schedule.rowGroups.end() && step >= group->first;
    const auto first = static_cast<int>(grouped ? group->first : step);
    const auto last = static_cast<int>(grouped ? group->first + group->count - 1 : step);
    for (int id : schedule.calls[step].buffers) {
      PlannedBuffer& buffer = schedule.buffers[id];
      if (buffer.firstStep < 0)
        buffer.firstStep = first;
      buffer.lastStep = last;
    }
  }
}

namespace {

/// Buffers that lie in one place, one after the other: perhaps a donated input first, perhaps an
/// output last.
struct Place {
  std::vector<int> buffers;
  int64_t bytes = 0;
  int first = -1, last = -1; // step
  int lastCall = -1;
  int input = -1, output = -1;
};

class Places {
public:
  Places(Schedule& schedule, bool gpu, const std::vector<bool>& donated)
      : schedule_(schedule), gpu_(gpu), lastCall_(schedule.buffers.size(), -1) {
    for (size_t i = 0; i < schedule.calls.size(); ++i)
      for (int id : schedule.calls[i].buffers)
        lastCall_[id] = static_cast<int>(i);
    for (size_t i = 0; i < schedule.buffers.size(); ++i) {
      PlannedBuffer& buffer = schedule.buffers[i];
      if (buffer.kind != Kind::Input || donated.empty() ||
          !donated[static_cast<size_t>(buffer.index)])
        continue;
      buffer.place = static_cast<int>(places_.size());
      places_.push_back(
          {{static_cast<int>(i)}, buffer.bytes, -1, buffer.lastStep, lastCall_[i], buffer.index});
    }
    donorCount_ = places_.size();
  }

  std::vector<Place> run() {
    auto group = schedule_.rowGroups.begin();
    for (size_t i = 0; i < schedule_.calls.size(); ++i) {
      if (group != schedule_.rowGroups.end() && i >= group->first + group->count)
        ++group;
      const bool grouped = group != schedule_.rowGroups.end() && i >= group->first;
      for (int id : schedule_.calls[i].buffers) {
        const PlannedBuffer& buffer = schedule_.buffers[id];
        if (buffer.place < 0 && (buffer.kind == Kind::Temporary || buffer.kind == Kind::Output))
          settle(id, i, grouped ? &*group : nullptr);
      }
    }
    if (schedule_.lanes > 0)
      for (Place& place : places_)
        keepPieces(place);
    return std::move(places_);
  }

private:
  void settle(int id, size_t call, const runtime::RowGroup* group) {
    PlannedBuffer& buffer = schedule_.buffers[id];
    int found = -1;
    if (buffer.kind == Kind::Output && donorCount_ > 0)
      found = donorPlace(id, call, group);
    if (found < 0 && !buffer.inArena)
      found = operandPlace(id, call, group, /*donors=*/false);
    if (found < 0 && group && !buffer.inArena)
      found = placeInGroup(id, call, *group);
    if (found < 0) {
      found = static_cast<int>(places_.size());
      places_.push_back({{}, buffer.bytes, buffer.firstStep});
    }
    Place& place = places_[static_cast<size_t>(found)];
    place.buffers.push_back(id);
    place.last = buffer.lastStep;
    place.lastCall = lastCall_[id];
    if (buffer.kind == Kind::Output)
      place.output = buffer.index;
    buffer.place = found;
  }

  /// What lives in a row group alone needs memory for the pieces that are under way.
  void keepPieces(Place& place) {
    const auto after = std::upper_bound(schedule_.rowGroups.begin(), schedule_.rowGroups.end(),
                                        place.first, [](int step, const runtime::RowGroup& group) {
                                          return step < static_cast<int>(group.first);
                                        });
    if (place.input >= 0 || place.output >= 0 || after == schedule_.rowGroups.begin())
      return;
    runtime::RowGroup& group = *std::prev(after);
    if (place.last >= static_cast<int>(group.first + group.count) || isPinned(place))
      return;
    const std::optional<int64_t> row = ownRowBytes(schedule_, group, place.buffers);
    if (!row)
      return;
    const int lanes = group.rows < 2 * group.grain ? 1 : schedule_.lanes;
    const int64_t lane = aligned(*row * group.pieceOf(lanes)) + (lanes > 1 ? kLanesApart : 0);
    if (lane * lanes >= place.bytes)
      return;
    place.bytes = lane * lanes;
    group.lanes = lanes;
    for (int id : place.buffers) {
      PlannedBuffer& buffer = schedule_.buffers[id];
      buffer.rowBytes = *row, buffer.laneBytes = lane, buffer.lanes = lanes;
    }
  }

  bool isPinned(const Place& place) const {
    return std::any_of(place.buffers.begin(), place.buffers.end(),
                       [&](int id) { return schedule_.buffers[id].inArena; });
  }

  /// Whether nobody wants the place from this call on, or not behind it.
  bool dies(const Place& place, int64_t bytes, size_t call) const {
    return place.output < 0 && place.bytes == bytes && place.lastCall == static_cast<int>(call) &&
           !schedule_.buffers[place.buffers.back()].inArena;
  }

  /// Of an input of the output's type that this call reads last, or nobody any more.
  int donorPlace(int id, size_t call, const runtime::RowGroup* group) const {
    const int found = operandPlace(id, call, group, /*donors=*/true);
    if (found >= 0)
      return found;
    for (size_t i = 0; i < donorCount_; ++i)
      if (places_[i].output < 0 && places_[i].last < schedule_.buffers[id].firstStep &&
          fits(places_[i], id))
        return static_cast<int>(i);
    return -1;
  }

  bool fits(const Place& donor, int id) const {
    return schedule_.inputs[static_cast<size_t>(donor.input)] ==
           schedule_.outputs[static_cast<size_t>(schedule_.buffers[id].index)];
  }

  int operandPlace(int id, size_t call, const runtime::RowGroup* group, bool donors) const {
    const ScheduledCall& made = schedule_.calls[call];
    for (int operand : made.buffers) {
      const int at = schedule_.buffers[operand].place;
      if (at < 0 || operand == id)
        continue;
      const Place& place = places_[static_cast<size_t>(at)];
      if ((place.input >= 0) != donors || (donors && !fits(place, id)))
        continue;
      if (dies(place, schedule_.buffers[id].bytes, call) && place.buffers.back() == operand &&
          isElementwise(made, operand, id, gpu_) && (!group || staysApart(place, id, *group)))
        return at;
    }
    return -1;
  }

  /// The place of what died earlier in the same group: other rows may still be before that.
  int placeInGroup(int id, size_t call, const runtime::RowGroup& group) const {
    for (size_t i = group.first; i < call; ++i)
      for (int operand : schedule_.calls[i].buffers) {
        const int at = schedule_.buffers[operand].place;
        if (at < 0)
          continue;
        const Place& place = places_[static_cast<size_t>(at)];
        if (place.input < 0 && dies(place, schedule_.buffers[id].bytes, i) &&
            place.buffers.back() == operand && staysApart(place, id, group))
          return at;
      }
    return -1;
  }

  bool staysApart(const Place& place, int id, const runtime::RowGroup& group) const {
    std::vector<int> together = place.buffers;
    together.push_back(id);
    return rowsStayApart(schedule_, group, together);
  }

  Schedule& schedule_;
  bool gpu_;
  std::vector<int> lastCall_; // by buffer
  size_t donorCount_ = 0;     // they are the first places
  std::vector<Place> places_;
};

/// A piece of memory that places take turns in.
struct Region {
  int output = -1; // -1: the arena
  int64_t capacity = INT64_MAX;
  int until = INT32_MAX; // step at which the output itself begins
  struct Taken {
    int64_t begin, end;
    int first, last; // step
  };
  std::vector<Taken> taken; // by offset
};

class Packing {
public:
  Packing(const Schedule& schedule, const std::vector<Place>& places, bool gpu)
      : places_(places), offsets_(places.size()), regions_(places.size(), -1) {
    for (const Place& place : places)
      if (!gpu && place.output >= 0 && place.bytes >= kLeastInOutput)
        memory_.push_back({place.output, place.bytes, place.first, {}});
    std::stable_sort(memory_.begin(), memory_.end(),
                     [](const Region& a, const Region& b) { return a.capacity < b.capacity; });
    memory_.push_back({});
    for (size_t i = 0; i < places.size(); ++i)
      if (places[i].output < 0 && places[i].input < 0)
        order_.push_back(static_cast<int>(i));
    pinned_.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i)
      pinned_[i] = places[i].bytes < kLeastInOutput ||
                   schedule.buffers[places[i].buffers.front()].rowBytes > 0 ||
                   schedule.buffers[places[i].buffers.front()].inArena;
  }

  template <class Before> Packing in(const Before& before) const {
    Packing packed = *this;
    std::stable_sort(packed.order_.begin(), packed.order_.end(), [&](int a, int b) {
      return before(places_[static_cast<size_t>(a)], places_[static_cast<size_t>(b)]);
    });
    // The first step that anything from here on in the order needs.
    std::vector<int> from(packed.order_.size());
    int least = INT32_MAX;
    for (size_t i = from.size(); i-- > 0;)
      from[i] = least = std::min(least, places_[static_cast<size_t>(packed.order_[i])].first);
    for (size_t i = 0; i < from.size(); ++i)
      packed.put(packed.order_[i], from[i]);
    return packed;
  }

  int64_t arenaBytes() const { return arenaBytes_; }
  /// The output the place lies in, or -1, and where.
  std::pair<int, int64_t> at(size_t place) const {
    return {places_[place].output >= 0 ? places_[place].output : regions_[place], offsets_[place]};
  }

private:
  /// Nobody asks any more for what was before step `from`.
  void put(int id, int from) {
    const Place& place = places_[static_cast<size_t>(id)];
    for (Region& region : memory_) {
      if (region.output >= 0 && (pinned_[static_cast<size_t>(id)] || place.last >= region.until))
        continue;
      std::erase_if(region.taken, [&](const Region::Taken& other) { return other.last < from; });
      const int64_t bytes = aligned(place.bytes);
      int64_t offset = 0;
      for (const Region::Taken& other : region.taken) {
        if (other.last < place.first || place.last < other.first)
          continue;
        if (other.begin - offset >= bytes)
          break;
        offset = std::max(offset, other.end);
      }
      if (place.bytes > region.capacity - offset)
        continue;
      offsets_[static_cast<size_t>(id)] = offset;
      regions_[static_cast<size_t>(id)] = region.output;
      const auto after =
          std::upper_bound(region.taken.begin(), region.taken.end(), offset,
                           [](int64_t at, const Region::Taken& other) { return at < other.begin; });
      region.taken.insert(after, {offset, offset + bytes, place.first, place.last});
      if (region.output < 0)
        arenaBytes_ = std::max(arenaBytes_, offset + bytes);
      return;
    }
  }

  std::span<const Place> places_;
  std::vector<int64_t> offsets_;
  std::vector<int> regions_, order_;
  std::vector<Region> memory_; // the arena last
  std::vector<bool> pinned_;
  int64_t arenaBytes_ = 0;
};

} // namespace

void planMemory(Schedule& schedule, bool gpu, const std::vector<bool>& donated) {
  for (PlannedBuffer& buffer : schedule.buffers)
    buffer.place = buffer.firstStep = buffer.lastStep = -1, buffer.rowBytes = buffer.laneBytes = 0;
  for (runtime::RowGroup& group : schedule.rowGroups)
    group.lanes = 0;
  findLiveRanges(schedule);
  const std::vector<Place> places = Places(schedule, gpu, donated).run();
  const Packing empty(schedule, places, gpu);
  Packing best = empty.in([](const Place& a, const Place& b) { return a.first < b.first; });
  if (places.size() <= kMostInTwoOrders) {
    Packing large = empty.in([](const Place& a, const Place& b) { return a.bytes > b.bytes; });
    if (large.arenaBytes() < best.arenaBytes())
      best = std::move(large);
  }
  schedule.arenaBytes = best.arenaBytes();
  schedule.donors.assign(donated.empty() ? 0 : schedule.outputs.size(), -1);
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].input >= 0 && places[i].output >= 0)
      schedule.donors[static_cast<size_t>(places[i].output)] = places[i].input;
    for (int id : places[i].buffers) {
      PlannedBuffer& buffer = schedule.buffers[id];
      if (buffer.kind == Kind::Temporary)
        std::tie(buffer.home, buffer.arenaOffset) = best.at(i);
    }
  }
}

int64_t peakBytes(const Schedule& schedule) {
  int64_t bytes = schedule.arenaBytes;
  for (const TensorType& type : schedule.inputs)
    bytes += type.bytes();
  for (size_t i = 0; i < schedule.outputs.size(); ++i)
    if (schedule.donors.empty() || schedule.donors[i] < 0)
      bytes += schedule.outputs[i].bytes();
  return bytes;
}

} // namespace diptych::codegen
