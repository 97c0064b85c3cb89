// One array in place of several that are zero but for a piece.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace diptych::passes {

/// pad(x) + pad(y) + ..., zero but for pieces apart along one axis, becomes a concatenation.
void joinPads(mlir::func::FuncOp function);

} // namespace diptych::passes
