// Order along an axis, in terms of argsort, gathers and sums so far.
#include <diptych/Sorting.h>

#include "frontend/Ops.h"

#include <diptych/Composites.h>
#include <diptych/Cumulative.h>
#include <diptych/Factories.h>
#include <diptych/Movement.h>

#include <cmath>
#include <limits>

namespace diptych {

using detail::axisOf;
using detail::located;
using detail::misuse;
using detail::tensorOf;
using detail::wrap;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Tensor positionsLike(const Tensor& x, int64_t axis) {
  return wrap(emitted::iota({DType::i64, x.shape()}, axis));
}

/// A tensor in the order of one axis.
struct Order {
  Order(const Tensor& x, int64_t axis, bool descending)
      : axis(axis), positions(argsort(x, axis, descending)),
        values(take_along_axis(x, positions, axis)) {}

  /// Where two neighbours have different values; all NaN are one.
  Tensor changes() const {
    const int64_t n = values.shape(axis);
    const Tensor low = slice(values, axis, 0, std::max<int64_t>(0, n - 1));
    const Tensor high = slice(values, axis, std::min<int64_t>(1, n), n);
    return logical_not(logical_or(low == high, logical_and(low != low, high != high)));
  }
  /// Where the axis has a value other than the one before (after) it.
  Tensor begins() const { return begins(changes()); }
  Tensor begins(const Tensor& changes) const { return bordered(changes, 1, 0); }
  Tensor ends(const Tensor& changes) const { return bordered(changes, 0, 1); }

  int64_t axis;
  Tensor positions, values;

private:
  // True at the end of the axis that `before` or `after` names.
  Tensor bordered(const Tensor& changes, int64_t before, int64_t after) const {
    std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(values.rank()), {0, 0});
    widths[static_cast<size_t>(axis)] = {before, after};
    return values.shape(axis) == 0 ? values == values : pad(changes, widths, true);
  }
};

} // namespace

Tensor sort(const Arg& arg, int64_t axis, bool descending) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return Order(x, axisOf("sort", axis, x.rank()), descending).values;
  });
}

Ordered topk(const Arg& arg, int64_t k, int64_t given, bool largest) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t axis = axisOf("topk", given, x.rank());
    if (k < 0 || k > x.shape(axis))
      misuse("topk", "k from 0 to " + std::to_string(x.shape(axis)), std::to_string(k),
             "axis " + std::to_string(axis) + " of " + x.type().str() + " has no more elements");
    const Tensor indices = slice(argsort(x, axis, largest), axis, 0, k);
    return Ordered{take_along_axis(x, indices, axis), indices};
  });
}

//===-- Ranks --------------------------------------------------------------------------------===//

// In the order: the number of each place's group of ties, or of its own.
static Tensor rankInOrder(const Order& order, Ties ties) {
  const int64_t axis = order.axis;
  const Tensor place = positionsLike(order.values, axis) + 1;
  const auto held = [&](const Tensor& at, bool fromTheEnd) {
    const Tensor here = at.astype(DType::i64);
    return linear_recurrence(1 - here, here * place, axis, fromTheEnd);
  };
  switch (ties) {
  case Ties::first: return place;
  case Ties::dense: return cumsum(order.begins().astype(DType::i64), axis);
  case Ties::min: return held(order.begins(), false);
  case Ties::max: return held(order.ends(order.changes()), true);
  case Ties::average: {
    const Tensor changes = order.changes();
    return held(order.begins(changes), false) + held(order.ends(changes), true);
  }
  }
  throw Error("internal: unknown kind of ties");
}

Tensor rank(const Arg& arg, int64_t given, RankOptions options) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t axis = axisOf("rank", given, x.rank());
    const DType dtype = isFloat(x.dtype()) ? x.dtype() : DType::f64;
    const Order order(x, axis, !options.ascending);
    const Tensor inOrder = rankInOrder(order, options.ties);
    const Tensor there = order.values == order.values;
    Tensor ranks = where(there, inOrder.astype(DType::f64), kNaN);
    if (options.ties == Ties::average)
      ranks = ranks * 0.5;
    if (options.pct) {
      const bool dense = options.ties == Ties::dense && x.shape(axis) > 0;
      const Tensor count = dense ? max(where(there, inOrder, 0), axis, true)
                                 : sum(there.astype(DType::i64), axis, true);
      ranks = ranks / count.astype(DType::f64);
    }
    return scatter_along_axis(zeros_like(ranks), order.positions, ranks, axis).astype(dtype);
  });
}

//===-- Search -------------------------------------------------------------------------------===//

static Value searched(const Value& sorted, const Value& values, Side side) {
  Attrs attrs;
  attrs.set(AttrField::right, side == Side::right);
  return emitted::emit(OpCode::Searchsorted, {sorted, values}, attrs);
}

Tensor searchsorted(const Tensor& sorted, const Arg& arg, Side side) {
  return located(arg.where(), [&] {
    const Value rows = sorted.value();
    const Value values =
        emitted::convert(detail::valueOf(arg), arg.tensor() ? arg.tensor()->dtype() : rows.dtype());
    if (rows.rank() != 1)
      return wrap(searched(rows, values, side));
    const Value line = emitted::reshape(values, {values.type().numel()});
    return wrap(emitted::reshape(searched(rows, line, side), values.shape()));
  });
}

