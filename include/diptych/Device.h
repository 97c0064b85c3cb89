// Devices: "cpu", and "cuda" where a GPU is found at run time. Tensors go from one to the other
// with Tensor::to; modules and optimisers likewise. See docs/cuda.md.
#pragma once

#include <cstdint>
#include <string>

#include <diptych/Error.h>

// Of DLPack, whose header is the user's own (dmlc/dlpack, versions 0.x).
struct DLManagedTensor;

namespace diptych {

class Tensor;

struct Device {
  std::string name;        // "cpu" or "cuda"
  std::string description; // "NVIDIA H100 80GB HBM3, sm_90, 81559 MiB"
};

/// Error for "cuda" where there is no GPU: what was looked for, what was found, what to do; and for
/// any other name.
Device device(const std::string& name, SourceLocation where = std::source_location::current());
bool cuda_available();
/// One line: the GPU, or why there is none.
std::string cuda_status();

/// Waits until all that was asked of the device is done. Reading elements waits by itself.
void synchronize(SourceLocation where = std::source_location::current());

/// What happened on the device since the start of the program.
struct DeviceStats {
  int64_t launches = 0;       // of our kernels
  int64_t graph_launches = 0; // replays of a whole jitted function
  int64_t library_calls = 0;  // of cuBLAS and cuSOLVER
  int64_t host_operators = 0; // operators without a kernel for the device: run on the host, with
                              // copies to and fro
  std::string host_operator_names; // "sort 3, svd 1"
  int64_t joins = 0; // numbers and ranges made on the host that met a tensor of the device
  int64_t copies_to_device = 0, copies_to_host = 0;
  int64_t bytes_to_device = 0, bytes_to_host = 0;
  int64_t synchronizations = 0; // times the host waited
  int64_t current_bytes = 0, high_water_bytes = 0, cached_bytes = 0, reserved_bytes = 0;
};
DeviceStats device_stats();
void reset_device_high_water();
/// Gives memory that is free but kept back to the driver.
void release_device_cache();

/// The tensor as a DLPack capsule, to be given to another library; it is ready when this returns.
/// The receiver calls its deleter. Error for a traced tensor. The elements are shared: they must
/// not be written.
DLManagedTensor* to_dlpack(const Tensor& x, SourceLocation where = std::source_location::current());
/// A tensor over the capsule's memory, CPU or CUDA, without a copy; the capsule is deleted with its
/// last use. The producer must have finished. Error for element types, ranks and devices that we do
/// not have; the capsule is left to the caller then.
Tensor from_dlpack(DLManagedTensor* capsule,
                   SourceLocation where = std::source_location::current());

} // namespace diptych
