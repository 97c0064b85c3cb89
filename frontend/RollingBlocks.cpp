// Blocks of a window's size, and statistics of windows by fused functions over them.
#include "frontend/Rolling.h"

#include <diptych/Composites.h>
#include <diptych/Cumulative.h>
#include <diptych/Factories.h>

#include <algorithm>
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
      isLast_(std::all_of(shape.begin() + axis + 1, shape.end(),
                          [](int64_t extent) { return extent == 1; })) {}

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
  return flip(cut(x, count_ > 0 ? window_ - 1 : 0), within());
}

Value Blocks::isBefore(const Shape& shape) const {
  Shape places(shape.size(), 1);
  places[static_cast<int>(within())] = window_;
  const Value place = emitted::iota({DType::i64, places}, within());
  return broadcastTo("rolling", where(wrap(place) > 0, 0.0, kNothing).value(), shape);
}

Tensor Blocks::joined(const Tensor& blocks) const {
  const Tensor inOrder = turned(blocks);
  Shape shape = inOrder.shape();
  shape.erase(static_cast<int>(axis_) + 1);
  shape[static_cast<int>(axis_)] = count_ * window_;
  return slice(reshape(inOrder, shape), axis_, 0, n_);
}

Tensor Blocks::over(Fused statistic, std::span<const Tensor> series,
                    std::span<const double> numbers) const {
  Values operands;
  for (const Tensor& x : series)
    operands.push_back(starts(x).value());
  const TensorType type = operands[0].type();
  operands.push_back(isBefore(type.shape));
  for (const Tensor& x : series)
    operands.push_back(ends(x).value());
  for (const double number : numbers)
    operands.push_back(emitted::constant(type, number));
  return joined(wrap(currentEmitter().fused(statistic, operands, within())[0]));
}

} // namespace diptych::detail
