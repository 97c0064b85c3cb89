// Users of a buffer, and calls that are left.
#include "codegen/cuda/GpuCalls.h"

#include <algorithm>

namespace diptych::codegen::cuda {

std::optional<size_t> onlyUserOf(const Schedule& schedule, size_t writer, int buffer,
                                 const std::vector<bool>& gone) {
  using Kind = PlannedBuffer::Kind;
  if (schedule.buffers[static_cast<size_t>(buffer)].kind != Kind::Temporary)
    return std::nullopt;
  std::optional<size_t> user;
  for (size_t other = 0; other < schedule.calls.size(); ++other) {
    const auto& buffers = schedule.calls[other].buffers;
    const auto uses = std::count(buffers.begin(), buffers.end(), buffer);
    if (other == writer || gone[other] || uses == 0)
      continue;
    if (user || uses > 1 || other < writer)
      return std::nullopt;
    user = other;
  }
  return user;
}

void dropCalls(Schedule& schedule, const std::vector<bool>& gone) {
  std::vector<ScheduledCall> left;
  for (size_t i = 0; i < gone.size(); ++i)
    if (!gone[i])
      left.push_back(std::move(schedule.calls[i]));
  schedule.calls = std::move(left);
}

} // namespace diptych::codegen::cuda
