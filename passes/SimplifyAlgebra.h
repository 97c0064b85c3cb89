// Algebra that holds for real numbers and keeps errors of the same order, but not every bit.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace diptych::passes {

void populateAlgebra(mlir::RewritePatternSet& patterns);
/// Chains of matrix products in the order of least cost.
void populateReassociation(mlir::RewritePatternSet& patterns);
/// Of them: products with matrices that are known to be diagonal.
void populateDiagonals(mlir::RewritePatternSet& patterns);

} // namespace diptych::passes
