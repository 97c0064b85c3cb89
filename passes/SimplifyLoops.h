// What loops and branches do without: results nobody reads, what only they need, work that every
// step repeats. Every bit stays.
#pragma once

#include "ir/Dialect.h"
#include "passes/Passes.h"

namespace diptych::passes {

/// Drops results of loops and branches that nobody uses, carries that only keep themselves going,
/// and operands that are not read then.
void pruneLoops(mlir::func::FuncOp function, Carries carries);
/// Moves out of loops what is the same in every step, and into them what is a constant or one value
/// repeated for each step.
void moveInvariants(mlir::func::FuncOp function);

} // namespace diptych::passes
