// One static arena: a temporary takes the first gap that is free while it lives.
#include "codegen/Schedule.h"

#include <algorithm>

namespace diptych::codegen {

static constexpr int64_t kAlignment = 64;

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

void planMemory(Schedule& schedule) {
  findLiveRanges(schedule);
  std::vector<int> order;
  for (size_t i = 0; i < schedule.buffers.size(); ++i)
    if (schedule.buffers[i].kind == PlannedBuffer::Kind::Temporary &&
        schedule.buffers[i].firstStep >= 0)
      order.push_back(static_cast<int>(i));
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return schedule.buffers[a].firstStep < schedule.buffers[b].firstStep;
  });
  std::vector<int> live; // by arena offset
  for (int id : order) {
    PlannedBuffer& buffer = schedule.buffers[id];
    const int64_t size = (buffer.bytes + kAlignment - 1) / kAlignment * kAlignment;
    std::erase_if(live,
                  [&](int other) { return schedule.buffers[other].lastStep < buffer.firstStep; });
    int64_t offset = 0;
    auto place = live.begin();
    for (; place != live.end(); ++place) {
      const PlannedBuffer& other = schedule.buffers[*place];
      if (other.arenaOffset - offset >= size)
        break;
      const int64_t end = other.arenaOffset + other.bytes;
      offset = std::max(offset, (end + kAlignment - 1) / kAlignment * kAlignment);
    }
    buffer.arenaOffset = offset;
    live.insert(place, id);
    schedule.arenaBytes = std::max(schedule.arenaBytes, offset + size);
  }
}

} // namespace diptych::codegen
