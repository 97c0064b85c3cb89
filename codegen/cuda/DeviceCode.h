// The code of a device's kernels: from the disk, or made now and left there.
#pragma once

#include "codegen/KernelCompiler.h"
#include "codegen/ObjectCache.h"
#include "codegen/cuda/GpuCompiler.h"

namespace diptych::codegen::cuda {

struct DeviceCode {
  std::string ptx;
  std::string cubin; // empty where nvJitLink is not found
  /// One for each request, in order; equal requests share functions.
  std::vector<runtime::cuda::LaunchSpec> kernels;
};

/// Kernels for "sm_90" or another architecture. The cache is asked first, and told; null: none.
/// Adds to the times: loaded or compiled, seconds.
DeviceCode deviceCode(std::span<const GpuRequest> requests, const std::string& architecture,
                      ObjectCache* cache, KernelTimes& times);

} // namespace diptych::codegen::cuda
