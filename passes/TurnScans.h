// Order in which kernels with sums along an axis go.
#pragma once

#include "ir/Dialect.h"
#include "passes/Passes.h"

namespace diptych::passes {

/// Puts reversals that follow sums behind the pointwise operators that read them.
void turnScans(mlir::Block& block, const FusionOptions& options);

} // namespace diptych::passes
