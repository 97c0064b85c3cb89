// Loops and branches of the dialect as the emitters see them.
#pragma once

#include "ir/ControlFlow.h"
#include "ir/Dialect.h"

namespace diptych::ir {

/// Types, counts and attributes of a scan, while or cond; what its functions run is left empty.
ControlFlow controlOf(mlir::Operation* op);

} // namespace diptych::ir
