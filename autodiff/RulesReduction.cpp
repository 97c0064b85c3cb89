// Derivatives of the reductions.
#include "autodiff/Rules.h"

#include <algorithm>

namespace diptych::autodiff {

using namespace emitted;

TRANSPOSE(Sum) { return {expand(cot(), x().shape(), attrs().axes)}; }

//===-- Prod: every element's partial is the product of all the others -----------------------===//

// Of [rows, n]: the product of the elements before each one, 1 before the first. Adding -0.0 leaves
// every product what it is; no division, so zeros are no special case, to any order.
static Value productBefore(const Value& x) {
  const Value place = iota({DType::i64, x.shape()}, 1);
  const Value isFirst = eq(place, like(place, Scalar(int64_t{0})));
  const Value start = where(isFirst, like(x, 1.0), like(x, -0.0));
  return linearRecurrence(shifted(x, 1, 1), start, 1);
}

static Value productOfOthers(const Value& x) {
  return productBefore(x) * reverse(productBefore(reverse(x, {1})), {1});
}

// Permutation that brings the reduced axes to the end.
static Dims reducedLast(int rank, const Dims& axes) {
  Dims permutation;
  for (int i = 0; i < rank; ++i)
    if (!axes.contains(i))
      permutation.push_back(i);
  for (int i = 0; i < rank; ++i)
    if (axes.contains(i))
      permutation.push_back(i);
  return permutation;
}

static Value permuted(const Value& x, const Dims& permutation) {
  return std::is_sorted(permutation.begin(), permutation.end()) ? x : transpose(x, permutation);
}

// The partials of prod(x, axes), in x's shape.
static Value prodPartials(const Value& x, const Dims& axes) {
  const Dims permutation = reducedLast(x.rank(), axes);
  Dims inverse = permutation;
  for (int i = 0; i < inverse.size(); ++i)
    inverse[permutation[i]] = i;
  const Value moved = permuted(x, permutation);
  int64_t rows = 1, count = 1;
  for (int i = 0; i < x.rank(); ++i)
    (axes.contains(i) ? count : rows) *= x.shape()[i];
  const Value others = productOfOthers(reshape(moved, {rows, count}));
  return permuted(reshape(others, moved.shape()), inverse);
}

VJP(Prod) {
  const Value partials = prodPartials(x(), attrs().axes);
  return {expand(cot(), x().shape(), attrs().axes) * partials};
}
JVP(Prod) { return sum(tangent(0) * prodPartials(x(), attrs().axes), attrs().axes); }

//===-- Max and Min: the elements that are the extremum share it equally ---------------------===//

// How many elements of each group have not lost; at least one.
static Value winners(const Value& lost, const Value& x, const Dims& axes) {
  return sum(where(lost, like(x, 0.0), like(x, 1.0)), axes);
}

static Value pullExtremum(const Value& lost, const Value& x, const Value& cot, const Dims& axes) {
  const Value share = expand(cot / winners(lost, x, axes), x.shape(), axes);
  return where(lost, like(x, 0.0), share);
}

static Value pushExtremum(const Value& lost, const Value& x, const Value& tangent,
                          const Dims& axes) {
  return sum(where(lost, like(tangent, 0.0), tangent), axes) / winners(lost, x, axes);
}

// NaN has lost to nobody, so a NaN result sends its cotangent to all.
static Value belowMaximum(const RuleContext& rule) {
  return lt(rule.x(), expand(rule.out(), rule.x().shape(), rule.attrs().axes));
}
static Value aboveMinimum(const RuleContext& rule) {
  return gt(rule.x(), expand(rule.out(), rule.x().shape(), rule.attrs().axes));
}

VJP(Max) { return {pullExtremum(belowMaximum(*this), x(), cot(), attrs().axes)}; }
JVP(Max) { return pushExtremum(belowMaximum(*this), x(), tangent(0), attrs().axes); }
VJP(Min) { return {pullExtremum(aboveMinimum(*this), x(), cot(), attrs().axes)}; }
JVP(Min) { return pushExtremum(aboveMinimum(*this), x(), tangent(0), attrs().axes); }

} // namespace diptych::autodiff
