// Transposes of the operators that move elements: what went out comes back, and is added up where
// one element went to many places.
#include "autodiff/Rules.h"
#include "ir/Steps.h"

namespace diptych::autodiff {

using namespace emitted;

// Every output axis that no input axis became.
TRANSPOSE(Broadcast) {
  Dims added;
  for (int i = 0; i < out().rank(); ++i)
    if (!attrs().axes.contains(i))
      added.push_back(i);
  return {sum(cot(), added)};
}

TRANSPOSE(Reshape) { return {reshape(cot(), x().shape())}; }

TRANSPOSE(Transpose) {
  Dims inverse = attrs().axes;
  for (int i = 0; i < inverse.size(); ++i)
    inverse[attrs().axes[i]] = i;
  return {transpose(cot(), inverse)};
}

// Zeros before start, between the strides, and after the last element taken.
TRANSPOSE(Slice) {
  const int rank = x().rank();
  Dims high(rank, 0), interior(rank, 0);
  for (int i = 0; i < rank; ++i) {
    const int64_t taken = out().shape()[i];
    const int64_t stride = stepWithin(attrs().strides[i], x().shape()[i]);
    interior[i] = stride - 1;
    high[i] = x().shape()[i] - attrs().starts[i] - (taken ? (taken - 1) * stride + 1 : 0);
  }
  return {pad(cot(), attrs().starts, high, interior, 0.0)};
}

TRANSPOSE(Pad) {
  const int rank = x().rank();
  Dims limits(rank, 0), strides(rank, 0);
  for (int i = 0; i < rank; ++i) {
    limits[i] = out().shape()[i] - attrs().high[i];
    strides[i] = stepWithin(attrs().interior[i], out().shape()[i]) + 1;
  }
  return {slice(cot(), attrs().low, limits, strides)};
}

TRANSPOSE(Reverse) { return {reverse(cot(), attrs().axes)}; }

// The piece of the cotangent that [begin, begin + extent) along the axis is.
static Value pieceAlong(const Value& cotangent, int64_t axis, int64_t begin, int64_t extent) {
  Dims starts(cotangent.rank(), 0), limits = cotangent.shape();
  starts[axis] = begin;
  limits[axis] = begin + extent;
  return slice(cotangent, starts, limits, Dims(cotangent.rank(), 1));
}

TRANSPOSE(Concatenate) {
  std::vector<Lazy<Value>> pieces;
  int64_t begin = 0;
  for (size_t i = 0; i < operandCount(); ++i) {
    const int64_t extent = in(i).shape()[attrs().axis];
    pieces.emplace_back(
        [this, begin, extent] { return pieceAlong(cot(), attrs().axis, begin, extent); });
    begin += extent;
  }
  return pieces;
}

} // namespace diptych::autodiff
