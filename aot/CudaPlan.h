// A schedule for a GPU as plain data that a C file can hold: launches of named functions on
// places in memory, and loops and branches over programs of such steps. Made by CudaPlan.cpp,
// written by CudaText.cpp.
#pragma once

#include <diptych/AotCuda.h>

#include "codegen/Schedule.h"
#include "codegen/cuda/GpuCompiler.h"
#include "runtime/cuda/Blas.h"

namespace diptych::aot {

struct CudaPlace {
  enum class Kind : uint8_t { input, output, arena, constant, workspace };
  Kind kind = Kind::arena; // of the program
  int64_t index = 0;       // of its input or output; of a constant: bytes into all constants
  int64_t offset = 0;      // in bytes
};

struct CudaStep {
  enum class Kind : uint8_t { launch, scan, whileLoop, cond, product };
  Kind kind = Kind::launch;
  std::string function; // of a launch
  int64_t blocks = 0;
  int threads = 0;
  size_t number = 0;  // of the control or product
  size_t instead = 0; // steps that follow and do what the product does where there is no cuBLAS
  std::vector<CudaPlace> args;
};

/// A loop or branch; args of its step as runtime/Program.h has them.
struct CudaControl {
  runtime::ControlStep step; // without its programs
  size_t body = 0, other = 0;
  /// Of each xs and ys of a scan: where in the workspace its row lies during a step, since kernels
  /// want their arrays at multiples of 16; -1: it always does.
  std::vector<int64_t> staged = {};
};

struct CudaProgram {
  std::vector<CudaStep> steps;
  size_t inputs = 0, outputs = 0;
};

/// Of one entry.
struct CudaPlan {
  size_t program = 0;
  int64_t workspaceBytes = 0; // the arena first
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
  std::vector<CudaProgram> programs; // of all entries and of the parts of their loops
  std::vector<CudaControl> controls;
  std::vector<runtime::cuda::Gemm> products; // for cuBLAS
  std::vector<CudaImage> images;             // PTX last
  std::string constants;                     // of all entries, each at a multiple of 256
  std::vector<std::string> functions;        // in order of first use
};

/// From which input on the inputs of an entry are constants, and where each lies.
struct CudaCaptures {
  size_t first = 0;
  std::vector<int64_t> places;
};
/// The plan of a schedule, whose kernels, in the order of kernelsOf, are `kernels`; its programs
/// are appended to the model's. `usesBlas`: large products may be cuBLAS's.
CudaPlan planOf(const codegen::Schedule& schedule,
                std::span<const runtime::cuda::LaunchSpec> kernels, const CudaCaptures& captures,
                bool usesBlas, CudaModel& model);

/// Appends bytes to the constants; where they are.
int64_t addConstant(CudaModel& model, const void* bytes, int64_t count);

std::string cudaHeaderText(const CudaModel& model);
std::string cudaSourceText(const CudaModel& model);

} // namespace diptych::aot
