// Shape and dtype rules, one a family; Ops.td names the rule of each operator.
#pragma once

#include "ir/OpTable.h"

namespace diptych::typerules {

using Types = std::span<const TensorType>;

TensorType sameType(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType comparison(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType where(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType convert(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType creation(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType iota(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType broadcast(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType reshape(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType transpose(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType slice(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType pad(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType reverse(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType concatenate(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType reduction(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType argReduction(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType argsort(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType matmul(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType convolution(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType windows(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType overlapAdd(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType gather(const OpInfo& op, Types operands, const Attrs& attrs);
TensorType scatterAdd(const OpInfo& op, Types operands, const Attrs& attrs);

/// Throws Error("<op>: expected <expected>, got <got>; <remedy>").
[[noreturn]] void fail(const OpInfo& op, const std::string& expected, const std::string& got,
                       const std::string& remedy);
/// Fails unless the operand's dtype is one the operator takes.
void checkDType(const OpInfo& op, const TensorType& type);
/// Axis in range, no repetition.
void checkAxes(const OpInfo& op, const Dims& axes, int rank);
/// Fails unless no extent is negative and their product is below 2^48, so that counts and bytes of
/// whatever passes cannot overflow.
void checkExtents(const OpInfo& op, const Shape& shape);

} // namespace diptych::typerules
