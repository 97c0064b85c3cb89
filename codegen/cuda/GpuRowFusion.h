// Kernels that fold and map the same rows as one kernel, a launch instead of several: softmax,
// normalisation and their gradients.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// Replaces calls whose rows are independent of each other by one that does all of them, row by
/// row. Changes no bit: every element is computed as before. To be called before memory is planned.
void fuseRows(Schedule& schedule, const GpuLimits& limits);

} // namespace diptych::codegen::cuda
