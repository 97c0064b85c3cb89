// Derivatives of convolution, windows and their sum: each is one of the three again.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

namespace {

// Spatial axes begin here in x, w and the result.
constexpr int kSpatial = 3;

// Axes a and b change places.
Value swapped(const Value& x, int a, int b) {
  Dims permutation;
  for (int i = 0; i < x.rank(); ++i)
    permutation.push_back(i);
  std::swap(permutation[a], permutation[b]);
  return transpose(x, permutation);
}

// The elements along axes that some window covers.
Value covered(const Value& x, const Dims& axes, const Dims& extents) {
  Dims limits = x.shape();
  for (int i = 0; i < axes.size(); ++i)
    limits[axes[i]] = extents[i];
  return limits == x.shape() ? x : slice(x, Dims(x.rank(), 0), limits, Dims(x.rank(), 1));
}

int64_t extentOf(int64_t count, int64_t stride, int64_t size, int64_t dilation) {
  return (count - 1) * stride + (size - 1) * dilation + 1;
}

Dims spatialAxes(int rank) {
  Dims axes;
  for (int i = kSpatial; i < rank; ++i)
    axes.push_back(i);
  return axes;
}

// Full correlation of the cotangent, spread out by the strides, with the kernel turned round and
// its channels exchanged: [n,g,o,p] x [g,c,o,k].
Value pullToInput(const RuleContext& rule) {
  const int rank = rule.x().rank();
  const Attrs& attrs = rule.attrs();
  Dims low(rank, 0), high(rank, 0), interior(rank, 0);
  for (int i = kSpatial; i < rank; ++i) {
    const int64_t stride = attrs.strides[i - kSpatial], dilation = attrs.dilations[i - kSpatial];
    const int64_t size = rule.y().shape()[i], count = rule.out().shape()[i];
    low[i] = (size - 1) * dilation;
    // What no window reached has cotangent 0.
    high[i] = low[i] + rule.x().shape()[i] - extentOf(count, stride, size, dilation);
    interior[i] = stride - 1;
  }
  const Value turned = swapped(reverse(rule.y(), spatialAxes(rank)), 1, 2);
  return convolution(rule.cot(), {low, high, interior}, turned, Dims(rank - kSpatial, 1),
                     attrs.dilations);
}

// Correlation of x with the cotangent, the sum over n: [c,g,n,l] x [g,o,n,p] -> [c,g,o,k].
Value pullToKernel(const RuleContext& rule) {
  const int rank = rule.x().rank();
  const Attrs& attrs = rule.attrs();
  Dims extents;
  for (int i = kSpatial; i < rank; ++i)
    extents.push_back(extentOf(rule.out().shape()[i], attrs.strides[i - kSpatial],
                               rule.y().shape()[i], attrs.dilations[i - kSpatial]));
  const Value x = swapped(covered(rule.x(), spatialAxes(rank), extents), 0, 2);
  Dims fromCotangent{1, 2, 0}, toKernel{1, 2, 0};
  for (int64_t axis : spatialAxes(rank)) {
    fromCotangent.push_back(axis);
    toKernel.push_back(axis);
  }
  const Value cot = transpose(rule.cot(), fromCotangent);
  return transpose(convolution(x, cot, attrs.dilations, attrs.strides), toKernel);
}

} // namespace

TRANSPOSE(Convolution) {
  return {[this] { return pullToInput(*this); }, [this] { return pullToKernel(*this); }};
}

// Windows that stand side by side are a reshape of what they cover.
static bool standSideBySide(const Attrs& attrs) {
  for (int i = 0; i < attrs.axes.size(); ++i)
    if (attrs.strides[i] != attrs.sizes[i] || attrs.dilations[i] != 1)
      return false;
  return true;
}

TRANSPOSE(Windows) {
  if (standSideBySide(attrs())) {
    const Shape shape = x().shape();
    Shape covers = shape;
    Dims none(shape.size(), 0), rest = none;
    for (int i = 0; i < attrs().axes.size(); ++i) {
      const int64_t axis = attrs().axes[i];
      rest[axis] = shape[axis] % attrs().sizes[i];
      covers[axis] -= rest[axis];
    }
    return {pad(reshape(cot(), covers), none, rest, none, Scalar(0))};
  }
  return {overlapAdd(cot(), x().shape(), attrs().axes, attrs().strides, attrs().dilations)};
}

TRANSPOSE(OverlapAdd) {
  Dims sizes, extents;
  for (int i = 0; i < attrs().axes.size(); ++i) {
    const int64_t axis = attrs().axes[i] + i;
    const int64_t count = x().shape()[axis], size = x().shape()[axis + 1];
    sizes.push_back(size);
    extents.push_back(extentOf(count, attrs().strides[i], size, attrs().dilations[i]));
  }
  return {windows(covered(cot(), attrs().axes, extents), attrs().axes, sizes, attrs().strides,
                  attrs().dilations)};
}

} // namespace diptych::autodiff
