// The device's kernels of eager mode, compiled for the simulator.
#pragma once

#include "runtime/cuda/EagerTable.h"

namespace diptych::test {

/// Makes them the kernels in force, each compiled when it is first asked for; to be undone by
/// runtime::cuda::provideKernels(nullptr).
void provideSimulatedKernels();

} // namespace diptych::test
