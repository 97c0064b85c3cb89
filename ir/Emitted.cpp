// Operators with attributes as functions of Value.
#include "ir/Emitted.h"

#include <algorithm>

namespace diptych::emitted {

Value constant(const TensorType& type, Scalar value) {
  Attrs attrs;
  attrs.shape = type.shape;
  attrs.dtype = type.dtype;
  attrs.value = castTo(type.dtype, value);
  return emit(OpCode::Constant, {}, attrs);
}

Value iota(const TensorType& type, int64_t axis) {
  Attrs attrs;
  attrs.shape = type.shape;
  attrs.dtype = type.dtype;
  attrs.axis = axis;
  return emit(OpCode::Iota, {}, attrs);
}

Value convert(const Value& x, DType dtype) {
  if (x.dtype() == dtype)
    return x;
  Attrs attrs;
  attrs.dtype = dtype;
  return emit(OpCode::Convert, {x}, attrs);
}

Value broadcast(const Value& x, const Shape& shape, const Dims& axes) {
  if (x.shape() == shape)
    return x;
  Attrs attrs;
  attrs.shape = shape;
  attrs.axes = axes;
  return emit(OpCode::Broadcast, {x}, attrs);
}

Value reshape(const Value& x, const Shape& shape) {
  if (x.shape() == shape)
    return x;
  Attrs attrs;
  attrs.shape = shape;
  return emit(OpCode::Reshape, {x}, attrs);
}

static Value withAxes(OpCode code, const Value& x, const Dims& axes) {
  Attrs attrs;
  attrs.axes = axes;
  return emit(code, {x}, attrs);
}

Value transpose(const Value& x, const Dims& permutation) {
  return withAxes(OpCode::Transpose, x, permutation);
}

Value slice(const Value& x, const Dims& starts, const Dims& limits, const Dims& strides) {
  Attrs attrs;
  attrs.starts = starts;
  attrs.limits = limits;
  attrs.strides = strides;
  return emit(OpCode::Slice, {x}, attrs);
}

static Attrs padAttrs(DType dtype, const Dims& low, const Dims& high, const Dims& interior,
                      Scalar value) {
  Attrs attrs;
  attrs.low = low;
  attrs.high = high;
  attrs.interior = interior;
  attrs.value = castTo(dtype, value);
  return attrs;
}

Value pad(const Value& x, const Dims& low, const Dims& high, const Dims& interior, Scalar value) {
  return emit(OpCode::Pad, {x}, padAttrs(x.dtype(), low, high, interior, value));
}

Value reverse(const Value& x, const Dims& axes) { return withAxes(OpCode::Reverse, x, axes); }

Value concatenate(ValueSpan operands, int64_t axis) {
  Attrs attrs;
  attrs.axis = axis;
  return currentEmitter().emit(OpCode::Concatenate, operands, attrs);
}

Value reduce(OpCode code, const Value& x, const Dims& axes) {
  if (axes.empty())
    return x;
  return withAxes(code, x, axes);
}

Value matmul(const Value& x, const Value& y) { return emit(OpCode::Matmul, {x, y}); }

static Attrs convolutionAttrs(const Dims& strides, const Dims& dilations) {
  Attrs attrs;
  attrs.strides = strides;
  attrs.dilations = dilations;
  return attrs;
}

Value convolution(const Value& x, const Value& w, const Dims& strides, const Dims& dilations) {
  return emit(OpCode::Convolution, {x, w}, convolutionAttrs(strides, dilations));
}

Value convolution(const Value& x, const Zeros& zeros, const Value& w, const Dims& strides,
                  const Dims& dilations) {
  const auto isNone = [](const Dims& counts) {
    return std::all_of(counts.begin(), counts.end(), [](int64_t count) { return count == 0; });
  };
  const auto& [low, high, interior] = zeros;
  if (isNone(low) && isNone(high) && isNone(interior))
    return convolution(x, w, strides, dilations);
  return currentEmitter().convolution(x, padAttrs(x.dtype(), low, high, interior, Scalar(0.0)), w,
                                      convolutionAttrs(strides, dilations));
}

Value windows(const Value& x, const Dims& axes, const Dims& sizes, const Dims& strides,
              const Dims& dilations) {
  Attrs attrs;
  attrs.axes = axes;
  attrs.sizes = sizes;
  attrs.strides = strides;
  attrs.dilations = dilations;
  return emit(OpCode::Windows, {x}, attrs);
}

Value overlapAdd(const Value& x, const Shape& shape, const Dims& axes, const Dims& strides,
                 const Dims& dilations) {
  Attrs attrs;
  attrs.shape = shape;
  attrs.axes = axes;
  attrs.strides = strides;
  attrs.dilations = dilations;
  return emit(OpCode::OverlapAdd, {x}, attrs);
}

Value gather(const Value& x, const Value& indices, int64_t axis) {
  Attrs attrs;
  attrs.axis = axis;
  return emit(OpCode::Gather, {x, indices}, attrs);
}

Value scatterAdd(const Value& x, const Value& indices, const Value& updates, int64_t axis) {
  Attrs attrs;
  attrs.axis = axis;
  return emit(OpCode::ScatterAdd, {x, indices, updates}, attrs);
}

Value argsort(const Value& x, int64_t axis, bool descending) {
  Attrs attrs;
  attrs.axis = axis;
  attrs.set(AttrField::descending, descending);
  return emit(OpCode::Argsort, {x}, attrs);
}

static Value alongAxis(OpCode code, std::initializer_list<Value> operands, int64_t axis) {
  Attrs attrs;
  attrs.axis = axis;
  return emit(code, operands, attrs);
}

Value scatter(const Value& x, const Value& indices, const Value& updates, int64_t axis) {
  return alongAxis(OpCode::Scatter, {x, indices, updates}, axis);
}

Value cumsum(const Value& x, int64_t axis) { return alongAxis(OpCode::Cumsum, {x}, axis); }

Value linearRecurrence(const Value& a, const Value& b, int64_t axis) {
  return alongAxis(OpCode::LinearRecurrence, {a, b}, axis);
}

Value shifted(const Value& x, int64_t distance, int64_t axis) {
  const int rank = x.rank();
  const int64_t extent = x.shape()[axis], lost = std::min(std::abs(distance), extent);
  Dims starts(rank, 0), limits = x.shape(), low(rank, 0), high(rank, 0);
  if (distance < 0) {
    starts[axis] = lost;
    high[axis] = lost;
  } else {
    limits[axis] = extent - lost;
    low[axis] = lost;
  }
  return pad(slice(x, starts, limits, Dims(rank, 1)), low, high, Dims(rank, 0), Scalar(0));
}

Value matrixTranspose(const Value& x) {
  Dims permutation;
  for (int i = 0; i < x.rank(); ++i)
    permutation.push_back(i);
  std::swap(permutation[x.rank() - 1], permutation[x.rank() - 2]);
  return transpose(x, permutation);
}

Value expand(const Value& reduced, const Shape& shape, const Dims& axes) {
  Dims kept;
  for (int i = 0; i < shape.size(); ++i)
    if (!axes.contains(i))
      kept.push_back(i);
  return broadcast(reduced, shape, kept);
}

Value eye(int64_t n, DType dtype) {
  const TensorType index{DType::i64, {n, n}};
  return convert(eq(iota(index, 0), iota(index, 1)), dtype);
}

} // namespace diptych::emitted
