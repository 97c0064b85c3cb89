// Batching rules of matmul, gather and scatter_add: the batch axis is folded into one of the
// operator's own wherever that gives one large operation instead of many small ones.
#include "autodiff/Batching.h"

#include <algorithm>

namespace diptych::autodiff::batching {

Value moveAxis(const Value& x, int64_t from, int64_t to) {
  if (from == to)
    return x;
  Dims permutation;
  for (int i = 0; i < x.rank(); ++i)
    permutation.push_back(i);
  permutation.erase(from);
  permutation.insert(to, from);
  return emitted::transpose(x, permutation);
}

Value merge(const Value& x, int64_t axis) {
  Shape shape = x.shape();
  shape[axis] *= shape[axis + 1];
  shape.erase(axis + 1);
  return emitted::reshape(x, shape);
}

Value split(const Value& x, int64_t axis, int64_t outer, int64_t inner) {
  Shape shape = x.shape();
  shape[axis] = inner;
  shape.insert(axis, outer);
  return emitted::reshape(x, shape);
}

Value matmul(const Context& c) {
  const Operand &x = c.operands[0], &y = c.operands[1];
  const bool matrices = c.rank(0) == 2;
  if (matrices && !y.batched) { // [B,m,k] x [k,n]: [B*m,k] x [k,n]
    const int64_t m = x.value.shape()[1];
    return split(emitted::matmul(merge(x.value, 0), y.value), 0, c.batch, m);
  }
  if (matrices && !x.batched) { // [m,k] x [B,k,n]: [m,k] x [k,B*n]
    const int64_t n = y.value.shape()[2];
    const Value columns = merge(moveAxis(y.value, 0, 1), 1);
    return moveAxis(split(emitted::matmul(x.value, columns), 1, c.batch, n), 1, 0);
  }
  return emitted::matmul(c.batched(0), c.batched(1));
}

// [B,...] indices of rows of a batch's own x, as rows of all x's stacked. An index out of range
// becomes -1: it must stay an error, not turn into a row of the next batch.
static Value stackedIndices(const Value& indices, int64_t batch, int64_t extent) {
  using namespace emitted;
  const Value own = convert(indices, DType::i64);
  const Value first = like(own, extent) * iota(own.type(), 0);
  const Value fits = logical_and(ge(own, like(own, 0)), lt(own, like(own, extent)));
  return where(fits, own + first, like(own, -1));
}

Value gather(const Context& c) {
  const Operand &x = c.operands[0], &indices = c.operands[1];
  const int64_t axis = c.attrs.axis;
  if (!indices.batched)
    return emitted::gather(x.value, indices.value, axis + 1);
  if (!x.batched) // x[:axis] + [B] + indices + x[axis+1:]
    return moveAxis(emitted::gather(x.value, indices.value, axis), axis, 0);
  const int64_t extent = x.value.shape()[axis + 1];
  const Value stacked = merge(moveAxis(x.value, 0, axis), axis);
  const Value rows = stackedIndices(indices.value, c.batch, extent);
  return moveAxis(emitted::gather(stacked, rows, axis), axis, 0);
}

Value scatterAdd(const Context& c) {
  const Operand& indices = c.operands[1];
  const Value x = c.batched(0), updates = c.batched(2);
  const int64_t axis = c.attrs.axis;
  if (!indices.batched)
    return emitted::scatterAdd(x, indices.value, updates, axis + 1);
  const int64_t extent = x.shape()[axis + 1];
  const Value stacked = merge(moveAxis(x, 0, axis), axis);
  const Value rows = stackedIndices(indices.value, c.batch, extent);
  const Value sums = emitted::scatterAdd(stacked, rows, moveAxis(updates, 0, axis), axis);
  return moveAxis(split(sums, axis, c.batch, extent), axis, 0);
}

} // namespace diptych::autodiff::batching
