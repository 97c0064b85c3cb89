// Cumulative operators of the DSL: direction and what is exclusive in terms of movement, products,
// extrema and averages in terms of the recurrence and of indices.
#include <diptych/Cumulative.h>

#include "frontend/Ops.h"

#include <diptych/Composites.h>
#include <diptych/Factories.h>

#include <cmath>
#include <limits>

namespace diptych {

using detail::located;
using detail::misuse;
using detail::tensorOf;
using detail::valueOf;
using detail::wrap;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// An operand with the axis counted from 0; turned round where the scan is.
struct Operand {
  Operand(const char* op, const Arg& arg, int64_t given, bool reverse)
      : reverse(reverse), x(tensorOf(arg)), axis(detail::axisOf(op, given, x.rank())) {
    x = turned(x);
  }
  Tensor turned(const Tensor& y) const { return reverse ? flip(y, axis) : y; }

  bool reverse;
  Tensor x;
  int64_t axis;
};

// Moved one place up the axis; `number` comes in.
Tensor delayed(const Tensor& x, int64_t axis, Scalar number) {
  const int64_t extent = x.shape(axis);
  if (extent == 0)
    return x;
  std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(x.rank()), {0, 0});
  widths[static_cast<size_t>(axis)] = {1, 0};
  return pad(slice(x, axis, 0, extent - 1), widths, number);
}

Tensor isFirst(const Tensor& x, int64_t axis) {
  const Value index = emitted::iota({DType::i64, x.shape()}, axis);
  return wrap(emitted::eq(index, emitted::like(index, Scalar(int64_t{0}))));
}

Tensor recurrence(const Tensor& a, const Tensor& b, int64_t axis) {
  return wrap(emitted::linearRecurrence(a.value(), b.value(), axis));
}

// Adding -0.0 leaves every product what it is, the sign of a zero included.
Tensor products(const Tensor& x, int64_t axis) {
  const Tensor nothing = isFloat(x.dtype()) ? full_like(x, Scalar(-0.0)) : zeros_like(x);
  return recurrence(x, where(isFirst(x, axis), x, nothing), axis);
}

} // namespace

Tensor cumsum(const Arg& arg, int64_t axis, Scan scan) {
  return located(arg.where(), [&] {
    const Operand o("cumsum", arg, axis, scan.reverse);
    const Tensor sums = wrap(emitted::cumsum(o.x.value(), o.axis));
    return o.turned(scan.exclusive ? delayed(sums, o.axis, Scalar(0)) : sums);
  });
}

Tensor cumprod(const Arg& arg, int64_t axis, Scan scan) {
  return located(arg.where(), [&] {
    const Operand o("cumprod", arg, axis, scan.reverse);
    const Tensor result = products(o.x, o.axis);
    return o.turned(scan.exclusive ? delayed(result, o.axis, Scalar(1)) : result);
  });
}

//===-- Extrema ------------------------------------------------------------------------------===//

static Tensor positions(OpCode code, const Operand& o) {
  Attrs attrs;
  attrs.axis = o.axis;
  return wrap(emitted::emit(code, {o.x.value()}, attrs));
}

static Tensor extremum(OpCode code, const char* name, const Arg& arg, int64_t axis, bool reverse) {
  return located(arg.where(), [&] {
    const Operand o(name, arg, axis, reverse);
    return o.turned(take_along_axis(o.x, positions(code, o), o.axis));
  });
}

static Tensor positionOf(OpCode code, const Arg& arg, int64_t axis, bool reverse) {
  return located(arg.where(), [&] {
    const Operand o(info(code).name, arg, axis, reverse);
    const Tensor found = o.turned(positions(code, o));
    return reverse ? o.x.shape(o.axis) - 1 - found : found;
  });
}

Tensor cummax(const Arg& x, int64_t axis, bool reverse) {
  return extremum(OpCode::Argcummax, "cummax", x, axis, reverse);
}
Tensor cummin(const Arg& x, int64_t axis, bool reverse) {
  return extremum(OpCode::Argcummin, "cummin", x, axis, reverse);
}
Tensor argcummax(const Arg& x, int64_t axis, bool reverse) {
  return positionOf(OpCode::Argcummax, x, axis, reverse);
}
Tensor argcummin(const Arg& x, int64_t axis, bool reverse) {
  return positionOf(OpCode::Argcummin, x, axis, reverse);
}

