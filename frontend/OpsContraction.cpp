// matmul with PyTorch's cases, and indexing, in terms of the IR's operators.
#include "frontend/Ops.h"

#include <diptych/Ops.h>

namespace diptych {

using detail::axisOf;
using detail::located;
using detail::misuse;
using detail::valueOf;
using detail::wrap;

// The axes before the last two.
static Shape batchAxes(const Value& x) {
  Shape shape = x.shape();
  shape.pop_back();
  shape.pop_back();
  return shape;
}

static Shape withMatrix(const Shape& batch, const Value& x) {
  Shape shape = batch;
  shape.push_back(x.shape()[x.rank() - 2]);
  shape.push_back(x.shape()[x.rank() - 1]);
  return shape;
}

// [..., m, k] x [k, n]: the batch joins m, so that one product serves all of it.
static Value foldedProduct(const Value& x, const Value& y) {
  const int64_t k = x.shape().back();
  Shape rows = x.shape();
  rows.pop_back();
  const Value flat = emitted::reshape(x, {rows.product(), k});
  rows.push_back(y.shape()[1]);
  return emitted::reshape(emitted::matmul(flat, y), rows);
}

static Value batchedProduct(const Value& x, const Value& y) {
  const Shape shapes[] = {batchAxes(x), batchAxes(y)};
  const Shape batch = detail::commonShape("matmul", shapes);
  return emitted::matmul(detail::broadcastTo("matmul", x, withMatrix(batch, x)),
                         detail::broadcastTo("matmul", y, withMatrix(batch, y)));
}

static void checkProduct(const Value& x, const Value& y) {
  const std::string got = x.type().str() + " and " + y.type().str();
  if (x.rank() == 0 || y.rank() == 0)
    misuse("matmul", "vectors or matrices", got, "use * to scale by a number");
  detail::requireFloat("matmul", x);
  if (x.dtype() != y.dtype())
    misuse("matmul", "operands of one dtype", got, "convert one with astype");
  const int64_t inner = y.shape()[y.rank() == 1 ? 0 : y.rank() - 2];
  if (x.shape().back() == inner)
    return;
  const bool fitsTransposed = y.rank() > 1 && x.shape().back() == y.shape().back();
  misuse("matmul", "equal inner sizes", got,
         fitsTransposed ? "did you mean matmul(x, transpose(y))?"
                        : "the last axis of the first meets the last but one of the second");
}

// A vector on the left is a row, on the right a column; its axis is dropped from the result.
static Value product(const Value& x, const Value& y) {
  checkProduct(x, y);
  const int64_t k = x.shape().back();
  const Value left = x.rank() == 1 ? emitted::reshape(x, {1, k}) : x;
  const Value right = y.rank() == 1 ? emitted::reshape(y, {k, 1}) : y;
  const Value full = right.rank() == 2 ? foldedProduct(left, right) : batchedProduct(left, right);
  Shape shape = full.shape();
  if (y.rank() == 1)
    shape.pop_back();
  if (x.rank() == 1)
    shape.erase(shape.size() - (y.rank() == 1 ? 1 : 2));
  return emitted::reshape(full, shape);
}

// A number stays one here, so that the error can tell that * was meant.
Tensor matmul(const Arg& x, const Arg& y) {
  return located(x.where(), [&] { return wrap(product(valueOf(x), valueOf(y))); });
}

static Tensor taken(const char* op, const Arg& x, const Tensor& indices, int64_t axis) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::gather(value, indices.value(), axisOf(op, axis, value.rank())));
  });
}

Tensor take(const Arg& x, const Tensor& indices, int64_t axis) {
  return taken("take", x, indices, axis);
}
Tensor gather(const Arg& x, const Tensor& indices, int64_t axis) {
  return taken("gather", x, indices, axis);
}
Tensor index_select(const Arg& x, int64_t axis, const Tensor& indices) {
  return taken("index_select", x, indices, axis);
}

static void checkAlong(const Value& x, const Value& indices, int64_t axis) {
  bool fits = x.rank() == indices.rank();
  for (int i = 0; fits && i < x.rank(); ++i)
    fits = i == axis || x.shape()[i] == indices.shape()[i];
  if (!fits)
    misuse("take_along_axis", "indices that differ from x only along axis " + std::to_string(axis),
           x.type().str() + " and " + indices.type().str(), "broadcast or reshape the indices");
  if (!isInteger(indices.dtype()))
    misuse("take_along_axis", "i32 or i64 indices", indices.type().str(), "convert with astype");
}

// A gather of the flattened x at sum_d index_d * stride_d; an index out of range becomes -1, which
// no flattened tensor has, so that it is the same error.
Tensor take_along_axis(const Arg& arg, const Tensor& indices, int64_t axis) {
  return located(arg.where(), [&] {
    const Value x = valueOf(arg);
    const int64_t counted = axisOf("take_along_axis", axis, x.rank());
    checkAlong(x, indices.value(), counted);
    const Value chosen = emitted::convert(indices.value(), DType::i64);
    const Dims strides = contiguousStrides(x.shape());
    const auto scaled = [&](const Value& index, int64_t stride) {
      return emitted::mul(index, emitted::like(index, Scalar(stride)));
    };
    Value place = scaled(chosen, strides[counted]);
    for (int i = 0; i < x.rank(); ++i)
      if (i != counted)
        place = emitted::add(place, scaled(emitted::iota(chosen.type(), i), strides[i]));
    const Value inside = emitted::logical_and(
        emitted::ge(chosen, emitted::like(chosen, Scalar(0))),
        emitted::lt(chosen, emitted::like(chosen, Scalar(x.shape()[counted]))));
    place = emitted::where(inside, place, emitted::like(place, Scalar(-1)));
    return wrap(emitted::gather(emitted::reshape(x, {x.type().numel()}), place, 0));
  });
}

Tensor scatter_add(const Arg& x, const Tensor& indices, const Tensor& updates, int64_t axis) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::scatterAdd(value, indices.value(), updates.value(),
                                    axisOf("scatter_add", axis, value.rank())));
  });
}

} // namespace diptych
