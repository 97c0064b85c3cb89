// What follows a dying operand element by element takes its place, in a row group what follows
// anything dead whose rows stay apart from its own. What lives in one row group alone, its rows
// apart, lies in lanes.
#include "codegen/Places.h"

#include "codegen/FirstFit.h"
#include "codegen/InPlace.h"

#include <algorithm>
#include <numeric>

namespace diptych::codegen {

using Kind = PlannedBuffer::Kind;

namespace {

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
      places_.push_back({{static_cast<int>(i)},
                         buffer.bytes,
                         -1,
                         buffer.lastStep,
                         -1,
                         lastCall_[i],
                         buffer.index});
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
      layOutLanes();
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
      places_.push_back({{}, buffer.bytes, buffer.firstStep, -1, static_cast<int>(call)});
      places_.back().grows = buffer.grows;
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
  void layOutLanes() {
    std::vector<std::vector<Place*>> lanes(schedule_.rowGroups.size());
    for (Place& place : places_)
      if (const std::optional<size_t> group = onlyGroupOf(place)) {
        place.rowBytes =
            ownRowBytes(schedule_, schedule_.rowGroups[*group], place.buffers).value_or(0);
        if (place.rowBytes > 0)
          lanes[*group].push_back(&place);
      }
    for (size_t i = 0; i < lanes.size(); ++i) {
      runtime::RowGroup& group = schedule_.rowGroups[i];
      int64_t whole = 0;
      for (const Place* place : lanes[i])
        whole += place->bytes;
      group.laneRowBytes = layOut(lanes[i]);
      if (group.lanesBytes(schedule_.lanes) < whole)
        continue;
      group.laneRowBytes = 0;
      for (Place* place : lanes[i])
        place->rowBytes = 0;
    }
  }

  std::optional<size_t> onlyGroupOf(const Place& place) const {
    const auto& groups = schedule_.rowGroups;
    const auto after = std::upper_bound(groups.begin(), groups.end(), place.first,
                                        [](int step, const runtime::RowGroup& group) {
                                          return step < static_cast<int>(group.first);
                                        });
    if (place.input >= 0 || place.output >= 0 || after == groups.begin() || isPinned(place))
      return std::nullopt;
    const auto group = std::prev(after);
    if (place.last >= static_cast<int>(group->first + group->count))
      return std::nullopt;
    return static_cast<size_t>(group - groups.begin());
  }

  /// All arrays of a lane together, each while some call of the group uses it; what a row takes.
  static int64_t layOut(std::vector<Place*>& lane) {
    int64_t least = lane.empty() ? 0 : INT64_MAX;
    const auto pack = [&] {
      FirstFit packed;
      std::vector<int64_t> offsets;
      for (const Place* place : lane)
        offsets.push_back(*packed.put({place->rowBytes, place->firstCall, place->lastCall,
                                       std::gcd(kPlaceAlignment, place->rowBytes)},
                                      0));
      if (packed.bytes() >= least)
        return;
      least = packed.bytes();
      for (size_t i = 0; i < lane.size(); ++i)
        lane[i]->inLane = offsets[i];
    };
    std::stable_sort(lane.begin(), lane.end(),
                     [](auto* a, auto* b) { return a->firstCall < b->firstCall; });
    pack();
    std::stable_sort(lane.begin(), lane.end(),
                     [](auto* a, auto* b) { return a->rowBytes > b->rowBytes; });
    pack();
    return least;
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

} // namespace

std::vector<Place> findPlaces(Schedule& schedule, bool gpu, const std::vector<bool>& donated) {
  return Places(schedule, gpu, donated).run();
}

} // namespace diptych::codegen
