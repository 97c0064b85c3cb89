// Rolling statistics of the DSL, made of sums over blocks.
#include "frontend/Rolling.h"

#include <diptych/Composites.h>
#include <diptych/Factories.h>

#include <cmath>
#include <limits>

namespace diptych {

using detail::Blocks;
using detail::located;
using detail::Series;
using detail::tensorOf;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Over windows that have `needed` elements at least.
Tensor over(Fused statistic, std::initializer_list<const Series*> series, int64_t needed,
            std::optional<int> correction = {}) {
  const Series& first = **series.begin();
  std::vector<Tensor> tensors;
  for (const Series* each : series)
    tensors.push_back(each->x);
  std::vector<double> numbers{static_cast<double>(std::max(first.least, needed))};
  if (correction)
    numbers.push_back(*correction);
  const Blocks blocks(first.x.shape(), first.axis, first.window);
  return blocks.over(statistic, tensors, numbers).astype(first.dtype);
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
    return over(Fused::RollingSum, {&series}, 0);
  });
}

Tensor rolling_mean(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_mean", x, window, axis, options);
    return over(Fused::RollingMean, {&series}, 1);
  });
}

Tensor rolling_var(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_var", x, window, axis, options);
    return over(Fused::RollingVar, {&series}, options.correction + 1, options.correction);
  });
}

Tensor rolling_std(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_std", x, window, axis, options);
    return over(Fused::RollingStd, {&series}, options.correction + 1, options.correction);
  });
}

//===-- Two series ---------------------------------------------------------------------------===//

namespace {
// Both broadcast to one shape.
struct Pair {
  Pair(const char* op, const Arg& a, const Arg& b, int64_t window, int64_t axis,
       const RollingOptions& options)
      : x(op, broadcast(op, a, a, b), window, axis, options),
        y(op, broadcast(op, b, a, b), window, axis, options) {}

  static Tensor broadcast(const char* op, const Arg& x, const Arg& a, const Arg& b) {
    const Arg* args[] = {&a, &b};
    const Shape shapes[] = {tensorOf(a).shape(), tensorOf(b).shape()};
    const Value value = emitted::convert(detail::valueOf(x), detail::commonDType(op, args));
    return detail::wrap(detail::broadcastTo(op, value, detail::commonShape(op, shapes)));
  }

  Series x, y;
};
} // namespace

Tensor rolling_cov(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                   RollingOptions options) {
  return located(x.where(), [&] {
    const Pair pair("rolling_cov", x, y, window, axis, options);
    return over(Fused::RollingCov, {&pair.x, &pair.y}, options.correction + 1, options.correction);
  });
}

Tensor rolling_corr(const Arg& x, const Arg& y, int64_t window, int64_t axis,
                    RollingOptions options) {
  return located(x.where(), [&] {
    const Pair pair("rolling_corr", x, y, window, axis, options);
    return over(Fused::RollingCorr, {&pair.x, &pair.y}, 2);
  });
}

//===-- Against time -------------------------------------------------------------------------===//

// Least squares of x on the positions along the axis.
static Tensor line(const char* op, const Arg& x, int64_t window, int64_t axis,
                   const RollingOptions& options, Fused statistic) {
  return located(x.where(), [&] {
    const Series series(op, x, window, axis, options);
    Series positions = series;
    positions.x = detail::wrap(emitted::iota({DType::f64, series.x.shape()}, series.axis));
    return over(statistic, {&series, &positions}, 2);
  });
}

Tensor rolling_slope(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return line("rolling_slope", x, window, axis, options, Fused::RollingSlope);
}
Tensor rolling_residual(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return line("rolling_residual", x, window, axis, options, Fused::RollingResidual);
}
Tensor rolling_rsquare(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return line("rolling_rsquare", x, window, axis, options, Fused::RollingRsquare);
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
