// A schedule for a GPU as plain data that a C file can hold: launches of named functions on
// places in memory. Made by CudaPlan.cpp, written by CudaText.cpp.
#pragma once

#include <diptych/AotCuda.h>

#include "codegen/Schedule.h"
#include "codegen/cuda/GpuCompiler.h"

namespace diptych::aot {

struct CudaPlace {
  enum class Kind : uint8_t { input, output, workspace, constant };
  Kind kind = Kind::workspace;
  int64_t index = 0;  // of the input or output; of a constant: bytes into all constants
  int64_t offset = 0; // in bytes
};

struct CudaLaunch {
  std::string function;
  int64_t blocks = 0;
  int threads = 0;
  std::vector<CudaPlace> args;
};

/// Of one entry.
struct CudaPlan {
  std::vector<CudaLaunch> launches;
  int64_t workspaceBytes = 0;
  /// Statuses lie one after the other, 16 bytes each, from here in the workspace.
  int64_t statusOffset = 0;
  std::vector<std::string> failures; // text of each
};

/// Machine code or PTX.
struct CudaImage {
  int capability = 0; // 90 for sm_90; 0: PTX
  std::string bytes;  // PTX with its zero
};

struct CudaModel {
  CudaOptions options;
  std::vector<EntryInfo> entries; // workspaceBytes filled in
  std::vector<CudaPlan> plans;
  std::vector<CudaImage> images;      // PTX last
  std::string constants;              // of all entries, each at a multiple of 256
  std::vector<std::string> functions; // in order of first use
};

/// Plans of the schedules, whose kernels, in order, are `kernels`. `constantInputs`: from which
/// input on the inputs of an entry are constants, and where each lies.
struct CudaCaptures {
  size_t first = 0;
  std::vector<int64_t> places;
};
CudaPlan planOf(const codegen::Schedule& schedule,
                std::span<const runtime::cuda::LaunchSpec> kernels, const CudaCaptures& captures,
                CudaModel& model);

/// Appends bytes to the constants; where they are.
int64_t addConstant(CudaModel& model, const void* bytes, int64_t count);

std::string cudaHeaderText(const CudaModel& model);
std::string cudaSourceText(const CudaModel& model);

} // namespace diptych::aot
