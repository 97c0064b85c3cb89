// Rules that give operators a leading batch axis, one for each shape law. They emit on the inner
// emitter and know nothing of derivatives.
#pragma once

#include <span>

#include "ir/Emitted.h"

namespace diptych::autodiff::batching {

/// Of the inner emitter; `batched`: axis 0 is the batch, and the operator's own axes follow.
struct Operand {
  Value value;
  bool batched = false;
};

/// One operator with at least one batched operand.
class Context {
public:
  Context(OpCode code, std::span<const Operand> operands, const Attrs& attrs, int64_t batch)
      : code(code), operands(operands), attrs(attrs), batch(batch) {}

  const OpCode code;
  const std::span<const Operand> operands;
  const Attrs& attrs;
  const int64_t batch;

  /// Operand i with its batch axis, repeated along one if it is plain.
  Value batched(size_t i) const;
  Values allBatched() const;
  /// Rank and extents without the batch axis.
  int rank(size_t i) const { return operands[i].value.rank() - operands[i].batched; }
  Value emit(ValueSpan values, const Attrs& attributes) const;
};

/// Result with the batch axis in front.
using Rule = Value (*)(const Context&);
/// The table's rule; null for operators without operands.
Rule ruleOf(OpCode code);

Value withBatchAxis(const Value& plain, int64_t batch);
/// Every axis one place further.
Dims oneUp(const Dims& axes);
/// The axis at `from` comes to stand at `to`, the others keep their order.
Value moveAxis(const Value& x, int64_t from, int64_t to);
/// Axes `axis` and `axis` + 1 become one.
Value merge(const Value& x, int64_t axis);
/// Axis `axis` becomes two, of extents outer and inner.
Value split(const Value& x, int64_t axis, int64_t outer, int64_t inner);

Value pointwise(const Context& context);
Value broadcast(const Context& context);
Value reshape(const Context& context);
Value transpose(const Context& context);
Value slice(const Context& context);
Value pad(const Context& context);
Value reverse(const Context& context);
Value concatenate(const Context& context);
Value reduction(const Context& context);
Value argReduction(const Context& context);
Value matmul(const Context& context);
Value convolution(const Context& context);
Value windows(const Context& context);
Value overlapAdd(const Context& context);
Value gather(const Context& context);
Value scatterAdd(const Context& context);

/// Of library operators: leading axes are batch axes.
Value library(const Context& context);

} // namespace diptych::autodiff::batching
