// What rewriters of a schedule ask of its calls, and how they take calls out of it.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// The one call that touches what call `writer` writes to `buffer`, a temporary, once and later;
/// calls that are gone do not count.
std::optional<size_t> onlyUserOf(const Schedule& schedule, size_t writer, int buffer,
                                 const std::vector<bool>& gone);

/// Leaves the others, in order.
void dropCalls(Schedule& schedule, const std::vector<bool>& gone);

} // namespace diptych::codegen::cuda
