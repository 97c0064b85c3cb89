// A function turned into the program of its derivative.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::passes {

/// Which results derivatives reach from the active arguments. The function holds operators only.
std::vector<bool> resultsReached(mlir::func::FuncOp program, const std::vector<bool>& active);
/// Appends arguments for cotangents of the results, and results: the cotangents of arguments `wrt`.
/// The function holds operators only. With `batch` > 0 (co)tangents carry a leading axis of that
/// size. Returns which of these are not zero for want of a way to them.
std::vector<bool> appendVjp(mlir::func::FuncOp program, llvm::ArrayRef<int64_t> wrt, int64_t batch);
/// Appends arguments for tangents of arguments `wrt`, and results: the tangents of the results.
/// Returns the same of them.
std::vector<bool> appendJvp(mlir::func::FuncOp program, llvm::ArrayRef<int64_t> wrt, int64_t batch);
/// What is known of a Jacobian: a Hessian is symmetric.
enum class Jacobian { general, symmetric };
/// As appendJvp for all unit tangents of one argument, whose number of elements is the batch. Parts
/// that the function slices out have sweeps of their own: their tangents are identities too, and
/// where a part does not reach there is nothing. Of a symmetric Jacobian parts get blocks from the
/// diagonal on. The argument for the tangents is not read.
void appendUnitJvp(mlir::func::FuncOp program, int64_t argument, Jacobian kind);

} // namespace diptych::passes
