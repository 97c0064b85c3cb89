// Algebra that holds for real numbers and keeps errors of the same order, but not every bit.
#pragma once

#include "ir/Dialect.h"

#include "mlir/IR/PatternMatch.h"

namespace diptych::passes {

inline Shape shapeOf(mlir::Value value) { return ir::tensorTypeOf(value.getType()).shape; }
mlir::Value make(mlir::PatternRewriter& rewriter, mlir::Location location, OpCode code,
                 mlir::ValueRange operands, const Attrs& attrs = {});
/// `value` in every element, rounded to the dtype.
mlir::Value makeSplat(mlir::PatternRewriter& rewriter, mlir::Location location,
                      const TensorType& type, const Scalar& value);

void populateAlgebra(mlir::RewritePatternSet& patterns);
/// Chains of matrix products in the order of least cost.
void populateReassociation(mlir::RewritePatternSet& patterns);
/// Of them: products with matrices that are known to be diagonal.
void populateDiagonals(mlir::RewritePatternSet& patterns);
/// Movements that cancel, and outer products.
void populateMovements(mlir::RewritePatternSet& patterns);
/// Pads that slices, reversals and recurrences undo.
void populatePads(mlir::RewritePatternSet& patterns);
/// Slices of what is joined.
void populateSlices(mlir::RewritePatternSet& patterns);

} // namespace diptych::passes
