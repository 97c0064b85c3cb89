// Elements read and written at computed places of the DSL: along an axis each at its own index, or
// whole rows.
#include <diptych/Ops.h>
#include <diptych/Sorting.h>

#include "frontend/Ops.h"

namespace diptych {

using detail::axisOf;
using detail::located;
using detail::misuse;
using detail::valueOf;
using detail::wrap;

static void checkAlong(const char* op, const Value& x, const Value& indices, int64_t axis) {
  bool fits = x.rank() == indices.rank();
  for (int i = 0; fits && i < x.rank(); ++i)
    fits = i == axis || x.shape()[i] == indices.shape()[i];
  if (!fits)
    misuse(op, "indices that differ from x only along axis " + std::to_string(axis),
           x.type().str() + " and " + indices.type().str(), "broadcast or reshape the indices");
  if (!isInteger(indices.dtype()))
    misuse(op, "i32 or i64 indices", indices.type().str(), "convert with astype");
}

static Value scaled(const Value& index, int64_t stride, bool isLast) {
  return isLast ? index : emitted::mul(index, emitted::like(index, Scalar(stride)));
}

// Where each row along the axis begins in the flattened x; the extent of the axis is 1.
static Tensor originsAlong(const Value& x, int64_t axis) {
  const Dims strides = contiguousStrides(x.shape());
  Tensor origins;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == axis)
      continue;
    Shape line(x.rank(), 1);
    line[i] = x.shape()[i];
    const Tensor here =
        wrap(scaled(emitted::iota({DType::i64, line}, i), strides[i], i == x.rank() - 1));
    origins = origins.defined() ? origins + here : here;
  }
  return origins;
}

// Places in the flattened x.
static Value placesOf(const Value& x, const Value& chosen, int64_t axis) {
  if (x.rank() == 1)
    return chosen;
  const int64_t stride = contiguousStrides(x.shape())[axis];
  const Tensor along = wrap(scaled(chosen, stride, axis == x.rank() - 1));
  return (along + originsAlong(x, axis)).value();
}

// An index out of range becomes -1, which no flattened tensor has, so that it is the same error.
static Value placesAlong(const char* op, const Value& x, const Value& indices, int64_t axis) {
  checkAlong(op, x, indices, axis);
  const Value chosen = emitted::convert(indices, DType::i64);
  if (x.rank() == 1)
    return chosen;
  const Value place = placesOf(x, chosen, axis);
  const Value inside =
      emitted::logical_and(emitted::ge(chosen, emitted::like(chosen, Scalar(0))),
                           emitted::lt(chosen, emitted::like(chosen, Scalar(x.shape()[axis]))));
  return emitted::where(inside, place, emitted::like(place, Scalar(-1)));
}

static Value flat(const Value& x) { return emitted::reshape(x, {x.type().numel()}); }

Tensor take_along_axis(const Arg& arg, const Tensor& indices, int64_t axis) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int64_t counted = axisOf("take_along_axis", axis, x.rank());
    const Value places = placesAlong("take_along_axis", x, indices.value(), counted);
    return wrap(emitted::gather(flat(x), places, 0));
  });
}

Tensor detail::elementsAt(const Tensor& x, const Tensor& positions, int64_t axis) {
  return wrap(emitted::gather(flat(x.value()), placesOf(x.value(), positions.value(), axis), 0));
}

// Updates as x's dtype takes them, and of the shape they need.
static Value fitted(const char* op, const Arg& updates, const Value& x, const Shape& shape) {
  Value value = valueOf(updates);
  if (!updates.tensor())
    value = emitted::constant({x.dtype(), {}}, updates.number());
  if (value.dtype() != x.dtype())
    misuse(op, "updates of x's dtype", value.type().str() + " for " + x.type().str(),
           "convert one with astype");
  return detail::broadcastTo(op, value, shape);
}

Tensor scatter(const Arg& arg, const Tensor& indices, const Arg& updates, int64_t axis) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int64_t counted = axisOf("scatter", axis, x.rank());
    Shape shape = x.shape();
    shape.erase(static_cast<int>(counted));
    for (int i = 0; i < indices.rank(); ++i)
      shape.insert(static_cast<int>(counted) + i, indices.shape()[i]);
    return wrap(
        emitted::scatter(x, indices.value(), fitted("scatter", updates, x, shape), counted));
  });
}

template <class Write>
static Tensor written(const char* op, const Arg& arg, const Tensor& indices, const Arg& updates,
                      int64_t axis, Write write) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const Value places = placesAlong(op, x, indices.value(), axisOf(op, axis, x.rank()));
    const Value fit = fitted(op, updates, x, indices.shape());
    return wrap(emitted::reshape(write(flat(x), flat(places), flat(fit), 0), x.shape()));
  });
}

Tensor scatter_along_axis(const Arg& x, const Tensor& indices, const Arg& updates, int64_t axis) {
  return written("scatter_along_axis", x, indices, updates, axis, emitted::scatter);
}
Tensor scatter_add_along_axis(const Arg& x, const Tensor& indices, const Arg& updates,
                              int64_t axis) {
  return written("scatter_add_along_axis", x, indices, updates, axis, emitted::scatterAdd);
}

} // namespace diptych
