// A module of emitted GPU kernels as PTX, or as code for the host that the simulator runs. Knows no
// kernel.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace diptych::codegen::cuda {

/// Of a function that is a kernel: the threads of its blocks.
constexpr llvm::StringLiteral kThreadsAttr = "threads";
/// And the blocks of its clusters, if there are several.
constexpr llvm::StringLiteral kClusterAttr = "cluster";

/// Dialects of GPU kernels and their translation.
void registerGpuDialects(mlir::DialectRegistry& registry);
/// Registers and loads them; once for each context.
void prepareGpuContext(mlir::MLIRContext& context);

/// Lowers the kernels, which are changed, and prints PTX for "sm_80", "sm_90" or any other that
/// LLVM knows; Error otherwise.
std::string ptxOf(mlir::ModuleOp module, const std::string& architecture);

/// Rewrites kernels in place: what makes them a GPU's becomes calls of the simulator, and each gets
/// a function `<name>_simulated(ptr params)` beside it. Not yet lowered.
void toSimulation(mlir::ModuleOp module);

} // namespace diptych::codegen::cuda
