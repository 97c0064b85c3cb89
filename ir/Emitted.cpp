// Operators with attributes as functions of Value.
#include "ir/Emitted.h"

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

Value pad(const Value& x, const Dims& low, const Dims& high, const Dims& interior, Scalar value) {
  Attrs attrs;
  attrs.low = low;
  attrs.high = high;
  attrs.interior = interior;
  attrs.value = castTo(x.dtype(), value);
  return emit(OpCode::Pad, {x}, attrs);
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

Value convolution(const Value& x, const Value& w, const Dims& strides, const Dims& dilations) {
  Attrs attrs;
  attrs.strides = strides;
  attrs.dilations = dilations;
  return emit(OpCode::Convolution, {x, w}, attrs);
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
