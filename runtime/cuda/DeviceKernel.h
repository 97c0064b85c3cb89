// Compiled kernels on the device: a loaded module, and launches on the stream as a LaunchSpec says.
#pragma once

#include "runtime/cuda/LaunchSpec.h"
#include "runtime/cuda/Solver.h"

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace diptych::runtime::cuda {

/// Code on the device; unloaded with the last reference.
class LoadedModule {
public:
  /// `image`: PTX or a cubin, zero-terminated; on the simulated device a SimulatedImage. Throws
  /// Error, with the driver's log, where it does not load.
  explicit LoadedModule(const void* image);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  DriverFunction* function(const std::string& name) const;

private:
  DriverModule* module_ = nullptr;
};

struct DeviceKernel {
  LaunchSpec spec;
  std::vector<DriverFunction*> functions; // one for each launch
  std::shared_ptr<const LoadedModule> module;
  std::optional<Gemm> gemm;         // instead of launches
  std::optional<SolverCall> solver; // instead of launches
  /// Of a product with an epilogue: what does that where the library does not, and its first
  /// pointer among those of the whole.
  std::shared_ptr<const DeviceKernel> otherwise;
  size_t firstOtherwise = 0;

  DeviceKernel() = default;
  /// Finds the functions of `spec` in the module.
  DeviceKernel(LaunchSpec spec, std::shared_ptr<const LoadedModule> module);

  /// Whether it may read or write at this address.
  static bool isAligned(const void* address) {
    return reinterpret_cast<uintptr_t>(address) % kPointerAlignment == 0;
  }
  /// Memory of the device beside its pointers.
  int64_t scratchBytes(std::span<const int64_t> params) const;
  /// Enqueues all launches. `scratch`: of scratchBytes(params), or null where that is 0.
  void enqueue(std::span<void* const> pointers, std::span<const int64_t> params,
               void* scratch) const;
};

} // namespace diptych::runtime::cuda
