// Pointwise lines as vectors in the midst of another kernel: what a product computes where it reads
// an operand or where it stores.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// The last line's value. `load` gives what a line loads, in so many lanes.
mlir::Value lastOf(KernelBuilder& kernel, llvm::ArrayRef<Line> lines, int lanes, bool contract,
                   llvm::function_ref<mlir::Value(const Access&)> load);

} // namespace diptych::codegen
