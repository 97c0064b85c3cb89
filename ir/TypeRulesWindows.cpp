// Rules of the operators that slide something along axes: windows, their sum, convolution.
#include "ir/TypeRules.h"

namespace diptych::typerules {

namespace {

// c1: list lengths; c2: entries of at least 1, and below 2^24, so that no span overflows.
void checkSteps(const OpInfo& op, const Attrs& attrs, int count) {
  for (AttrField field : {AttrField::sizes, AttrField::strides, AttrField::dilations}) {
    if (!op.has(field))
      continue;
    const Dims& list = listOf(attrs, field);
    if (list.size() != count)
      fail(op, std::string(name(field)) + " of length " + std::to_string(count), list.str(),
           "give one entry for each axis");
    for (int64_t entry : list)
      if (entry < 1 || entry > (int64_t{1} << 24))
        fail(op, std::string(name(field)) + " from 1 to 2^24", list.str(), "check the sizes");
  }
}

void checkIncreasing(const OpInfo& op, const Dims& axes, int rank) {
  checkAxes(op, axes, rank);
  for (int i = 1; i < axes.size(); ++i)
    if (axes[i] <= axes[i - 1])
      fail(op, "increasing axes", axes.str(), "order them");
}

// Elements from the first to the last of a window.
int64_t spanOf(int64_t size, int64_t dilation) { return (size - 1) * dilation + 1; }

// c3: at least one window fits.
int64_t windowCount(const OpInfo& op, int64_t extent, int64_t size, int64_t stride,
                    int64_t dilation) {
  const int64_t span = spanOf(size, dilation);
  if (extent < span)
    fail(op,
         "at least " + std::to_string(span) + " elements for " + std::to_string(size) + ", " +
             std::to_string(dilation) + " apart",
         std::to_string(extent), "pad the operand, or take a smaller window");
  return (extent - span) / stride + 1;
}

// Whether so many windows end within the extent; divided, so that no product overflows.
bool windowsFit(int64_t extent, int64_t count, int64_t size, int64_t stride, int64_t dilation) {
  if (extent < 1 || count < 1 || size < 1 || size - 1 > (extent - 1) / dilation)
    return false;
  return count - 1 <= (extent - spanOf(size, dilation)) / stride;
}

} // namespace

TensorType windows(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkIncreasing(op, attrs.axes, x.rank());
  checkSteps(op, attrs, attrs.axes.size());
  if (x.rank() + attrs.axes.size() > kMaxRank)
    fail(op, "a result of rank " + std::to_string(kMaxRank) + " at most",
         std::to_string(x.rank() + attrs.axes.size()), "take the windows one axis at a time");
  TensorType result{x.dtype, {}};
  for (int i = 0, next = 0; i < x.rank(); ++i) {
    if (next == attrs.axes.size() || attrs.axes[next] != i) {
      result.shape.push_back(x.shape[i]);
      continue;
    }
    result.shape.push_back(
        windowCount(op, x.shape[i], attrs.sizes[next], attrs.strides[next], attrs.dilations[next]));
    result.shape.push_back(attrs.sizes[next++]);
  }
  return result;
}

TensorType overlapAdd(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkDType(op, x);
  checkExtents(op, attrs.shape);
  checkIncreasing(op, attrs.axes, attrs.shape.size());
  checkSteps(op, attrs, attrs.axes.size());
  bool fits = x.rank() == attrs.shape.size() + attrs.axes.size();
  for (int i = 0, from = 0; fits && i < attrs.shape.size(); ++i, ++from) {
    const int which = from - i;
    if (which == attrs.axes.size() || attrs.axes[which] != i) {
      fits = x.shape[from] == attrs.shape[i];
      continue;
    }
    fits = windowsFit(attrs.shape[i], x.shape[from], x.shape[from + 1], attrs.strides[which],
                      attrs.dilations[which]);
    ++from;
  }
  if (!fits)
    fail(op, "windows [o, k] that fit axes " + attrs.axes.str() + " of " + attrs.shape.str(),
         x.str(), "the result has the shape of what windows was taken of");
  return {x.dtype, attrs.shape};
}

// c4: ranks; c5: groups and channels agree.
TensorType convolution(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType &x = operands[0], &w = operands[1];
  checkDType(op, x);
  const auto refuse = [&](const char* expected, const char* remedy) {
    fail(op, expected, x.str() + " and " + w.str(), remedy);
  };
  if (x.dtype != w.dtype)
    refuse("operands of one dtype", "convert one with astype");
  const int spatial = x.rank() - 3;
  if (spatial < 1 || spatial > 3 || w.rank() != x.rank())
    refuse("[n, g, c, l...] and [g, o, c, k...] with one to three spatial axes", "reshape");
  if (x.shape[1] != w.shape[0])
    refuse("equal groups, x's axis 1 and w's axis 0", "split the channels into groups");
  if (x.shape[2] != w.shape[2])
    refuse("equal channels, axis 2", "a group of w takes the channels of a group of x");
  checkSteps(op, attrs, spatial);
  TensorType result{x.dtype, {x.shape[0], x.shape[1], w.shape[1]}};
  for (int i = 0; i < spatial; ++i) {
    const int64_t size = w.shape[3 + i];
    if (size < 1 || size > (int64_t{1} << 24))
      fail(op, "a kernel of at least one element along every axis", w.str(), "check the sizes");
    result.shape.push_back(
        windowCount(op, x.shape[3 + i], size, attrs.strides[i], attrs.dilations[i]));
  }
  return result;
}

} // namespace diptych::typerules
