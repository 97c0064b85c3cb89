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

// Sums of integers are exact, so what leaves a window may be taken out; where they wrap, so do
// both.
Tensor Series::counts() const {
  const DType exact = window <= std::numeric_limits<int32_t>::max() ? DType::i32 : DType::i64;
  const Tensor sums = cumsum(isThere(x).astype(exact), axis);
  return sums - shift(sums, window, axis, 0);
}

Tensor Series::enough(const Tensor& count, const Tensor& result, int64_t needed) const {
  return where(count >= std::max(least, needed), result, std::numeric_limits<double>::quiet_NaN())
      .astype(dtype);
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

Blocks::Sums Blocks::sums(const Tensor& x) const {
  const Tensor start = starts(x), end = ends(x);
  const Tensor hasStart = isThere(start), hasEnd = isThere(end);
  return {added(hasStart.astype(DType::f64), hasEnd.astype(DType::f64)),
          added(where(hasStart, start, 0), where(hasEnd, end, 0))};
}

//===-- Moments ------------------------------------------------------------------------------===//

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

// The reference is the first element that is there: every part with any has that one, and a sum of
// it and zeros carries it along.
Moments::Part::Part(const std::vector<Tensor>& blocks, int64_t within) : within(within) {
  Tensor there = isThere(blocks[0]);
  for (size_t i = 1; i < blocks.size(); ++i)
    there = logical_and(there, isThere(blocks[i]));
  count = cumsum(there.astype(DType::f64), within);
  const Tensor isFirst = logical_and(there, count == 1);
  for (const Tensor& x : blocks) {
    reference.push_back(cumsum(where(isFirst, stop_gradient(x), 0), within));
    differences.push_back(where(there, x - reference.back(), 0));
    sums.push_back(cumsum(differences.back(), within));
  }
}

Tensor Moments::Part::product(size_t i, size_t j) const {
  return cumsum(differences[i] * differences[j], within);
}

// An empty end has no reference, and the start's stays.
Moments::Moments(const Blocks& blocks, const std::vector<Tensor>& series)
    : blocks_(blocks), start_(startsOf(blocks, series), blocks.within()),
      end_(endsOf(blocks, series), blocks.within()), startCount_(blocks.forwards(start_.count)),
      share_(1 / maximum(count(), 1)) {
  const Tensor hasEnd = end_.count != 0;
  for (size_t i = 0; i < series.size(); ++i) {
    const Tensor reference = blocks.forwards(start_.reference[i]);
    apart_.push_back(where(hasEnd, reference - end_.reference[i], 0));
    startSums_.push_back(blocks.forwards(start_.sums[i]));
    moved_.push_back(startSums_[i] + startCount_ * apart_[i]);
    sums_.push_back(moved_[i] + end_.sums[i]);
    means_.push_back(sums_[i] * share_);
  }
}

Tensor Moments::count() const { return startCount_ + end_.count; }

// The start's differences d are d + a from the reference of both, a how far its own is apart:
// sum (d_i + a_i)(d_j + a_j) = sum d_i d_j + a_i sum d_j + a_j sum (d_i + a_i).
Tensor Moments::product(size_t i, size_t j) const {
  const Tensor moved = apart_[i] * startSums_[j] + apart_[j] * moved_[i];
  const Tensor start = blocks_.forwards(start_.product(i, j)) + moved;
  return (start + end_.product(i, j)) - sums_[i] * means_[j];
}

Tensor Moments::squares(size_t i) const {
  const Tensor total = product(i, i);
  return where(total < 0, 0, total);
}

Tensor Moments::deviation(size_t i) const { return end_.differences[i] - means_[i]; }

} // namespace diptych::detail
