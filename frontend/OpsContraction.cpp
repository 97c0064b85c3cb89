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
  const auto refuse = [&](const char* expected, const char* remedy) {
    misuse("matmul", expected, x.type().str() + " and " + y.type().str(), remedy);
  };
  if (x.rank() == 0 || y.rank() == 0)
    refuse("vectors or matrices", "use * to scale by a number");
  detail::requireFloat("matmul", x);
  if (x.dtype() != y.dtype())
    refuse("operands of one dtype", "convert one with astype");
  const int64_t inner = y.shape()[y.rank() == 1 ? 0 : y.rank() - 2];
  if (x.shape().back() == inner)
    return;
  const bool fitsTransposed = y.rank() > 1 && x.shape().back() == y.shape().back();
  refuse("equal inner sizes",
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

Tensor scatter_add(const Arg& x, const Tensor& indices, const Tensor& updates, int64_t axis) {
  return located(x.where(), [&] {
    const Value value = valueOf(x);
    return wrap(emitted::scatterAdd(value, indices.value(), updates.value(),
                                    axisOf("scatter_add", axis, value.rank())));
  });
}

} // namespace diptych
