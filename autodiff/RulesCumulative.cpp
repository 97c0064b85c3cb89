// Derivatives of the cumulative operators: the same loops, run from the other end.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

// cot[i] + cot[i+1] + ...
TRANSPOSE(Cumsum) {
  const int64_t axis = attrs().axis;
  return {reverse(cumsum(reverse(cot(), {axis}), axis), {axis})};
}

// l[i] = cot[i] + a[i+1] l[i+1]: the recurrence from the end. Its first factor is not looked at.
static Value adjoint(const Value& a, const Value& cot, int64_t axis) {
  const Value factors = reverse(shifted(a, -1, axis), {axis});
  return reverse(linearRecurrence(factors, reverse(cot, {axis}), axis), {axis});
}

// v[i] y[i-1], and exactly 0 at the first place, whatever stands there.
static Value timesPrevious(const Value& v, const Value& y, int64_t axis) {
  const int64_t extent = y.shape()[axis];
  if (extent == 0)
    return y;
  const int rank = y.rank();
  Dims none(rank, 0), steps(rank, 1), second(rank, 0), last = y.shape();
  second[axis] = 1, last[axis] = extent - 1;
  const Value product = slice(v, second, y.shape(), steps) * slice(y, none, last, steps);
  return pad(product, second, none, none, Scalar(0));
}

// db = l, da[i] = l[i] y[i-1].
VJP(LinearRecurrence) {
  const int64_t axis = attrs().axis;
  const Value l = adjoint(x(), cot(), axis);
  return {[this, axis, l] { return timesPrevious(l, out(), axis); }, l};
}

// dy[i] = a[i] dy[i-1] + da[i] y[i-1] + db[i]
JVP(LinearRecurrence) {
  const int64_t axis = attrs().axis;
  Value pushed = tangent(1);
  if (tangent(0)) {
    const Value fromFactors = timesPrevious(tangent(0), out(), axis);
    pushed = pushed ? fromFactors + pushed : fromFactors;
  }
  return linearRecurrence(x(), pushed, axis);
}

} // namespace diptych::autodiff
