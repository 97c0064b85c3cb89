// Windows that roll along an axis, by pandas' definitions: the window of element t is itself and
// the size - 1 elements before it, shorter at the start of the axis; NaN counts as missing; where
// fewer than min_periods elements are there, the result is NaN. A window larger than the axis takes
// all there is. Negative axes count from the last. Any float; statistics are computed in f64.
//
// Neighbouring windows share their work, and nothing is ever taken out of a sum: the axis is cut
// into blocks of the window's size, and a window is the end of one block and the beginning of the
// next, each a sum in order (from the cut outwards), the end added first. Squares and products are
// taken about an element of the window (the first behind the cut), so a large mean costs no digits:
// a variance of n elements is wrong by n roundings of it, roughly.
#pragma once

#include <diptych/Ops.h>

#include <optional>

namespace diptych {

struct RollingOptions {
  /// Elements that must be there; the window's size where nothing is said, as in pandas.
  std::optional<int64_t> min_periods = {};
  /// Variances and covariances are divided by the number of elements less this.
  int correction = 1;
  bool pct = false; ///< Ranks are divided by the number of elements that are there.
};

/// How many elements are there (not NaN): never NaN itself.
Tensor rolling_count(const Arg& x, int64_t window, int64_t axis);
Tensor rolling_sum(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
Tensor rolling_mean(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// NaN where no more elements are there than the correction.
Tensor rolling_var(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// sqrt of rolling_var; where the variance is 0, its derivatives are 0.
Tensor rolling_std(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});

/// Over the elements where neither x nor y is NaN. One shape and dtype, or broadcast.
Tensor rolling_cov(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                   RollingOptions options = {});
/// Pearson's; NaN for fewer than 2 elements and where either side is constant.
Tensor rolling_corr(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                    RollingOptions options = {});

/// Least squares of the elements that are there on their positions: units of x a step. NaN for
/// fewer than 2 elements.
Tensor rolling_slope(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// What the line leaves of the newest element: x[t] less the line at t.
Tensor rolling_residual(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// Squared correlation with the positions; NaN for fewer than 2 elements and for a constant.
Tensor rolling_rsquare(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});

/// Derivatives belong to the oldest of ties.
Tensor rolling_max(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
Tensor rolling_min(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// i64 positions along the axis of what rolling_max and rolling_min give, the oldest of ties; t
/// itself where the window has no element.
Tensor rolling_argmax(const Arg& x, int64_t window, int64_t axis);
Tensor rolling_argmin(const Arg& x, int64_t window, int64_t axis);
/// Rank of the newest element in its window, from 1, ties sharing their mean; NaN where it is
/// missing.
Tensor rolling_rank(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});
/// The element in the place q (n - 1) of the window's order, between two elements the straight
/// line.
Tensor rolling_quantile(const Arg& x, double q, int64_t window, int64_t axis,
                        RollingOptions options = {});
Tensor rolling_median(const Arg& x, int64_t window, int64_t axis, RollingOptions options = {});

/// x[t - periods] at t; negative periods look ahead. `fill` where there is no such element.
Tensor shift(const Arg& x, int64_t periods, int64_t axis, std::optional<Scalar> fill = {});
/// x[t] - x[t - periods]; NaN where there is no such element.
Tensor diff(const Arg& x, int64_t periods, int64_t axis);

} // namespace diptych
