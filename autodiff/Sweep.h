// Reverse and tangent sweeps over a list of nodes. They know node order and accumulation; they know
// no operator. What they compute is emitted on the current emitter, so it can be swept again.
#pragma once

#include "autodiff/Rules.h"

namespace diptych::autodiff {

/// In program order. Nodes must stay in place while the sweep emits.
using Nodes = std::span<const Node* const>;

/// Cotangents of `wrt`, given those of `outputs` (null: none). Null where no output depends on it.
/// A value in `wrt` may be the result of a node; what it depends on gets its full cotangent too.
///
/// Order, part of the strict contract: nodes from last to first, operands of a node from first to
/// last; a value's first contribution is stored, each later one added as add(existing, new).
Values reverseSweep(Nodes nodes, ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt);

/// Tangents of `outputs`, given those of `wrt` (null: none). Null where an output has none.
/// Nodes run in program order; a node none of whose results reaches `outputs` does no work.
Values tangentSweep(Nodes nodes, ValueSpan wrt, ValueSpan tangents, ValueSpan outputs);

/// Zeros in place of null: `derivatives` belong to `values`.
Values materialize(Values derivatives, ValueSpan values);

} // namespace diptych::autodiff
