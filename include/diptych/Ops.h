// Operators as functions of tensors. The pointwise ones are generated from the operator table;
// operands broadcast as in NumPy and must have one dtype. Errors carry the caller's line.
#pragma once

#include <diptych/Tensor.h>

namespace diptych {

#include <diptych/Ops.h.inc>

//===-- Operators of C++ ---------------------------------------------------------------------===//

inline Tensor operator+(const Arg& x, const Arg& y) { return add(x, y); }
inline Tensor operator-(const Arg& x, const Arg& y) { return sub(x, y); }
inline Tensor operator*(const Arg& x, const Arg& y) { return mul(x, y); }
/// Floats only: convert integers with astype first.
inline Tensor operator/(const Arg& x, const Arg& y) { return div(x, y); }
inline Tensor operator-(const Arg& x) { return neg(x); }
/// Comparisons are elementwise and give booleans, == included: to ask whether two tensors are one
/// and the same, compare x.value() == y.value(); to compare all elements, use allclose.
inline Tensor operator==(const Arg& x, const Arg& y) { return eq(x, y); }
inline Tensor operator!=(const Arg& x, const Arg& y) { return ne(x, y); }
inline Tensor operator<(const Arg& x, const Arg& y) { return lt(x, y); }
inline Tensor operator<=(const Arg& x, const Arg& y) { return le(x, y); }
inline Tensor operator>(const Arg& x, const Arg& y) { return gt(x, y); }
inline Tensor operator>=(const Arg& x, const Arg& y) { return ge(x, y); }
/// x += y makes x stand for the new tensor x + y; whoever shared the old one still has it.
inline Tensor& operator+=(Tensor& x, const Arg& y) { return x = add({x, y.where()}, y); }
inline Tensor& operator-=(Tensor& x, const Arg& y) { return x = sub({x, y.where()}, y); }
inline Tensor& operator*=(Tensor& x, const Arg& y) { return x = mul({x, y.where()}, y); }
inline Tensor& operator/=(Tensor& x, const Arg& y) { return x = div({x, y.where()}, y); }

//===-- Shape --------------------------------------------------------------------------------===//

/// The same elements in row-major order under another shape; one extent may be -1 and is found.
Tensor reshape(const Arg& x, const Shape& shape);
/// All elements along one axis.
Tensor flatten(const Arg& x);
/// Swaps the last two axes. Error below rank 2.
Tensor transpose(const Arg& x);
/// Output axis i is input axis permutation[i]. Error unless every axis is named once.
Tensor transpose(const Arg& x, const Dims& permutation);
Tensor permute(const Arg& x, const Dims& permutation);
/// Swaps two axes.
Tensor transpose(const Arg& x, int64_t axis1, int64_t axis2);
/// Repeats x to `shape` by NumPy's rule: shapes align at the right, an extent of 1 or a missing
/// axis repeats. Error where an extent is neither 1 nor the one asked for.
Tensor broadcast_to(const Arg& x, const Shape& shape);
/// broadcast_to, where -1 keeps an extent.
Tensor expand(const Arg& x, const Shape& shape);
/// Drops the given axes, which have extent 1 (else Error); all such axes where none is given.
Tensor squeeze(const Arg& x, const Axes& axes = {});
/// Adds an axis of extent 1, which becomes axis `axis` of the result.
Tensor unsqueeze(const Arg& x, int64_t axis);

/// Elements begin, begin + step, ... before end along an axis; begin and end may be negative, which
/// counts from the end of the axis; step is at least 1 (turn round with flip). Unlike NumPy, a
/// range that leaves the axis is an Error.
Tensor slice(const Arg& x, int64_t axis, int64_t begin, int64_t end, int64_t step = 1);
/// From begin to the end of the axis.
Tensor slice(const Arg& x, int64_t axis, int64_t begin);
/// One position along an axis, which is dropped; negative counts from the end.
Tensor select(const Arg& x, int64_t axis, int64_t index);
/// {before, after} for each axis: so many elements of `value` are added.
Tensor pad(const Arg& x, const std::vector<std::pair<int64_t, int64_t>>& widths, Scalar value = 0);
/// Turns the order of elements round along the axes.
Tensor flip(const Arg& x, const Axes& axes = {});
Tensor reverse(const Arg& x, const Axes& axes = {});

/// One after the other along an axis; all other extents and the dtype are equal.
Tensor concatenate(const std::vector<Tensor>& tensors, int64_t axis = 0,
                   SourceLocation where = std::source_location::current());
Tensor cat(const std::vector<Tensor>& tensors, int64_t axis = 0,
           SourceLocation where = std::source_location::current());
/// Along a new axis, which becomes axis `axis` of the result; all shapes are equal.
Tensor stack(const std::vector<Tensor>& tensors, int64_t axis = 0,
             SourceLocation where = std::source_location::current());

//===-- Reductions ---------------------------------------------------------------------------===//
// Over the given axes, or over all where none is given. keepdim leaves them with extent 1.

/// 0 for no elements. Numbers only: count booleans with astype(i64) first.
Tensor sum(const Arg& x, const Axes& axes = {}, bool keepdim = false);
/// 1 for no elements.
Tensor prod(const Arg& x, const Axes& axes = {}, bool keepdim = false);
/// NaN if any element is; Error for no elements. Tied elements share the derivative equally.
Tensor max(const Arg& x, const Axes& axes = {}, bool keepdim = false);
Tensor min(const Arg& x, const Axes& axes = {}, bool keepdim = false);
/// i64 position of the first largest element in row-major order; the first NaN wins.
Tensor argmax(const Arg& x);
/// i64 position along one axis.
Tensor argmax(const Arg& x, int64_t axis, bool keepdim = false);
Tensor argmin(const Arg& x);
Tensor argmin(const Arg& x, int64_t axis, bool keepdim = false);
/// i64 positions along an axis in the order of its elements: take_along_axis(x, argsort(x), -1) is
/// sorted. Stable in both directions; NaN comes last in both. Numbers only.
Tensor argsort(const Arg& x, int64_t axis = -1, bool descending = false);

//===-- Contraction and indexing -------------------------------------------------------------===//

/// Matrix product with PyTorch's cases: [k] x [k] -> [], [m,k] x [k] -> [m], [k] x [k,n] -> [n],
/// [...,m,k] x [...,k,n] -> [...,m,n] with batch axes that broadcast. Floats of one dtype.
Tensor matmul(const Arg& x, const Arg& y);

/// Rows along an axis chosen by indices (i32 or i64) of any shape; the result's shape is
/// x.shape[:axis] + indices.shape + x.shape[axis+1:]. Error for an index outside 0 <= i < extent.
/// (NumPy's take. PyTorch's gather is take_along_axis.)
Tensor take(const Arg& x, const Tensor& indices, int64_t axis = 0);
Tensor gather(const Arg& x, const Tensor& indices, int64_t axis = 0);
Tensor index_select(const Arg& x, int64_t axis, const Tensor& indices);
/// result[..,i,..] = x[..,indices[..,i,..],..] along the axis; other extents are equal.
Tensor take_along_axis(const Arg& x, const Tensor& indices, int64_t axis);
/// x with updates added to the rows that indices choose: the transpose of take, whose result shape
/// `updates` has. Updates to one place are added in their row-major order.
Tensor scatter_add(const Arg& x, const Tensor& indices, const Tensor& updates, int64_t axis = 0);

} // namespace diptych
