// An axis cut into blocks of a window's size, and what windows are made of: the end of one block,
// the beginning of the next. Internal to Rolling*.cpp.
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

  /// The blocks that windows end in, NaN (nothing is there) behind the last element.
  Tensor ends(const Tensor& x) const { return cut(x, 0); }
  /// Of the block before, backwards: at each place the element behind it, NaN at the last place, so
  /// that a window begins at the place where it ends in its own block.
  Tensor starts(const Tensor& x) const;
  /// Of what belongs to starts: forwards.
  Tensor forwards(const Tensor& x) const { return flip(x, within()); }
  /// Undoes ends().
  Tensor joined(const Tensor& blocks) const;
  /// The axis of places in a block.
  int64_t within() const { return isLast_ ? axis_ : axis_ + 1; }

  /// Over windows, in blocks: how many elements are there, and their sum.
  struct Sums {
    Tensor count, total;
  };
  Sums sums(const Tensor& x) const;

private:
  Tensor cut(const Tensor& x, int64_t before) const;
  Tensor turned(const Tensor& blocks) const;
  Tensor added(const Tensor& starts, const Tensor& ends) const;

  int64_t axis_, n_, window_, count_;
  bool isLast_;
};

/// Sums of squares and products of several series about their means, over windows of the elements
/// that are there in all of them.
class Moments {
public:
  Moments(const Blocks& blocks, const std::vector<Tensor>& series);

  /// How many elements the windows have; like all of these, in blocks.
  Tensor count() const;
  /// Sum of (x_i - mean_i)(x_j - mean_j).
  Tensor product(size_t i, size_t j) const;
  /// That of (x_i - mean_i)^2, which no rounding takes below 0.
  Tensor squares(size_t i) const;
  /// x_i at the end of the window, less the window's mean.
  Tensor deviation(size_t i) const;

private:
  // One of the two parts of a window, for all places of the blocks, in the order of its sums.
  // Differences are from `reference`, an element that belongs to every such part that has any.
  struct Part {
    Part(const std::vector<Tensor>& blocks, int64_t within);
    Tensor product(size_t i, size_t j) const;

    int64_t within;
    Tensor count;
    std::vector<Tensor> reference, differences, sums;
  };

  const Blocks& blocks_;
  Part start_, end_;
  Tensor startCount_, share_; // of one element in the mean
  // Forwards: from the start's reference to that of the whole window, the start's sums from either,
  // the window's sums and means from its own.
  std::vector<Tensor> apart_, startSums_, moved_, sums_, means_;
};

} // namespace diptych::detail
