// What a function cuts one of its arguments into: a network's parameters out of one vector.
#pragma once

#include "ir/Dialect.h"

namespace diptych::passes {

/// Rows [begin, end) of an argument, and the slices that show some of them: one that shows all,
/// several, or none.
struct ArgumentPart {
  int64_t begin, end;
  llvm::SmallVector<ir::SliceOp> slices;
};

/// In order; none where nothing is sliced, or slices overlap or leave steps. What is small is one
/// part with a neighbour.
llvm::SmallVector<ArgumentPart> partsOf(mlir::Value argument);

} // namespace diptych::passes
