// What an operator may be to a kernel that several share. Changes no IR.
#pragma once

#include "ir/Dialect.h"
#include "passes/Passes.h"

namespace diptych::passes {

enum class Role { Barrier, Pointwise, Creation, IndexMap, Reduction };
Role roleOf(mlir::Operation* op);

/// A sum or recurrence along an axis that vectors can run across.
bool isScan(mlir::Operation* op, Choices* choices);

/// What it is computed from: operands and theirs, but numbers.
llvm::SmallVector<mlir::Value> sourcesOf(mlir::Operation* op);

} // namespace diptych::passes
