// Runs a program as the kernels that the GPU would run, in simulation.
#pragma once

#include "../ops/Agreement.h"

namespace diptych::suite {

/// Traced, expanded, fused and scheduled as jit does it, every kernel a simulated one.
Values runSimulated(const Function& program, ValueSpan inputs, Numerics numerics);

} // namespace diptych::suite
