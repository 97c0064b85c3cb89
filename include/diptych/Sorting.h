// Order along an axis: sorting, ranks, quantiles, distinct elements. NaN comes last in every order,
// ascending and descending. Values are differentiable, since they are elements of x; positions,
// ranks and counts are not. Negative axes count from the last. argsort stands in Ops.h.
#pragma once

#include <diptych/Ops.h>

#include <optional>

namespace diptych {

/// The elements in order; equal ones keep theirs.
Tensor sort(const Arg& x, int64_t axis = -1, bool descending = false);

struct Ordered {
  Tensor values, indices; ///< indices: i64 positions along the axis.
};
/// The k largest (or least) elements along an axis, the largest (least) first; of ties the first.
Ordered topk(const Arg& x, int64_t k, int64_t axis = -1, bool largest = true);

/// Which rank ties get: the mean, the least or the largest of theirs; the same with no gaps behind
/// it; or each its own, in the order of the axis.
enum class Ties { average, min, max, dense, first };
struct RankOptions {
  Ties ties = Ties::average;
  bool ascending = true; ///< The least element has rank 1.
  bool pct = false;      ///< Divided by the number of elements that are there (of dense ranks).
};
/// Ranks from 1 along an axis, as in pandas: NaN keeps NaN and does not count. In x's dtype; f64
/// for integers.
Tensor rank(const Arg& x, int64_t axis, RankOptions options = {});

enum class Side { left, right };
/// i64: how many elements of a row of `sorted` [..., n] (ascending, NaN last) are less (left: <,
/// right: <=) than each of the row's values [..., m]: where it would be put in. A vector `sorted`
/// serves values of any shape; otherwise the leading axes are equal.
Tensor searchsorted(const Tensor& sorted, const Arg& values, Side side = Side::left);

/// The element in the place q (n - 1) of the order, 0 <= q <= 1, between two elements the straight
/// line; NaN if any element is. Over one axis, or over all elements. Any float.
Tensor quantile(const Arg& x, double q);
Tensor quantile(const Arg& x, double q, int64_t axis, bool keepdim = false);
Tensor median(const Arg& x);
Tensor median(const Arg& x, int64_t axis, bool keepdim = false);
/// The same of the elements that are there; NaN where none is.
Tensor nanquantile(const Arg& x, double q);
Tensor nanquantile(const Arg& x, double q, int64_t axis, bool keepdim = false);
Tensor nanmedian(const Arg& x);
Tensor nanmedian(const Arg& x, int64_t axis, bool keepdim = false);

/// i64: how many different elements there are along an axis; all NaN are one.
Tensor count_unique(const Arg& x, int64_t axis, bool keepdim = false);

struct Unique {
  Tensor values;  ///< In ascending order.
  Tensor counts;  ///< i64: how often each occurs.
  Tensor inverse; ///< i64, of x's shape: take(values, inverse) is x.
};
/// The different elements of all of x; all NaN are one. How many there are is only known when it
/// has run, so in a trace (jit, vmap) it throws Error: say the size.
Unique unique(const Arg& x);
/// The first `size` of them. Where there are fewer, values are filled up with `fill` and counts
/// with 0; where there are more, the others are left out, and their inverse is `size`. Works in a
/// trace.
Unique unique(const Arg& x, int64_t size, Scalar fill = 0);

//===-- Writing ------------------------------------------------------------------------------===//

/// x with the rows along an axis that indices (i32 or i64, any shape) choose replaced: `updates`
/// has the shape take(x, indices, axis) has, or broadcasts to it. Of several updates to one place
/// the last in row-major order stays. Error for an index outside 0 <= i < extent.
Tensor scatter(const Arg& x, const Tensor& indices, const Arg& updates, int64_t axis = 0);
/// result[..,indices[..,i,..],..] = updates[..,i,..]: the counterpart of take_along_axis. Updates
/// broadcast to the indices' shape. Of several to one place the last in row-major order stays.
Tensor scatter_along_axis(const Arg& x, const Tensor& indices, const Arg& updates, int64_t axis);
/// The same, adding (PyTorch's scatter_add).
Tensor scatter_add_along_axis(const Arg& x, const Tensor& indices, const Arg& updates,
                              int64_t axis);

} // namespace diptych
