// A function of the dialect as StableHLO text, for others' compilers. Derivatives have been
// expanded before.
#pragma once

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace diptych::passes {

/// A module of the stablehlo (v1), chlo and func dialects whose public @main is `function`. The
/// last of its arguments may be given: they become constants. Throws Error with operator and line
/// for what StableHLO has no operation for; docs/saved.md says how the others are written. What
/// stays the same are the operations, not their rounding. An index out of range, an error with us,
/// is clamped there; float to integer conversions out of range are up to the implementation.
std::string stableHlo(mlir::func::FuncOp function, llvm::ArrayRef<mlir::DenseElementsAttr> last);

} // namespace diptych::passes
