// Calls that treat the rows of one axis independently run row by row together: what one of them
// writes, and the big array that several read, is still in cache when the next one reads it.
// Changes the order of calls and of their pieces, so never a bit.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

/// Reorders the calls where that brings rows together and fills in `schedule.rowGroups`. To be
/// called before memory is planned.
void groupRows(Schedule& schedule);

} // namespace diptych::codegen
