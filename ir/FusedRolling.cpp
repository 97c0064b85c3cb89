// Sums and moments of windows, combined from the two parts of a window.
#include "ir/FusedRolling.h"

#include "ir/Emitted.h"

#include <bit>
#include <limits>

namespace diptych::rolling {

using namespace emitted;

namespace {

Value zero(const Value& x) { return like(x, 0.0); }
Value nan(const Value& x) { return like(x, std::numeric_limits<double>::quiet_NaN()); }
Value isThere(const Value& x) { return eq(x, x); }
Value counted(const Value& isThere) { return convert(isThere, DType::f64); }
Value atLeastOne(const Value& x) { return maximum(x, like(x, 1.0)); }

// x - 0 is x, x - NaN is missing.
Values masked(ValueSpan operands) {
  Values series;
  for (const Value& x : operands.first(operands.size() - 1))
    series.push_back(x - operands.back());
  return series;
}

// NaN where fewer elements are there than asked for.
Value enough(const Value& least, const Value& count, const Value& result) {
  return where(ge(count, least), result, nan(result));
}

// numerator / denominator where the latter is not 0, else NaN: no infinity meets a cotangent of 0.
Value quotient(const Value& numerator, const Value& denominator) {
  const Value isZero = eq(denominator, zero(denominator));
  const Value regular = where(isZero, like(denominator, 1.0), denominator);
  return where(isZero, nan(numerator), numerator / regular);
}

// 0, with derivatives 0, of 0 and below.
Value safeRoot(const Value& x) {
  const Value isNone = le(x, zero(x));
  return where(isNone, zero(x), sqrt(where(isNone, like(x, 1.0), x)));
}

struct Sums {
  Sums(const Value& x, int64_t axis) {
    const Value there = isThere(x);
    count = emitted::cumsum(counted(there), axis);
    total = emitted::cumsum(where(there, x, zero(x)), axis);
  }
  Value count, total;
};

// One of the two parts of a window, at all places of the blocks, in the order of its sums.
// Differences are from `reference`, the first element that is there: every such part with any has
// that one, and a sum of it and zeros carries it along.
struct Part {
  Part(ValueSpan series, int64_t axis) : axis(axis) {
    Value there = isThere(series[0]);
    for (const Value& x : series.subspan(1))
      there = logical_and(there, isThere(x));
    count = emitted::cumsum(counted(there), axis);
    const Value isFirst = logical_and(there, eq(count, like(count, 1.0)));
    for (const Value& x : series) {
      reference.push_back(emitted::cumsum(where(isFirst, stop_gradient(x), zero(x)), axis));
      differences.push_back(where(there, x - reference.back(), zero(x)));
      sums.push_back(emitted::cumsum(differences.back(), axis));
    }
  }
  Value product(size_t i, size_t j) const {
    return emitted::cumsum(differences[i] * differences[j], axis);
  }

  int64_t axis;
  Value count;
  Values reference, differences, sums;
};

constexpr std::pair<size_t, size_t> kPairs[] = {{0, 0}, {0, 1}, {1, 1}}; // of Product's bits

// Sums of squares and products of several series about their means, over windows of the elements
// that are there in all of them.
class Moments {
public:
  Moments(ValueSpan operands, size_t series, unsigned products, int64_t axis)
      : end_(operands.first(series), axis) {
    size_t next = operands.size() - (1 + 2 * series + static_cast<size_t>(std::popcount(products)));
    numbers = operands.subspan(series, next - series);
    startCount_ = operands[next++];
    const ValueSpan references = operands.subspan(next, series);
    const ValueSpan startSums = operands.subspan(next + series, series);
    next += 2 * series;
    for (unsigned bit = 0; bit < std::size(kPairs); ++bit)
      if (products >> bit & 1)
        products_[bit] = operands[next++];
    count = startCount_ + end_.count;
    const Value share = 1.0 / atLeastOne(count); // of one element in the mean
    // An empty end has no reference, and the start's stays.
    const Value hasEnd = ne(end_.count, zero(end_.count));
    for (size_t i = 0; i < series; ++i) {
      apart_.push_back(where(hasEnd, references[i] - end_.reference[i], zero(count)));
      startSums_.push_back(startSums[i]);
      moved_.push_back(startSums[i] + startCount_ * apart_[i]);
      sums_.push_back(moved_[i] + end_.sums[i]);
      means_.push_back(sums_[i] * share);
    }
  }

