// Products that get a bias before they are stored, instead of by another pass over the result.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// Where nobody but `y = product + bias`, or relu of that, reads a product, they become one kernel
/// of ours. Large products, unless numerics are `strict`, are left to a library (GpuEpilogues).
/// Changes no bit. To be called before memory is planned.
void addBiases(Schedule& schedule, bool contract);

} // namespace diptych::codegen::cuda
