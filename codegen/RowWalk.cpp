// One window at a time.
#include "codegen/RowWalk.h"

#include <algorithm>

namespace diptych::codegen {

static constexpr size_t kWindow = 64;

RowWalk::RowWalk(const Schedule& schedule) : schedule_(schedule) {
  for (const ScheduledCall& call : schedule.calls) {
    loops_.push_back(rowLoopsOf(call));
    touches_.push_back(touchesOf(call));
  }
}

void RowWalk::run() {
  std::vector<size_t> pending(schedule_.calls.size());
  for (size_t i = 0; i < pending.size(); ++i)
    pending[i] = i;
  while (!pending.empty())
    pending = step(pending);
}

// Puts the first pending call, or the members that begin with it, in order; returns what is left.
std::vector<size_t> RowWalk::step(const std::vector<size_t>& pending) {
  const std::span<const size_t> window(pending.data(), std::min(kWindow, pending.size()));
  RowCandidate best;
  double most = 0;
  for (RowCandidate& candidate : startsOf(window)) {
    gather(candidate, window);
    if (candidate.members.size() > 1)
      refine(candidate);
    const double gain = candidate.members.size() > 1 ? gainOf(candidate) : 0;
    if (gain <= most)
      continue;
    most = gain;
    best = std::move(candidate);
  }
  if (best.members.empty()) {
    alone(pending[0]);
    return {pending.begin() + 1, pending.end()};
  }
  settle(best, window);
  for (size_t i : best.before)
    alone(i);
  together(best);
  best.after.insert(best.after.end(), pending.begin() + static_cast<ptrdiff_t>(window.size()),
                    pending.end());
  return std::move(best.after);
}

void RowWalk::gather(RowCandidate& candidate, std::span<const size_t> window) const {
  TouchedBuffers members, after;
  for (size_t i : window) {
    const bool late = after.meet(touches(i));
    if (!late && join(candidate, i)) {
      members.add(touches(i));
      continue;
    }
    if (candidate.members.empty())
      return; // they begin with the first call
    if (late || members.meet(touches(i))) {
      candidate.after.push_back(i);
      after.add(touches(i));
    } else {
      candidate.before.push_back(i);
    }
  }
}

bool RowWalk::join(RowCandidate& candidate, size_t i) const {
  const std::optional<RowLoops>& loops = loopsOf(i);
  if (!loops || !hasRows(*loops, candidate.rows) || !mayJoin(candidate, i) ||
      !candidate.prints.join(footprintsOf(call(i), *loops, candidate.rows)))
    return false;
  candidate.members.push_back(i);
  return true;
}

} // namespace diptych::codegen
