// The order of calls, where another one needs less memory: what frees memory runs as soon as it
// may, what takes some as late as it may. Never changes a bit.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Reorders calls and row groups, each group as one, if the arena gets smaller by that; plans
/// memory. To be called once rows are grouped.
void planInBestOrder(Schedule& schedule, bool gpu);

} // namespace diptych::codegen
