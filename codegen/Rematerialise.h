// Computing again what would have to lie in memory for long, where that costs little or a limit
// asks for it. The same kernel on the same operands: no bit changes, and nothing more is compiled.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Plans memory; where it costs little, arrays that would lie idle at the peak are computed again.
/// Arguments as of planMemory.
void planWithoutLimit(Schedule& schedule, bool gpu, const std::vector<bool>& donated);

/// Plans memory so that peakBytes() is at most `limit`, if calls computed again allow that.
/// Throws Error, with the peak and what lies there, where they do not. Arguments as of planMemory.
void fitMemory(Schedule& schedule, int64_t limit, bool gpu, const std::vector<bool>& donated);

/// What lies in the arena at the step where it holds most, the largest first: names and lines.
std::string describePeak(const Schedule& schedule);

} // namespace diptych::codegen
