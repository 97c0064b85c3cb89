// The kernels of eager mode as descriptions: one operator each, extents and strides from params.
// The layouts are those of runtime/KernelAbi.h.
#pragma once

#include "codegen/KernelSpec.h"

namespace diptych::codegen {

struct EagerKernel {
  OpCode code;
  DType in, out;
  uint8_t variant;
  KernelSpec spec;

  /// Symbol of the kernel, without suffix.
  std::string name() const;
};

/// Every kernel that eager mode can ask for, for vector registers of `vectorBytes`.
std::vector<EagerKernel> eagerKernels(int vectorBytes);
/// Those that a device has: without what is for caches, with what saves launches, and some of
/// runtime/library.
std::vector<EagerKernel> eagerGpuKernels();

} // namespace diptych::codegen
