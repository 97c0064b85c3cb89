// Rules of the operators that move elements.
#include "ir/TypeRules.h"

#include <algorithm>

namespace diptych::typerules {

// c1: one axis for each input axis; c2: increasing; c3: sizes agree.
TensorType broadcast(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkAxes(op, attrs.axes, attrs.shape.size());
  if (attrs.axes.size() != x.rank())
    fail(op, "one axis for each of the operand's " + std::to_string(x.rank()), attrs.axes.str(),
         "name the output axis of every input axis");
  for (int i = 0; i < x.rank(); ++i) {
    if (i && attrs.axes[i] <= attrs.axes[i - 1])
      fail(op, "increasing axes", attrs.axes.str(), "transpose first");
    if (x.shape[i] != attrs.shape[attrs.axes[i]])
      fail(op, "sizes that agree with " + attrs.shape.str() + " at axes " + attrs.axes.str(),
           x.shape.str(), "reshape away axes of size 1 first");
  }
  return {x.dtype, attrs.shape};
}

TensorType reshape(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkExtents(op, attrs.shape);
  if (x.numel() != attrs.shape.product())
    fail(op, "a shape of " + std::to_string(x.numel()) + " elements",
         attrs.shape.str() + " for " + x.str(), "keep the number of elements");
  return {x.dtype, attrs.shape};
}

TensorType transpose(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkAxes(op, attrs.axes, x.rank());
  if (attrs.axes.size() != x.rank())
    fail(op, "a permutation of " + std::to_string(x.rank()) + " axes", attrs.axes.str(),
         "name every axis once");
  TensorType result = x;
  for (int i = 0; i < x.rank(); ++i)
    result.shape[i] = x.shape[attrs.axes[i]];
  return result;
}

static void checkLists(const OpInfo& op, const Attrs& attrs, int rank) {
  for (AttrField field : op.attributes)
    if (field != AttrField::value && listOf(attrs, field).size() != rank)
      fail(op, std::string(name(field)) + " of length " + std::to_string(rank),
           listOf(attrs, field).str(), "give one entry for each axis");
}

// c1: list lengths; c2: 0 <= start <= limit <= extent; c3: stride > 0.
TensorType slice(const OpInfo& op, Types operands, const Attrs& attrs) {
  TensorType result = operands[0];
  checkLists(op, attrs, result.rank());
  for (int i = 0; i < result.rank(); ++i) {
    const int64_t start = attrs.starts[i], limit = attrs.limits[i], stride = attrs.strides[i];
    if (start < 0 || limit < start || limit > result.shape[i])
      fail(op,
           "0 <= start <= limit <= " + std::to_string(result.shape[i]) + " on axis " +
               std::to_string(i),
           std::to_string(start) + " to " + std::to_string(limit), "keep within the operand");
    if (stride < 1)
      fail(op, "strides of at least 1", attrs.strides.str(), "use reverse to turn an axis round");
    result.shape[i] = limit == start ? 0 : (limit - start - 1) / stride + 1;
  }
  return result;
}

TensorType pad(const OpInfo& op, Types operands, const Attrs& attrs) {
  TensorType result = operands[0];
  checkLists(op, attrs, result.rank());
  for (int i = 0; i < result.rank(); ++i) {
    if (attrs.low[i] < 0 || attrs.high[i] < 0 || attrs.interior[i] < 0)
      fail(op, "padding that is not negative",
           attrs.low.str() + ", " + attrs.high.str() + ", " + attrs.interior.str(),
           "use slice to cut");
    const int64_t extent = result.shape[i];
    int64_t padded;
    if (__builtin_mul_overflow(std::max<int64_t>(extent - 1, 0), attrs.interior[i], &padded) ||
        __builtin_add_overflow(padded, extent, &padded) ||
        __builtin_add_overflow(padded, attrs.low[i], &padded) ||
        __builtin_add_overflow(padded, attrs.high[i], &padded))
      fail(op, "a padded extent below 2^48", attrs.low.str() + ", " + attrs.high.str(),
           "check the sizes");
    result.shape[i] = padded;
  }
  return result;
}

TensorType reverse(const OpInfo& op, Types operands, const Attrs& attrs) {
  checkAxes(op, attrs.axes, operands[0].rank());
  return operands[0];
}

TensorType concatenate(const OpInfo& op, Types operands, const Attrs& attrs) {
  TensorType result = operands[0];
  checkAxes(op, {attrs.axis}, result.rank());
  for (const TensorType& type : operands.subspan(1)) {
    bool fits = type.dtype == result.dtype && type.rank() == result.rank();
    for (int i = 0; fits && i < result.rank(); ++i)
      fits = i == attrs.axis || type.shape[i] == result.shape[i];
    if (!fits)
      fail(op, "operands that differ only along axis " + std::to_string(attrs.axis),
           operands[0].str() + " and " + type.str(), "reshape or convert one");
    result.shape[attrs.axis] += type.shape[attrs.axis];
    checkExtents(op, result.shape);
  }
  return result;
}

} // namespace diptych::typerules
