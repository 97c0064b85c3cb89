// Rolling statistics of the DSL, made of sums over blocks.
#include "frontend/Rolling.h"

#include <diptych/Composites.h>
#include <diptych/Factories.h>

#include <cmath>
#include <limits>

namespace diptych {

using detail::Blocks;
using detail::isThere;
using detail::located;
using detail::Moments;
using detail::safeSqrt;
using detail::Series;
using detail::tensorOf;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// numerator / denominator where the latter is not 0, else NaN: no infinity meets a cotangent of 0.
Tensor quotient(const Tensor& numerator, const Tensor& denominator) {
  const Tensor isZero = denominator == 0;
  return where(isZero, kNaN, numerator / where(isZero, 1, denominator));
}

Blocks blocksOf(const Series& series) { return {series.x.shape(), series.axis, series.window}; }

// A product of deviations divided by the number of elements less the correction.
Tensor unbiased(const Series& series, const Tensor& count, const Tensor& product,
                const RollingOptions& options) {
  const Tensor divisor = maximum(count - options.correction, 0);
  return series.enough(count, quotient(product, divisor), options.correction + 1);
}

} // namespace

//===-- One series ---------------------------------------------------------------------------===//

Tensor rolling_count(const Arg& x, int64_t window, int64_t axis) {
  return located(x.where(), [&] {
    const Series series("rolling_count", x, window, axis, {.min_periods = 0});
    return series.counts().astype(series.dtype);
  });
}

Tensor rolling_sum(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_sum", x, window, axis, options);
    const Blocks blocks = blocksOf(series);
    const auto [count, total] = blocks.sums(series.x);
    return blocks.joined(series.enough(count, total));
  });
}

Tensor rolling_mean(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_mean", x, window, axis, options);
    const Blocks blocks = blocksOf(series);
    const auto [count, total] = blocks.sums(series.x);
    return blocks.joined(series.enough(count, total / maximum(count, 1), 1));
  });
}

static Tensor variance(const char* op, const Arg& x, int64_t window, int64_t axis,
                       const RollingOptions& options, bool root) {
  return located(x.where(), [&] {
    const Series series(op, x, window, axis, options);
    const Blocks blocks = blocksOf(series);
    const Moments moments(blocks, {series.x});
    const Tensor squares = root ? moments.product(0, 0) : moments.squares(0);
    const Tensor result = unbiased(series, moments.count(), squares, options);
    return blocks.joined(root ? safeSqrt(result) : result);
  });
}

Tensor rolling_var(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return variance("rolling_var", x, window, axis, options, false);
}
Tensor rolling_std(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return variance("rolling_std", x, window, axis, options, true);
}

//===-- Two series ---------------------------------------------------------------------------===//

namespace {
// Both broadcast to one shape.
struct Pair {
  Pair(const char* op, const Arg& a, const Arg& b, int64_t window, int64_t axis,
       const RollingOptions& options)
      : x(op, broadcast(op, a, a, b), window, axis, options),
        y(op, broadcast(op, b, a, b), window, axis, options), blocks(blocksOf(x)),
        moments(blocks, {x.x, y.x}) {}

  static Tensor broadcast(const char* op, const Arg& x, const Arg& a, const Arg& b) {
    const Arg* args[] = {&a, &b};
    const Shape shapes[] = {tensorOf(a).shape(), tensorOf(b).shape()};
    const Value value = emitted::convert(detail::valueOf(x), detail::commonDType(op, args));
    return detail::wrap(detail::broadcastTo(op, value, detail::commonShape(op, shapes)));
  }

  Series x, y;
  Blocks blocks;
  Moments moments;
};
} // namespace

Tensor rolling_cov(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                   RollingOptions options) {
  return located(x.where(), [&] {
    const Pair pair("rolling_cov", x, y, window, axis, options);
    const Moments& m = pair.moments;
    return pair.blocks.joined(unbiased(pair.x, m.count(), m.product(0, 1), options));
  });
}

Tensor rolling_corr(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                    RollingOptions options) {
  return located(x.where(), [&] {
    const Pair pair("rolling_corr", x, y, window, axis, options);
    const Moments& m = pair.moments;
    const Tensor squares[] = {m.product(0, 0), m.product(1, 1)};
    const Tensor varies = logical_and(squares[0] > 0, squares[1] > 0);
    const auto root = [&](const Tensor& x) { return sqrt(where(varies, x, 1)); };
    const Tensor scaled = m.product(0, 1) / (root(squares[0]) * root(squares[1]));
    return pair.blocks.joined(pair.x.enough(m.count(), where(varies, scaled, kNaN), 2));
  });
}

//===-- Against time -------------------------------------------------------------------------===//

namespace {
// Least squares of x on the positions along the axis.
struct Line {
  Line(const char* op, const Arg& arg, int64_t window, int64_t axis, const RollingOptions& options)
      : series(op, arg, window, axis, options), blocks(blocksOf(series)),
        moments(blocks, {series.x, positions()}) {}

  Tensor positions() const {
    const TensorType type{DType::f64, series.x.shape()};
    return detail::wrap(emitted::iota(type, series.axis));
  }
  Tensor slope() const { return quotient(moments.product(0, 1), moments.squares(1)); }
  Tensor joined(const Tensor& result) const {
    return blocks.joined(series.enough(moments.count(), result, 2));
  }

  Series series;
  Blocks blocks;
  Moments moments;
};
} // namespace

Tensor rolling_slope(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Line line("rolling_slope", x, window, axis, options);
    return line.joined(line.slope());
  });
}

Tensor rolling_residual(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Line line("rolling_residual", x, window, axis, options);
    const Moments& m = line.moments;
    const Tensor residual = m.deviation(0) - line.slope() * m.deviation(1);
    return line.joined(where(isThere(line.blocks.ends(line.series.x)), residual, kNaN));
  });
}

Tensor rolling_rsquare(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Line line("rolling_rsquare", x, window, axis, options);
    const Moments& m = line.moments;
    const Tensor joint = m.product(0, 1);
    return line.joined(quotient(joint * joint, m.squares(0) * m.squares(1)));
  });
}

//===-- Neighbours ---------------------------------------------------------------------------===//

Tensor shift(const Arg& arg, int64_t periods, int64_t given, std::optional<Scalar> fill) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t axis = detail::axisOf("shift", given, x.rank()), extent = x.shape(axis);
    if (!fill && !isFloat(x.dtype()))
      detail::misuse("shift", "a fill for " + x.type().str(), "none",
                     "integers have no NaN: say what comes in");
    const int64_t lost = std::min(std::abs(periods), extent);
    std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(x.rank()), {0, 0});
    widths[static_cast<size_t>(axis)] =
        periods > 0 ? std::pair{lost, int64_t{0}} : std::pair{int64_t{0}, lost};
    const Tensor kept =
        periods > 0 ? slice(x, axis, 0, extent - lost) : slice(x, axis, lost, extent);
    return pad(kept, widths, fill.value_or(Scalar(kNaN)));
  });
}

Tensor diff(const Arg& arg, int64_t periods, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    detail::requireFloat("diff", x.value());
    return x - shift(x, periods, axis);
  });
}

} // namespace diptych
