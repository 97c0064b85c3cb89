// Derivatives of indexing. Gather and scatter_add are each other's transposes; scatter's is made of
// gather and scatter. All are linear in their float operands, and indices carry no derivative.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

TRANSPOSE(Gather) { return {scatterAdd(like(x(), 0.0), in(1), cot(), attrs().axis), Value()}; }

TRANSPOSE(ScatterAdd) {
  return {cot(), Value(), [this] { return gather(cot(), in(1), attrs().axis); }};
}

// Whether each update stays: it does if its place holds its own number after all numbers are
// scattered there.
static Value staying(const Value& indices, int64_t extent) {
  const int64_t count = indices.type().numel();
  const Value number = reshape(iota({DType::i64, {count}}, 0), indices.shape());
  const Value last =
      scatter(constant({DType::i64, {extent}}, Scalar(int64_t{-1})), indices, number, 0);
  return eq(gather(last, indices, 0), number);
}

// What replaced x takes its cotangent away.
TRANSPOSE(Scatter) {
  const int64_t axis = attrs().axis;
  return {[this, axis] { return scatter(cot(), in(1), like(in(2), 0.0), axis); }, Value(),
          [this, axis] {
            const Value taken = gather(cot(), in(1), axis);
            Dims axes;
            for (int i = 0; i < in(1).rank(); ++i)
              axes.push_back(axis + i);
            const Value stays = broadcast(staying(in(1), x().shape()[axis]), taken.shape(), axes);
            return where(stays, taken, like(taken, 0.0));
          }};
}

} // namespace diptych::autodiff
