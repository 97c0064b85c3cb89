// From a kernel description to a function of an MLIR module.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// Dialects that emitted kernels use; load them before emitting.
void loadKernelDialects(mlir::MLIRContext& context);

/// Appends the kernel as function `name`.
void emitKernel(mlir::ModuleOp module, llvm::StringRef name, const KernelSpec& spec);

void emitArg(KernelBuilder& kernel, const ArgSpec& spec);
void emitIndexed(KernelBuilder& kernel, const IndexSpec& spec);

} // namespace diptych::codegen
