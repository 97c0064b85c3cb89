// The device's kernels of eager mode: who has them, and how one is launched. Their params are those
// of runtime/KernelAbi.h and then the range. They read element by element, so any address does.
#pragma once

#include "runtime/Launch.h"
#include "runtime/cuda/DeviceKernel.h"

#include <functional>

namespace diptych::runtime::cuda {

/// Gives the kernel of an operator, or null where there is none; what it gives must stay.
using KernelProvider =
    std::function<const DeviceKernel*(OpCode code, DType in, DType out, uint8_t variant)>;
/// Replaces the provider. Null: the kernels that the library carries (EagerPtx.h); on the simulated
/// device none, and every operator runs on the host.
void provideKernels(KernelProvider provider);
/// Null where there is none.
const DeviceKernel* findKernel(OpCode code, DType in, DType out, uint8_t variant);

/// One call on the whole range, with scratch of its own. `params` without the range.
void launchEager(const DeviceKernel& kernel, std::span<void* const> pointers,
                 std::span<const int64_t> params, int64_t range);

} // namespace diptych::runtime::cuda