  /// Sum of (x_i - mean_i)(x_j - mean_j). The start's differences d are d + a from the reference of
  /// both, a how far its own is apart:
  /// sum (d_i + a_i)(d_j + a_j) = sum d_i d_j + a_i sum d_j + a_j sum (d_i + a_i).
  Value product(size_t i, size_t j) const {
    const Value moved = apart_[i] * startSums_[j] + apart_[j] * moved_[i];
    const Value start = products_[i + j] + moved;
    return (start + end_.product(i, j)) - sums_[i] * means_[j];
  }
  /// That of (x_i - mean_i)^2, which no rounding takes below 0.
  Value squares(size_t i) const {
    const Value total = product(i, i);
    return where(lt(total, zero(total)), zero(total), total);
  }
  /// x_i at the end of the window, less the window's mean.
  Value deviation(size_t i) const { return end_.differences[i] - means_[i]; }

  /// A product of deviations divided by the number of elements less the correction.
  Value unbiased(const Value& product) const {
    const Value divisor = count - numbers[1];
    return enough(numbers[0], count, quotient(product, maximum(divisor, zero(divisor))));
  }

  Value count; // of a window's elements
  ValueSpan numbers;

private:
  Part end_;
  Value startCount_, products_[std::size(kPairs)];
  // From the start's reference to that of the whole window, the start's sums from either, the
  // window's sums and means from its own.
  Values apart_, startSums_, moved_, sums_, means_;
};

} // namespace

Values sumsBefore(ValueSpan operands, int64_t axis) {
  const Sums sums(masked(operands)[0], axis);
  return {sums.count, sums.total};
}

template <int series, unsigned products> Values momentsBefore(ValueSpan operands, int64_t axis) {
  const Part part(masked(operands), axis);
  Values results{part.count};
  results.insert(results.end(), part.reference.begin(), part.reference.end());
  results.insert(results.end(), part.sums.begin(), part.sums.end());
  for (unsigned bit = 0; bit < std::size(kPairs); ++bit)
    if (products >> bit & 1)
      results.push_back(part.product(kPairs[bit].first, kPairs[bit].second));
  return results;
}
template Values momentsBefore<1, kSquares>(ValueSpan, int64_t);
template Values momentsBefore<2, kMixed>(ValueSpan, int64_t);
template Values momentsBefore<2, kMixed | kOtherSquares>(ValueSpan, int64_t);
template Values momentsBefore<2, kSquares | kMixed | kOtherSquares>(ValueSpan, int64_t);

Values sum(ValueSpan operands, int64_t axis) {
  const Sums end(operands[0], axis);
  return {enough(operands[1], operands[2] + end.count, operands[3] + end.total)};
}

Values mean(ValueSpan operands, int64_t axis) {
  const Sums end(operands[0], axis);
  const Value count = operands[2] + end.count, total = operands[3] + end.total;
  return {enough(operands[1], count, total / atLeastOne(count))};
}

Values var(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 1, kSquares, axis);
  return {m.unbiased(m.squares(0))};
}

Values stddev(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 1, kSquares, axis);
  return {safeRoot(m.unbiased(m.product(0, 0)))};
}

Values cov(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 2, kMixed, axis);
  return {m.unbiased(m.product(0, 1))};
}

Values corr(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 2, kSquares | kMixed | kOtherSquares, axis);
  const Value squares[] = {m.product(0, 0), m.product(1, 1)};
  const Value none = zero(squares[0]);
  const Value varies = logical_and(gt(squares[0], none), gt(squares[1], none));
  const auto root = [&](const Value& x) { return sqrt(where(varies, x, like(x, 1.0))); };
  const Value scaled = m.product(0, 1) / (root(squares[0]) * root(squares[1]));
  return {enough(m.numbers[0], m.count, where(varies, scaled, nan(scaled)))};
}

namespace {
// Least squares of the first series on the second, the positions along the axis.
Value slopeOf(const Moments& m) { return quotient(m.product(0, 1), m.squares(1)); }
} // namespace

Values slope(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 2, kMixed | kOtherSquares, axis);
  return {enough(m.numbers[0], m.count, slopeOf(m))};
}

Values residual(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 2, kMixed | kOtherSquares, axis);
  const Value left = m.deviation(0) - slopeOf(m) * m.deviation(1);
  const Value result = where(isThere(operands[0]), left, nan(left));
  return {enough(m.numbers[0], m.count, result)};
}

Values rsquare(ValueSpan operands, int64_t axis) {
  const Moments m(operands, 2, kSquares | kMixed | kOtherSquares, axis);
  const Value joint = m.product(0, 1);
  const Value result = quotient(joint * joint, m.squares(0) * m.squares(1));
  return {enough(m.numbers[0], m.count, result)};
}

} // namespace diptych::rolling
