// Kernel descriptions as GPU kernels, one function for each class: how work is spread over blocks,
// warps and threads. Every element is computed in the order that the CPU's kernels use
// (docs/design.md, Numerics), so bits are the same.
#pragma once

#include "codegen/cuda/GpuKernel.h"

namespace diptych::codegen::cuda {

/// A description and what its launch needs beside.
struct GpuRequest {
  const KernelSpec* spec = nullptr;
  /// The outermost loop of a call, where the description leaves it open.
  Size range = 1;
  /// Of eager kernels: params of runtime/KernelAbi.h and the range. Shapes are static without.
  int params = 0;
};

/// Appends the kernel's functions, `name` and what follows on it, to the module.
runtime::cuda::LaunchSpec emitGpuKernel(mlir::ModuleOp module, const std::string& name,
                                        const GpuRequest& request);

/// Pointers that a kernel takes.
int pointersOf(const KernelSpec& kernel);

/// What an emitter works with: where functions go, and the launches so far.
struct Emission {
  mlir::ModuleOp module;
  std::string name;
  GpuFrame frame;
  bool contract = false;
  runtime::cuda::LaunchSpec launches = {};

  /// Emits one launch of `grid` blocks.
  runtime::cuda::Launch& launch(const runtime::cuda::Count& grid, int threads,
                                llvm::function_ref<void(GpuKernel&)> body);
  /// The same, called unless the axis has at most so many elements.
  void launchAbove(const Size& extent, int64_t above, const runtime::cuda::Count& grid, int threads,
                   llvm::function_ref<void(GpuKernel&)> body);
};

void emitPointwise(Emission& emission, const NestSpec& nest);
void emitFolds(Emission& emission, const NestSpec& nest);
void emitArg(Emission& emission, const ArgSpec& spec);
void emitCumulative(Emission& emission, const CumulativeSpec& spec);
void emitIndexed(Emission& emission, const IndexSpec& spec);
void emitRolling(Emission& emission, const RollingSpec& spec);
void emitRows(Emission& emission, const RowsSpec& spec);

/// Blocks of one fold that a block of threads takes at a time.
constexpr int64_t kMostUnits = 32;
/// Whether threads may take the elements of a nest without folds in any order and by rows.
bool isByElement(const NestSpec& nest);
void emitBlockSum(Emission& emission, const BlockSumSpec& spec);
void emitMatmul(Emission& emission, const MatmulSpec& spec);
void emitConvolution(Emission& emission, const ConvolutionSpec& spec);

} // namespace diptych::codegen::cuda
