// One arena. A place is the first gap that is free while it is needed, in an output that is not yet
// written or in the arena. Lanes, of which there is one for each thread, lie behind all that lives
// when they do.
#include "codegen/FirstFit.h"
#include "codegen/Places.h"

#include <algorithm>

namespace diptych::codegen {

using Kind = PlannedBuffer::Kind;

// What is smaller stays together in the arena.
static constexpr int64_t kLeastInOutput = 16 << 10;
// Two orders are tried where that costs little.
static constexpr size_t kMostInTwoOrders = 2000;

static int64_t aligned(int64_t bytes) {
  return (bytes + kPlaceAlignment - 1) / kPlaceAlignment * kPlaceAlignment;
}

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

class Packing {
public:
  Packing(const Schedule& schedule, const std::vector<Place>& places, bool gpu)
      : groups_(schedule.rowGroups), threads_(schedule.lanes), places_(places),
        offsets_(places.size()), outputs_(places.size(), -1) {
    for (const Place& place : places)
      if (!gpu && place.output >= 0 && place.bytes >= kLeastInOutput)
        memory_.push_back({place.output, place.first, place.bytes});
    std::stable_sort(memory_.begin(), memory_.end(),
                     [](const Region& a, const Region& b) { return a.bytes < b.bytes; });
    for (size_t i = 0; i < places.size(); ++i)
      if (isFixed(places[i]))
        order_.push_back(i);
      else
        offsets_[i] = places[i].inLane;
    for (const Region& region : memory_)
      fits_.emplace_back(region.bytes);
    pinned_.resize(places.size());
    for (size_t i = 0; i < places.size(); ++i)
      pinned_[i] =
          places[i].bytes < kLeastInOutput || schedule.buffers[places[i].buffers.front()].inArena;
  }

  template <class Before> Packing in(const Before& before) const {
    Packing packed = *this;
    std::stable_sort(packed.order_.begin(), packed.order_.end(),
                     [&](size_t a, size_t b) { return before(places_[a], places_[b]); });
    // The first step that anything from here on in the order needs.
    std::vector<int> from(packed.order_.size());
    int least = INT32_MAX;
    for (size_t i = from.size(); i-- > 0;)
      from[i] = least = std::min(least, places_[packed.order_[i]].first);
    for (size_t i = 0; i < from.size(); ++i)
      packed.put(packed.order_[i], from[i]);
    packed.putBehind();
    return packed;
  }

  /// With lanes for as many threads as are expected, and without.
  int64_t arenaBytes() const { return arenaBytes_; }
  int64_t fixedBytes() const { return arena_.bytes(); }
  int64_t lanesAt(size_t group) const { return lanesAt_[group]; }
  /// The output the place lies in, or -1, and where there, in the arena or in a lane.
  std::pair<int, int64_t> at(size_t place) const {
    return {places_[place].output >= 0 ? places_[place].output : outputs_[place], offsets_[place]};
  }

private:
  /// An output, which is memory for others before step `until`, when it begins itself.
  struct Region {
    int output, until;
    int64_t bytes;
  };

  static bool isFixed(const Place& place) {
    return place.output < 0 && place.input < 0 && place.rowBytes == 0 && !place.grows;
  }

  void put(size_t id, int from) {
    const Place& place = places_[id];
    const FirstFit::Span span{place.bytes, place.first, place.last};
    for (size_t i = 0; i < memory_.size() && !pinned_[id]; ++i) {
      if (place.last >= memory_[i].until)
        continue;
      if (const std::optional<int64_t> offset = fits_[i].put(span, from)) {
        outputs_[id] = memory_[i].output, offsets_[id] = *offset;
        return;
      }
    }
    offsets_[id] = *arena_.put(span, from);
  }

  /// Lanes, and what has lanes in it: how far they reach is known when threads are counted.
  void putBehind() {
    arenaBytes_ = arena_.bytes();
    for (const runtime::RowGroup& group : groups_) {
      lanesAt_.push_back(endOf(static_cast<int>(group.first)));
      arenaBytes_ = std::max(arenaBytes_, lanesAt_.back() + group.lanesBytes(threads_));
    }
    for (size_t i = 0; i < places_.size(); ++i)
      if (places_[i].grows) {
        offsets_[i] = endOf(places_[i].first);
        arenaBytes_ = std::max(arenaBytes_, offsets_[i] + places_[i].bytes);
      }
  }

  /// Of the arena that is taken at this step.
  int64_t endOf(int step) const {
    int64_t end = 0;
    for (size_t i : order_)
      if (outputs_[i] < 0 && places_[i].first <= step && step <= places_[i].last)
        end = std::max(end, aligned(offsets_[i] + places_[i].bytes));
    return end;
  }

  std::span<const runtime::RowGroup> groups_;
  int threads_;
  std::span<const Place> places_;
  std::vector<int64_t> offsets_, lanesAt_; // by place; by row group
  std::vector<int> outputs_;               // by place
  std::vector<size_t> order_;
  std::vector<Region> memory_; // the smallest first
  std::vector<FirstFit> fits_; // of each
  FirstFit arena_;
  std::vector<bool> pinned_;
  int64_t arenaBytes_ = 0;
};

} // namespace

void planMemory(Schedule& schedule, bool gpu, const std::vector<bool>& donated) {
  for (PlannedBuffer& buffer : schedule.buffers)
    buffer.place = buffer.firstStep = buffer.lastStep = -1, buffer.rowBytes = 0;
  for (runtime::RowGroup& group : schedule.rowGroups)
    group.laneRowBytes = 0;
  findLiveRanges(schedule);
  const std::vector<Place> places = findPlaces(schedule, gpu, donated);
  const Packing empty(schedule, places, gpu);
  Packing best = empty.in([](const Place& a, const Place& b) { return a.first < b.first; });
  if (places.size() <= kMostInTwoOrders) {
    Packing large = empty.in([](const Place& a, const Place& b) { return a.bytes > b.bytes; });
    if (large.arenaBytes() < best.arenaBytes())
      best = std::move(large);
  }
  schedule.arenaBytes = best.arenaBytes();
  schedule.fixedBytes = best.fixedBytes();
  for (size_t i = 0; i < schedule.rowGroups.size(); ++i)
    schedule.rowGroups[i].lanesAt = best.lanesAt(i);
  schedule.donors.assign(donated.empty() ? 0 : schedule.outputs.size(), -1);
  for (size_t i = 0; i < places.size(); ++i) {
    if (places[i].input >= 0 && places[i].output >= 0)
      schedule.donors[static_cast<size_t>(places[i].output)] = places[i].input;
    for (int id : places[i].buffers) {
      PlannedBuffer& buffer = schedule.buffers[id];
      buffer.rowBytes = places[i].rowBytes;
      if (buffer.kind == Kind::Temporary)
        std::tie(buffer.home, buffer.arenaOffset) = best.at(i);
    }
  }
}

bool Schedule::grows() const {
  return std::any_of(rowGroups.begin(), rowGroups.end(),
                     [](const runtime::RowGroup& group) { return group.laneRowBytes > 0; }) ||
         std::any_of(buffers.begin(), buffers.end(),
                     [](const PlannedBuffer& buffer) { return buffer.grows; });
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