// With m the maximum so far, s[i] = sum of exp(x - m[i]) obeys s[i] = exp(m[i-1] - m[i]) s[i-1] +
// exp(x[i] - m[i]). Any m gives the same result, so its derivative is left out. What is infinite is
// not subtracted, and a sum of 0 has no log: as in logsumexp.
Tensor logcumsumexp(const Arg& arg, int64_t axis, bool reverse) {
  return located(arg.where(), [&] {
    const Operand o("logcumsumexp", arg, axis, reverse);
    detail::requireFloat("logcumsumexp", o.x.value());
    const Tensor largest =
        stop_gradient(take_along_axis(o.x, positions(OpCode::Argcummax, o), o.axis));
    const Tensor shift = where(isfinite(largest), largest, 0);
    const Tensor factors = exp(delayed(largest, o.axis, Scalar(0)) - shift);
    const Tensor total = recurrence(factors, exp(o.x - shift), o.axis);
    const Tensor isZero = total == 0;
    return o.turned(where(isZero, -kInfinity, log(where(isZero, 1, total)) + shift));
  });
}

//===-- Recurrences --------------------------------------------------------------------------===//

Tensor linear_recurrence(const Arg& a, const Arg& b, int64_t axis, bool reverse) {
  return located(a.where(), [&] {
    const Arg* args[] = {&a, &b};
    const DType dtype = detail::commonDType("linear_recurrence", args);
    Value factors = emitted::convert(valueOf(a), dtype),
          terms = emitted::convert(valueOf(b), dtype);
    const Shape shapes[] = {factors.shape(), terms.shape()};
    const Shape shape = detail::commonShape("linear_recurrence", shapes);
    factors = detail::broadcastTo("linear_recurrence", factors, shape);
    terms = detail::broadcastTo("linear_recurrence", terms, shape);
    const int64_t counted = detail::axisOf("linear_recurrence", axis, shape.size());
    const auto turned = [&](const Value& x) {
      return reverse ? emitted::reverse(x, {counted}) : x;
    };
    return wrap(turned(emitted::linearRecurrence(turned(factors), turned(terms), counted)));
  });
}

Tensor discounted_sum(const Arg& x, const Arg& discount, int64_t axis) {
  return located(x.where(), [&] { return linear_recurrence(discount, x, axis, true); });
}

//===-- Exponential averages -----------------------------------------------------------------===//

static void require(bool fits, const char* expected, double got, const SourceLocation& where) {
  located(where, [&] {
    if (!fits)
      misuse("Decay", expected, std::to_string(got), "check the unit: alpha, span, com, halflife");
  });
}

Decay Decay::alpha(double alpha, SourceLocation where) {
  require(alpha > 0 && alpha <= 1, "0 < alpha <= 1", alpha, where);
  return Decay(alpha);
}
Decay Decay::span(double span, SourceLocation where) {
  require(span >= 1, "span >= 1", span, where);
  return Decay(2 / (span + 1));
}
Decay Decay::com(double com, SourceLocation where) {
  require(com >= 0, "com >= 0", com, where);
  return Decay(1 / (1 + com));
}
Decay Decay::halflife(double halflife, SourceLocation where) {
  require(halflife > 0, "halflife > 0", halflife, where);
  return Decay(-std::expm1(-std::log(2.0) / halflife));
}

// The share of the newest element in the average; 0 where it is missing. No weight can underflow
// into a wrong average: where none are left, the share is 1.
static Tensor shareOfNewest(const Tensor& present, const Tensor& number, double alpha,
                            const EwmOptions& options, int64_t axis) {
  const double keep = 1 - alpha;
  const double missing = options.ignore_na ? 1 : keep; // what weights shrink by over a gap
  if (options.adjust) {
    const Tensor weights =
        recurrence(where(present, keep, full_like(number, missing)), number, axis);
    return where(present, 1 / where(present, weights, 1), 0);
  }
  // The weight of the average starts anew, as 1, at every element that is there.
  const Tensor weight = recurrence(where(present, 0, full_like(number, missing)), number, axis);
  return where(present, alpha / (keep * delayed(weight, axis, Scalar(0)) + alpha), 0);
}

Tensor ewm_mean(const Arg& arg, Decay decay, int64_t given, EwmOptions options) {
  return located(arg.where(), [&] {
    const Operand o("ewm_mean", arg, given, false);
    detail::requireFloat("ewm_mean", o.x.value());
    const Tensor present = o.x == o.x;
    const Tensor number = present.astype(o.x.dtype());
    const Tensor share = shareOfNewest(present, number, decay.alpha(), options, o.axis);
    const Tensor average = recurrence(1 - share, share * where(present, o.x, 0), o.axis);
    const Tensor count = cumsum(present.astype(DType::i64), o.axis);
    const int64_t least = std::max<int64_t>(1, options.min_periods);
    return where(count >= least, average, std::numeric_limits<double>::quiet_NaN());
  });
}

} // namespace diptych
