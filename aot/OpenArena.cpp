// Which temporaries share memory follows from when they live, not from how large they are: slots
// are then right for every size. What has a fixed size comes first, so that its place is fixed too.
#include "aot/OpenPlan.h"

#include "aot/Model.h"

#include <algorithm>

namespace diptych::aot {

using codegen::PlannedBuffer;

namespace {

struct Slot {
  int last = -1;     // step at which its present owner ends
  int64_t bytes = 0; // for typical sizes
  std::vector<Formula> owners;
  std::vector<size_t> buffers;
};

} // namespace

OpenArena planArena(const codegen::Schedule& schedule, const std::vector<Formula>& bytes,
                    std::span<const int64_t> typical) {
  std::vector<size_t> order;
  for (size_t i = 0; i < schedule.buffers.size(); ++i)
    if (schedule.buffers[i].kind == PlannedBuffer::Kind::Temporary &&
        schedule.buffers[i].firstStep >= 0)
      order.push_back(i);
  const auto begin = [&](size_t i) { return std::pair(schedule.buffers[i].firstStep, i); };
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return begin(a) < begin(b); });
  std::vector<Slot> slots;
  for (size_t i : order) {
    const PlannedBuffer& buffer = schedule.buffers[i];
    const int64_t size = bytes[i].at(typical);
    Slot* best = nullptr;
    const auto misfit = [&](const Slot& slot) { return std::abs(slot.bytes - size); };
    for (Slot& slot : slots)
      if (slot.last < buffer.firstStep && (!best || misfit(slot) < misfit(*best)))
        best = &slot;
    if (!best)
      best = &slots.emplace_back();
    best->last = buffer.lastStep;
    best->bytes = std::max(best->bytes, size);
    best->owners.push_back(bytes[i]);
    best->buffers.push_back(i);
  }
  OpenArena arena{std::vector<Formula>(schedule.buffers.size()), 0};
  for (const bool fixed : {true, false})
    for (const Slot& slot : slots) {
      const Formula size = Formula::roundedUp(Formula::largest(slot.owners), kWorkspaceAlignment);
      if (size.isFixed() != fixed)
        continue;
      for (size_t i : slot.buffers)
        arena.places[i] = arena.bytes;
      arena.bytes = arena.bytes + size;
    }
  return arena;
}

} // namespace diptych::aot
