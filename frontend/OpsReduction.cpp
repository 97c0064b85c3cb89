// Reductions of the DSL: axes from the end, all axes, kept axes.
#include "frontend/Ops.h"

#include <diptych/Ops.h>

namespace diptych {

using detail::axesOf;
using detail::axisOf;
using detail::located;
using detail::valueOf;
using detail::wrap;

static Tensor reduced(OpCode code, const Arg& x, const Axes& axes, bool keepdim) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    const Dims counted = axesOf(info(code).name, axes, value.rank());
    Value result = emitted::reduce(code, value, counted);
    if (keepdim)
      result = emitted::reshape(result, detail::keptShape(value.shape(), counted));
    return wrap(result);
  });
}

Tensor sum(const Arg& x, const Axes& axes, bool keepdim) {
  return reduced(OpCode::Sum, x, axes, keepdim);
}
Tensor prod(const Arg& x, const Axes& axes, bool keepdim) {
  return reduced(OpCode::Prod, x, axes, keepdim);
}
Tensor max(const Arg& x, const Axes& axes, bool keepdim) {
  return reduced(OpCode::Max, x, axes, keepdim);
}
Tensor min(const Arg& x, const Axes& axes, bool keepdim) {
  return reduced(OpCode::Min, x, axes, keepdim);
}

static Value positions(OpCode code, const Value& x, int64_t axis) {
  Attrs attrs;
  attrs.axis = axis;
  return emitted::emit(code, {x}, attrs);
}

static Tensor positionAlong(OpCode code, const Arg& x, int64_t axis, bool keepdim) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    const int64_t counted = axisOf(info(code).name, axis, value.rank());
    Value result = positions(code, value, counted);
    if (keepdim)
      result = emitted::reshape(result, detail::keptShape(value.shape(), {counted}));
    return wrap(result);
  });
}

static Tensor positionInAll(OpCode code, const Arg& x) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(positions(code, emitted::reshape(value, {value.type().numel()}), 0));
  });
}

Tensor argmax(const Arg& x) { return positionInAll(OpCode::Argmax, x); }
Tensor argmax(const Arg& x, int64_t axis, bool keepdim) {
  return positionAlong(OpCode::Argmax, x, axis, keepdim);
}
Tensor argmin(const Arg& x) { return positionInAll(OpCode::Argmin, x); }
Tensor argmin(const Arg& x, int64_t axis, bool keepdim) {
  return positionAlong(OpCode::Argmin, x, axis, keepdim);
}

Tensor argsort(const Arg& x, int64_t axis, bool descending) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::argsort(value, axisOf("argsort", axis, value.rank()), descending));
  });
}

} // namespace diptych