//===-- Quantiles ----------------------------------------------------------------------------===//

namespace {
// All elements as one axis, where none is named.
struct Along {
  Tensor x;
  int64_t axis;
};

Along wholeOf(const Arg& arg) { return {flatten(arg), 0}; }
Along alongOf(const char* op, const Arg& arg, int64_t axis) {
  const Tensor x = tensorOf(arg);
  return {x, axisOf(op, axis, x.rank())};
}

// Between the elements on either side of q (n - 1), n elements being there; `skip`: NaN does not
// count, else one makes all NaN. A whole place takes its element alone: no infinity meets a weight
// of 0.
Tensor quantileOf(const char* op, const Along& along, double q, bool skip, bool keepdim) {
  const auto& [x, axis] = along;
  detail::requireFloat(op, x.value());
  if (!(q >= 0 && q <= 1))
    misuse(op, "0 <= q <= 1", std::to_string(q), "q is a share of the elements, not a percentage");
  if (x.shape(axis) == 0)
    misuse(op, "at least one element along axis " + std::to_string(axis), x.type().str(),
           "an empty set has no such value");
  const Tensor present = x == x;
  const Tensor count = sum(present.astype(DType::i64), axis, true);
  const Tensor values = sort(x, axis);
  const Tensor place = q * maximum(count - 1, 0).astype(DType::f64);
  const Tensor low = floor(place), high = ceil(place);
  const auto element = [&](const Tensor& at) {
    return take_along_axis(values, at.astype(DType::i64), axis);
  };
  const Tensor weight = (place - low).astype(x.dtype());
  Tensor result = element(low);
  result = where(weight == 0, result, result * (1 - weight) + element(high) * weight);
  if (!skip)
    result = where(count == x.shape(axis), result, kNaN);
  return keepdim ? result : squeeze(result, axis);
}
} // namespace

#define QUANTILE(NAME, SKIP)                                                                       \
  Tensor NAME(const Arg& x, double q) {                                                            \
    return located(x.where(), [&] { return quantileOf(#NAME, wholeOf(x), q, SKIP, false); });      \
  }                                                                                                \
  Tensor NAME(const Arg& x, double q, int64_t axis, bool keepdim) {                                \
    return located(x.where(),                                                                      \
                   [&] { return quantileOf(#NAME, alongOf(#NAME, x, axis), q, SKIP, keepdim); });  \
  }
QUANTILE(quantile, false)
QUANTILE(nanquantile, true)
#undef QUANTILE

#define MEDIAN(NAME, SKIP)                                                                         \
  Tensor NAME(const Arg& x) {                                                                      \
    return located(x.where(), [&] { return quantileOf(#NAME, wholeOf(x), 0.5, SKIP, false); });    \
  }                                                                                                \
  Tensor NAME(const Arg& x, int64_t axis, bool keepdim) {                                          \
    return located(x.where(), [&] {                                                                \
      return quantileOf(#NAME, alongOf(#NAME, x, axis), 0.5, SKIP, keepdim);                       \
    });                                                                                            \
  }
MEDIAN(median, false)
MEDIAN(nanmedian, true)
#undef MEDIAN

//===-- Distinct elements --------------------------------------------------------------------===//

Tensor count_unique(const Arg& arg, int64_t given, bool keepdim) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    const int64_t axis = axisOf("count_unique", given, x.rank());
    return sum(Order(x, axis, false).begins().astype(DType::i64), axis, keepdim);
  });
}

namespace {
// Which distinct element each one is, in the order of all of them.
struct Groups {
  explicit Groups(const Tensor& x)
      : order(flatten(x), 0, false), number(cumsum(order.begins().astype(DType::i64), 0) - 1) {}

  // Groups from `size` on are written to one place more, which is then cut off.
  Unique first(int64_t size, Scalar fill, const Shape& shape) const {
    const Tensor place = minimum(number, size);
    const Tensor values = full({size + 1}, fill, order.values.dtype());
    const Tensor ones = ones_like(number);
    const Tensor inverse = scatter(zeros_like(number), order.positions, place);
    return {slice(scatter(values, place, order.values), 0, 0, size),
            slice(scatter_add(zeros({size + 1}, DType::i64), place, ones), 0, 0, size),
            reshape(inverse, shape)};
  }

  Order order;
  Tensor number;
};
} // namespace

Unique unique(const Arg& arg) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (!detail::isEager(x.value()) || !detail::emitsEagerly())
      misuse("unique", "a tensor with numbers", "traced " + x.type().str(),
             "how many elements differ is not known while tracing: say the size, unique(x, size)");
    const Groups groups(x);
    const int64_t count =
        x.numel() == 0 ? 0 : 1 + select(groups.number, 0, x.numel() - 1).item<int64_t>();
    return groups.first(count, Scalar(0), x.shape());
  });
}

Unique unique(const Arg& arg, int64_t size, Scalar fill) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    if (size < 0)
      misuse("unique", "a size that is not negative", std::to_string(size), "check the number");
    return Groups(x).first(size, fill, x.shape());
  });
}

} // namespace diptych
