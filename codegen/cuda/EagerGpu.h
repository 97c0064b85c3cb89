// The kernels of eager mode for the GPU: those of codegen/EagerKernels, emitted for any extents,
// as one blob of PTX that libdiptych carries (runtime/cuda/EagerPtx.h reads it).
#pragma once

#include "codegen/EagerKernels.h"
#include "codegen/cuda/GpuEmitters.h"

namespace diptych::codegen::cuda {

/// Params as runtime/KernelAbi.h has them, then the range.
GpuRequest eagerRequest(const EagerKernel& kernel);

/// PTX of all of them, a module for each operator, compressed, with a table of launches.
std::string eagerPtxBlob(const std::string& architecture);

} // namespace diptych::codegen::cuda
