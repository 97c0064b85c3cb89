// Rolling extrema, ranks and quantiles of the DSL: positions from operators, elements by gathers.
#include "frontend/Rolling.h"

#include <diptych/Composites.h>

namespace diptych {

using detail::elementsAt;
using detail::located;
using detail::misuse;
using detail::Series;
using detail::tensorOf;

namespace {

// Of a window that has nothing the result is NaN already.
Tensor enough(const Series& series, const Tensor& result) {
  return series.least > 1 ? series.enough(series.counts(), result) : result.astype(series.dtype);
}

// The order in f32 is that in f64; ranks are halves, exact in f32 up to this many elements.
constexpr int64_t kExact = int64_t{1} << 22;

Tensor rolled(OpCode code, const Arg& x, const Series& series, const Value* more = nullptr) {
  Attrs attrs;
  attrs.axis = series.axis;
  attrs.window = {series.window};
  const bool isNarrow = series.dtype == DType::f32 && series.window <= kExact;
  const Value operands[] = {isNarrow ? tensorOf(x).value() : series.x.value(),
                            more ? *more : Value()};
  return detail::wrap(currentEmitter().emit(code, ValueSpan(operands, more ? 2 : 1), attrs));
}

Tensor extremum(OpCode code, const char* op, const Arg& x, int64_t window, int64_t axis,
                const RollingOptions& options) {
  return located(x.where(), [&] {
    const Series series(op, x, window, axis, options);
    const Tensor result = elementsAt(series.x, rolled(code, x, series), series.axis);
    return enough(series, result);
  });
}

Tensor quantile(const char* op, const Arg& x, double q, int64_t window, int64_t axis,
                const RollingOptions& options) {
  return located(x.where(), [&] {
    const Series series(op, x, window, axis, options);
    if (!(q >= 0 && q <= 1))
      misuse(op, "0 <= q <= 1", std::to_string(q),
             "q is a share of the elements, not a percentage");
    const Tensor there = series.counts().astype(DType::f64);
    const Tensor place = q * maximum(there - 1, 0);
    const Tensor low = floor(place), weight = place - low;
    const Value both = stack({low.astype(DType::i64), ceil(place).astype(DType::i64)}, -1).value();
    const Tensor positions = rolled(OpCode::RollingArgselect, x, series, &both);
    const auto element = [&](int64_t side) {
      return elementsAt(series.x, select(positions, -1, side), series.axis);
    };
    // A whole place takes its element alone: no infinity meets a weight of 0.
    const Tensor first = element(0);
    const Tensor between = first * (1 - weight) + element(1) * weight;
    return series.enough(there, where(weight == 0, first, between), 1);
  });
}

Tensor position(OpCode code, const Arg& x, int64_t window, int64_t axis) {
  return located(x.where(), [&] {
    return rolled(code, x, Series(info(code).name, x, window, axis, {.min_periods = 0}));
  });
}

} // namespace

Tensor rolling_max(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return extremum(OpCode::RollingArgmax, "rolling_max", x, window, axis, options);
}
Tensor rolling_min(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return extremum(OpCode::RollingArgmin, "rolling_min", x, window, axis, options);
}
Tensor rolling_argmax(const Arg& x, int64_t window, int64_t axis) {
  return position(OpCode::RollingArgmax, x, window, axis);
}
Tensor rolling_argmin(const Arg& x, int64_t window, int64_t axis) {
  return position(OpCode::RollingArgmin, x, window, axis);
}

Tensor rolling_rank(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return located(x.where(), [&] {
    const Series series("rolling_rank", x, window, axis, options);
    const Tensor rank = rolled(OpCode::RollingRank, x, series).astype(DType::f64);
    if (!options.pct)
      return enough(series, rank);
    const Tensor there = series.counts().astype(DType::f64);
    return series.enough(there, rank / maximum(there, 1), 1);
  });
}

Tensor rolling_quantile(const Arg& x, double q, int64_t window, int64_t axis,
                        RollingOptions options) {
  return quantile("rolling_quantile", x, q, window, axis, options);
}
Tensor rolling_median(const Arg& x, int64_t window, int64_t axis, RollingOptions options) {
  return quantile("rolling_median", x, 0.5, window, axis, options);
}

} // namespace diptych
