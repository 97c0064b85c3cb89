// A function turned into the program of its derivative.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::passes {

/// Appends arguments for cotangents of the results, and results: the cotangents of arguments `wrt`.
/// The function holds operators only. With `batch` > 0 (co)tangents carry a leading axis of that
/// size.
void appendVjp(mlir::func::FuncOp program, llvm::ArrayRef<int64_t> wrt, int64_t batch);
/// Appends arguments for tangents of arguments `wrt`, and results: the tangents of the results.
void appendJvp(mlir::func::FuncOp program, llvm::ArrayRef<int64_t> wrt, int64_t batch);

} // namespace diptych::passes
