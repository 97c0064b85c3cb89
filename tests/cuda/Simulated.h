// Runs a program as the kernels that the GPU would run, in simulation.
#pragma once

#include "../ops/Agreement.h"
#include "codegen/Schedule.h"

namespace diptych::suite {

/// Traced, expanded, fused and scheduled for a GPU of that capability (0: any). `captures`: what
/// the program takes beside its inputs.
codegen::Schedule gpuSchedule(const Function& program, ValueSpan inputs, Numerics numerics,
                              Values* captures = nullptr, int capability = 0);

/// Traced, expanded, fused and scheduled as jit does it, every kernel a simulated one.
Values runSimulated(const Function& program, ValueSpan inputs, Numerics numerics);

} // namespace diptych::suite
