// What an operator may be to a kernel that several share. Changes no IR.
#pragma once

#include "ir/DialectMovements.h"
#include "passes/Passes.h"

namespace diptych::passes {

enum class Role { Barrier, Pointwise, Creation, IndexMap, Reduction };
Role roleOf(mlir::Operation* op);

/// A sum or recurrence along an axis that vectors can run across.
bool isScan(mlir::Operation* op, Choices* choices);

/// What an axis of the operand becomes: an axis of the result; of a reduction, of its operand.
std::optional<int64_t> axisAfter(mlir::Operation* op, int64_t axis);
/// Along which axis of the space of a kernel that ends with it vectors run.
int64_t innermostOf(mlir::Operation* op, const Shape& space);
/// Whether an element of the result is made of the operands' elements at its place.
bool keepsPlaces(mlir::Operation* op);

/// Whether its one operand has narrower elements, as that of a conversion of bf16 to f32.
bool readsLess(mlir::Operation* op);
/// Whether its elements are narrower than an operand's, as what compares numbers: to load it costs
/// less than that.
bool isNarrower(mlir::Operation* op);

/// Whether one piece has rows of more than a few elements, which would leave lanes idle.
bool hasLongRuns(mlir::Operation* op, const ir::Pieces& pieces);
/// What it is computed from: operands and theirs, but numbers.
llvm::SmallVector<mlir::Value> sourcesOf(mlir::Operation* op);

} // namespace diptych::passes
