// Blocks of a window's size, and moments combined from the two parts of a window.
#include "frontend/Rolling.h"

#include <diptych/Composites.h>
#include <diptych/Cumulative.h>
#include <diptych/Factories.h>

#include <limits>

namespace diptych::detail {

Series::Series(const char* op, const Arg& arg, int64_t size, int64_t given,
               const RollingOptions& options)
    : x(tensorOf(arg)), dtype(x.dtype()), axis(axisOf(op, given, x.rank())), window(size),
      least(options.min_periods.value_or(size)) {
  requireFloat(op, x.value());
  if (size < 1)
    misuse(op, "a window of at least 1", std::to_string(size), "count the elements of a window");
  if (least < 0 || least > size)
    misuse(op, "min_periods from 0 to the window's size, " + std::to_string(size),
           std::to_string(least), "more elements than the window has are never there");
  x = x.astype(DType::f64);
}

Tensor Series::enough(const Tensor& count, const Tensor& result, int64_t needed) const {
  const auto limit = static_cast<double>(std::max(least, needed));
  return where(count >= limit, result, std::numeric_limits<double>::quiet_NaN()).astype(dtype);
}

//===-- Blocks -------------------------------------------------------------------------------===//

Blocks::Blocks(const Shape& shape, int64_t axis, int64_t window)
    : axis_(axis), n_(shape[static_cast<int>(axis)]),
      window_(std::max<int64_t>(1, std::min(window, n_))), count_((n_ + window_ - 1) / window_),
      isLast_(axis + 1 == shape.size()) {}

// From one order of the two axes to the other.
Tensor Blocks::turned(const Tensor& blocks) const {
  return isLast_ ? transpose(blocks, axis_, axis_ + 1) : blocks;
}

static constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// The axis with so many NaN before it and as many behind it as fill the last block.
Tensor Blocks::cut(const Tensor& x, int64_t before) const {
  const int64_t all = count_ * window_, taken = std::min(n_, all - before);
  std::vector<std::pair<int64_t, int64_t>> widths(static_cast<size_t>(x.rank()), {0, 0});
  widths[static_cast<size_t>(axis_)] = {before, all - before - taken};
  Shape shape = x.shape();
  shape[static_cast<int>(axis_)] = count_;
  shape.insert(static_cast<int>(axis_) + 1, window_);
  return turned(reshape(pad(slice(x, axis_, 0, taken), widths, kNothing), shape));
}

Tensor Blocks::starts(const Tensor& x) const {
  const Tensor shifted = cut(x, count_ > 0 ? window_ - 1 : 0);
  Shape places(shifted.rank(), 1);
  places[static_cast<int>(within())] = window_;
  const Value place = emitted::iota({DType::i64, places}, within());
  // x - 0 is x.
  return flip(shifted, within()) - where(wrap(place) > 0, 0.0, kNothing);
}

Tensor Blocks::joined(const Tensor& blocks) const {
  const Tensor inOrder = turned(blocks);
  Shape shape = inOrder.shape();
  shape.erase(static_cast<int>(axis_) + 1);
  shape[static_cast<int>(axis_)] = count_ * window_;
  return slice(reshape(inOrder, shape), axis_, 0, n_);
}

// The starts' from each place on, the ends' up to it.
Tensor Blocks::added(const Tensor& starts, const Tensor& ends) const {
  return forwards(cumsum(starts, within())) + cumsum(ends, within());
}

static Tensor presence(const Tensor& x) { return isThere(x).astype(DType::f64); }
static Tensor orZero(const Tensor& x) { return where(isThere(x), x, 0); }

Blocks::Sums Blocks::sums(const Tensor& x) const {
  const Tensor start = starts(x), end = ends(x);
  return {added(presence(start), presence(end)), added(orZero(start), orZero(end))};
}
Tensor Blocks::counts(const Tensor& x) const {
  return added(presence(starts(x)), presence(ends(x)));
}

//===-- Moments ------------------------------------------------------------------------------===//

static Tensor atLeastOne(const Tensor& count) { return maximum(count, 1); }

static std::vector<Tensor> startsOf(const Blocks& blocks, const std::vector<Tensor>& series) {
  std::vector<Tensor> starts;
  for (const Tensor& x : series)
    starts.push_back(blocks.starts(x));
  return starts;
}
static std::vector<Tensor> endsOf(const Blocks& blocks, const std::vector<Tensor>& series) {
  std::vector<Tensor> ends;
  for (const Tensor& x : series)
    ends.push_back(blocks.ends(x));
  return ends;
}

// The reference is the first element that is there: every part with any has that one. A recurrence
// carries it along. Any reference gives the same result, so its derivative is left out.
Moments::Part::Part(const std::vector<Tensor>& blocks, int64_t within) : within(within) {
  Tensor there = isThere(blocks[0]);
  for (size_t i = 1; i < blocks.size(); ++i)
    there = logical_and(there, isThere(blocks[i]));
  count = cumsum(there.astype(DType::f64), within);
  const Tensor isFirst = logical_and(there, count == 1);
  const Tensor stays = where(isFirst, 0.0, 1.0);
  for (const Tensor& x : blocks) {
    const Tensor first = where(isFirst, stop_gradient(x), 0);
    reference.push_back(linear_recurrence(stays, first, within));
    differences.push_back(where(there, x - reference.back(), 0));
    sums.push_back(cumsum(differences.back(), within));
  }
}

Tensor Moments::Part::mean(size_t i) const { return sums[i] / atLeastOne(count); }

Tensor Moments::Part::product(size_t i, size_t j) const {
  return cumsum(differences[i] * differences[j], within) - sums[i] * mean(j);
}

Moments::Moments(const Blocks& blocks, const std::vector<Tensor>& series)
    : blocks_(blocks), start_(startsOf(blocks, series), blocks.within()),
      end_(endsOf(blocks, series), blocks.within()), startCount_(blocks.forwards(start_.count)) {}

Tensor Moments::count() const { return startCount_ + end_.count; }

// From the mean of the start to that of the end; where either is empty its reference means nothing.
Tensor Moments::gap(size_t i) const {
  const Tensor reference = blocks_.forwards(start_.reference[i]);
  const Tensor mean = blocks_.forwards(start_.mean(i));
  const Tensor apart = (end_.reference[i] - reference) + (end_.mean(i) - mean);
  return where(startCount_ * end_.count != 0, apart, 0);
}

// Chan, Golub, LeVeque: M = M1 + M2 + n1 n2 / (n1 + n2) gap^2.
Tensor Moments::product(size_t i, size_t j) const {
  const Tensor between = startCount_ * end_.count / atLeastOne(count()) * (gap(i) * gap(j));
  const Tensor total = (blocks_.forwards(start_.product(i, j)) + end_.product(i, j)) + between;
  return i == j ? where(total > 0, total, total - total) : total;
}

// All from the end's reference, so that a large mean cancels before it costs digits.
Tensor Moments::deviation(size_t i) const {
  const Tensor references = blocks_.forwards(start_.reference[i]) - end_.reference[i];
  const Tensor apart = startCount_ * where(startCount_ != 0, references, 0);
  const Tensor mean =
      (blocks_.forwards(start_.sums[i]) + apart + end_.sums[i]) / atLeastOne(count());
  return end_.differences[i] - mean;
}

} // namespace diptych::detail
