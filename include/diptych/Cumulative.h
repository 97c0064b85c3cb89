// Sums, products, extrema and averages so far, along one axis; linear recurrences. Elements are
// taken in the order of the axis (from its end where `reverse` is set): results do not depend on
// threads or vectors, and f32 is carried in f64. A negative axis counts from the last.
#pragma once

#include <diptych/Ops.h>

namespace diptych {

/// As in cumsum(x, 0, {.reverse = true}).
struct Scan {
  bool reverse = false;   ///< From the end of the axis.
  bool exclusive = false; ///< Element i takes those before it, not itself.
};

/// x[0] + ... + x[i]. Numbers; integers wrap.
Tensor cumsum(const Arg& x, int64_t axis, Scan scan = {});
/// x[0] * ... * x[i]. Derivatives are right at zeros, to every order.
Tensor cumprod(const Arg& x, int64_t axis, Scan scan = {});
/// The largest, the least so far; NaN from the first NaN on. The derivative belongs to the first of
/// ties (in the order of the scan).
Tensor cummax(const Arg& x, int64_t axis, bool reverse = false);
Tensor cummin(const Arg& x, int64_t axis, bool reverse = false);
/// i64 positions along the axis of what cummax and cummin give.
Tensor argcummax(const Arg& x, int64_t axis, bool reverse = false);
Tensor argcummin(const Arg& x, int64_t axis, bool reverse = false);
/// log(exp(x[0]) + ... + exp(x[i])) without overflow; -infinity, with derivative 0, as long as
/// every element is -infinity. Any float.
Tensor logcumsumexp(const Arg& x, int64_t axis, bool reverse = false);

/// y[i] = a[i] y[i-1] + b[i] with y[-1] = 0: each step is one fma. a and b broadcast; the first a
/// is not looked at. `reverse`: y[i] = a[i] y[i+1] + b[i]. Derivatives are linear recurrences too.
Tensor linear_recurrence(const Arg& a, const Arg& b, int64_t axis, bool reverse = false);
/// x[i] + d x[i+1] + d^2 x[i+2] + ...: returns of rewards. The discount may be a tensor.
Tensor discounted_sum(const Arg& x, const Arg& discount, int64_t axis);

/// How fast an exponential average forgets, in one of the usual units.
class Decay {
public:
  /// Weight of the newest element, 0 < alpha <= 1.
  static Decay alpha(double alpha, SourceLocation where = std::source_location::current());
  /// alpha = 2 / (span + 1), span >= 1.
  static Decay span(double span, SourceLocation where = std::source_location::current());
  /// alpha = 1 / (1 + com), com >= 0.
  static Decay com(double com, SourceLocation where = std::source_location::current());
  /// Weights halve in so many steps, halflife > 0.
  static Decay halflife(double halflife, SourceLocation where = std::source_location::current());

  double alpha() const { return alpha_; }

private:
  explicit Decay(double alpha) : alpha_(alpha) {}
  double alpha_;
};

struct EwmOptions {
  /// Weights (1 - alpha)^k divided by their sum; else y[i] = (1 - alpha) y[i-1] + alpha x[i].
  bool adjust = true;
  bool ignore_na = false;  ///< Weights count elements that are there, not places.
  int64_t min_periods = 1; ///< NaN before so many elements are there.
};

/// Exponentially weighted average so far, by pandas' definitions: NaN counts as missing, and the
/// average stays what it is there. Any float.
Tensor ewm_mean(const Arg& x, Decay decay, int64_t axis, EwmOptions options = {});

} // namespace diptych
