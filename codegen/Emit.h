// From a kernel description to a function of an MLIR module.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

class ScalarBuilder;

/// Dialects that emitted kernels use; load them before emitting.
void loadKernelDialects(mlir::MLIRContext& context);

/// Appends the kernel as function `name`.
void emitKernel(mlir::ModuleOp module, llvm::StringRef name, const KernelSpec& spec);

void emitArg(KernelBuilder& kernel, const ArgSpec& spec);
/// Of the outermost loop, where they are columns: fewer take as long.
int64_t leastColumns(const ArgSpec& spec);
/// Whether `candidate` replaces `best`: it is better, or the first NaN. Of scalars or vectors.
mlir::Value extremumWins(ScalarBuilder& b, bool greatest, mlir::Value candidate, mlir::Value best);
void emitCumulative(KernelBuilder& kernel, const CumulativeSpec& spec);
void emitIndexed(KernelBuilder& kernel, const IndexSpec& spec);

} // namespace diptych::codegen
