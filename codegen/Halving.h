// Horizontal folds of several vectors together: their lanes are folded by halves, and what is left
// of two vectors shares one, so that many folds take little more than one.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

using CombineFn = llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)>;

/// One vector with the totals of elements, a power of two of them: vectors of `width` partial
/// results for one element after the other, halved until one is left.
mlir::Value totals(KernelBuilder& kernel, llvm::SmallVector<mlir::Value> vectors, int64_t width,
                   CombineFn combine);
/// The same of sums.
mlir::Value totals(KernelBuilder& kernel, llvm::SmallVector<mlir::Value> vectors, int64_t width);

/// Vectors of an element's partial sums, a power of two of them, as one: by halving.
mlir::Value inOne(KernelBuilder& kernel, llvm::SmallVector<mlir::Value> sums);

} // namespace diptych::codegen
