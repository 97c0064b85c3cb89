// One window at a time.
#include "codegen/RowWalk.h"

#include <algorithm>

namespace diptych::codegen {

static constexpr size_t kWindow = 64;

bool joinFootprints(const ScheduledCall& call, int64_t rows, std::vector<RowFootprint>& prints) {
  const std::optional<RowLoops> loops = rowLoopsOf(call);
  if (!loops || call.range % rows != 0)
    return false;
  const std::vector<RowFootprint> own = footprintsOf(call, *loops, rows);
  for (const RowFootprint& print : own)
    if (!std::all_of(prints.begin(), prints.end(),
                     [&](const RowFootprint& other) { return stayApart(print, other); }))
      return false;
  prints.insert(prints.end(), own.begin(), own.end());
  return true;
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
  for (size_t i : window) {
    const auto waitsFor = [&](size_t other) { return depends(call(i), call(other)); };
    const bool late = std::any_of(candidate.after.begin(), candidate.after.end(), waitsFor);
    if (!late && join(candidate, i))
      continue;
    if (candidate.members.empty())
      return; // they begin with the first call
    const bool needs = std::any_of(candidate.members.begin(), candidate.members.end(), waitsFor);
    (late || needs ? candidate.after : candidate.before).push_back(i);
  }
}

bool RowWalk::join(RowCandidate& candidate, size_t i) const {
  if (!mayJoin(candidate, i) || !joinFootprints(call(i), candidate.rows, candidate.prints))
    return false;
  candidate.members.push_back(i);
  return true;
}

} // namespace diptych::codegen
