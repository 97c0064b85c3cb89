// Decides which operators share a kernel. Changes no IR.
#pragma once

#include "ir/Dialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

#include <memory>

namespace diptych::passes {

/// Operators that become one kernel, in program order. `stored` are those whose results leave it.
struct FusionGroup {
  llvm::SetVector<mlir::Operation*> members;
  llvm::SetVector<mlir::Operation*> stored;
  llvm::DenseSet<mlir::Operation*> aligned; // computed once per point of the kernel's loops
  Shape space;                              // of those loops
  int64_t innermost = -1;                   // axis of it
  bool reduction = false;
  std::optional<int64_t> scanned;        // the axis that cumulative members go along
  std::optional<int64_t> pieced;         // the axis that is cut
  llvm::SmallSetVector<int64_t, 4> cuts; // of it, into pieces that are kernels of their own
  llvm::DenseSet<mlir::Value> sources;   // what those are computed from, as far as it was looked at
};

/// Walks the block from its end: an operator joins the groups of its users, or starts one.
std::vector<std::unique_ptr<FusionGroup>> groupOperators(mlir::Block& block,
                                                         const FusionOptions& options);

} // namespace diptych::passes
