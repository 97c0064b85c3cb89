// Rules for search and for windows that roll along an axis.
#include "ir/TypeRules.h"

namespace diptych::typerules {

// c1: dtypes; c2: equal leading axes.
TensorType searchsorted(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType &sorted = operands[0], &values = operands[1];
  if (!op.takes(sorted.dtype) || values.dtype != sorted.dtype)
    fail(op, "sorted rows and values of one dtype, f32, f64, i32 or i64",
         sorted.str() + " and " + values.str(), "convert one with astype");
  bool fits = sorted.rank() >= 1 && values.rank() == sorted.rank();
  for (int i = 0; fits && i + 1 < sorted.rank(); ++i)
    fits = sorted.shape[i] == values.shape[i];
  if (!fits)
    fail(op, "sorted rows [..., n] and values [..., m] with equal leading axes",
         sorted.str() + " and " + values.str(), "broadcast or reshape one of them");
  return {DType::i64, values.shape};
}

TensorType rolling(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  if (!op.takes(x.dtype))
    fail(op, "an operand of f32 or f64", x.str(), "convert it with astype");
  checkAxes(op, {attrs.axis}, x.rank());
  if (attrs.window.size() != 1 || attrs.window[0] < 1)
    fail(op, "one window of at least 1", attrs.window.str(), "count the elements of a window");
  return x;
}

TensorType rollingPosition(const OpInfo& op, Types operands, const Attrs& attrs) {
  return {DType::i64, rolling(op, operands, attrs).shape};
}

TensorType rollingSelect(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& k = operands[1];
  Shape leading = k.shape;
  if (k.rank() > 0)
    leading.pop_back();
  if (k.dtype != DType::i64 || k.rank() == 0 || !(leading == rolling(op, operands, attrs).shape))
    fail(op, "i64 k of x's shape and one axis more", operands[0].str() + " and " + k.str(),
         "stack what each element asks for");
  return k;
}

} // namespace diptych::typerules
