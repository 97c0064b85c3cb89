// An axis cut into blocks of a window's size: a window is the end of one block and the beginning of
// the next. Internal to Rolling*.cpp.
#pragma once

#include "frontend/Ops.h"

#include <diptych/Rolling.h>

namespace diptych::detail {

/// Whether elements are there: those that are not NaN.
inline Tensor isThere(const Tensor& x) { return x == x; }

/// An operand of a rolling function.
struct Series {
  Series(const char* op, const Arg& x, int64_t window, int64_t axis, const RollingOptions& options);
  /// How many elements of each window are there, as integers.
  Tensor counts() const;
  /// NaN where fewer elements are there than asked for, or than the statistic needs.
  Tensor enough(const Tensor& count, const Tensor& result, int64_t needed = 0) const;

  Tensor x; // in f64
  DType dtype;
  int64_t axis, window, least;
};

/// Shapes [.., n, ..] and [.., blocks, window, ..]: every array of blocks has one more axis. Where
/// nothing lies behind the axis, [.., window, blocks]: blocks then stand side by side in memory,
/// and their sums are lanes of vectors.
class Blocks {
public:
  Blocks(const Shape& shape, int64_t axis, int64_t window);

  /// The statistic over windows of the series; `numbers` are its last operands
  /// (ir/FusedRolling.h).
  Tensor over(Fused statistic, std::span<const Tensor> series,
              std::span<const double> numbers) const;

private:
  /// The blocks that windows end in, NaN (nothing is there) behind the last element.
  Tensor ends(const Tensor& x) const { return cut(x, 0); }
  /// The block before, backwards: at each place the element behind it, so that a window begins at
  /// the place where it ends in its own block.
  Tensor starts(const Tensor& x) const;
  /// 0 where starts() is such an element, NaN at the last place.
  Value isBefore(const Shape& shape) const;
  /// Undoes ends().
  Tensor joined(const Tensor& blocks) const;
  /// The axis of places in a block.
  int64_t within() const { return isLast_ ? axis_ : axis_ + 1; }
  Tensor cut(const Tensor& x, int64_t before) const;
  Tensor turned(const Tensor& blocks) const;

  int64_t axis_, n_, window_, count_;
  bool isLast_;
};

} // namespace diptych::detail
