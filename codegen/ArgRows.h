// argmax and argmin along a dense axis.
#pragma once

#include "codegen/KernelBuilder.h"
#include "codegen/Lowerings.h"

namespace diptych::codegen {

void emitArgRows(KernelBuilder& kernel, const ArgSpec& spec);

/// Whether x is better than y; of NaN nothing is. `orEqual`: or as good.
mlir::Value isBetter(ScalarBuilder& b, bool greatest, mlir::Value x, mlir::Value y,
                     bool orEqual = false);
/// The better one of each lane; where one is NaN, either.
mlir::Value betterOf(ScalarBuilder& b, bool greatest, mlir::Value x, mlir::Value y);
/// All of them by halves.
mlir::Value folded(llvm::ArrayRef<mlir::Value> x,
                   llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> combine);

} // namespace diptych::codegen
