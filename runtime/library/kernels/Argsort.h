// Positions in the order of the elements along an axis. Stable in both directions, NaN last.
// Elements become words: a number of the same order, and below it the position, so that no two
// words are equal and to sort them is all that remains.
#pragma once

#include "runtime/library/kernels/MergeSort.h"

#include <limits>

namespace diptych::runtime::kernels {

/// Numbers as integers of the same order: -0 is 0, and every NaN the last of all.
template <class T> struct Order {
  using Bits = std::conditional_t<sizeof(T) == sizeof(int64_t), int64_t, int32_t>;
  static constexpr int64_t kFirst = std::numeric_limits<Bits>::min(),
                           kLast = std::numeric_limits<Bits>::max();

  int64_t key(T x) const {
    if constexpr (std::is_floating_point_v<T>) {
      const int64_t bits = std::bit_cast<Bits>(x + T(0));
      return x == x ? bits ^ (bits >> 63 & kLast) ^ flip : kLast;
    } else {
      return x ^ flip;
    }
  }

  int64_t flip; // -1 where the largest comes first, else 0
};

/// How the keys of a row become words: as so much above the least one, less their last bits where
/// these have no place beside a position.
struct Packing {
  int64_t least = 0;
  int places = 0, dropped = 0;

  Packing() = default;
  Packing(int64_t least, int64_t greatest, int places) : least(least), places(places) {
    const Word extent = static_cast<Word>(greatest) - static_cast<Word>(least);
    dropped = std::max(0, static_cast<int>(std::bit_width(extent)) + places - kWordBits);
  }
  Word word(int64_t key, int64_t position) const {
    const Word above = static_cast<Word>(key) - static_cast<Word>(least);
    return above >> dropped << places | static_cast<Word>(position);
  }
  int64_t position(Word word) const {
    return static_cast<int64_t>(word & ((Word{1} << places) - 1));
  }
  bool alike(Word a, Word b) const { return (a ^ b) >> places == 0; }
};

/// What is sorted at a time: as many rows of n elements, `stride` apart, as the cache takes.
struct SortedRows {
  static constexpr int64_t kLeast = 2, kMost = 64; // columns share cache lines

  SortedRows(int64_t n, int64_t stride) : n(n), stride(stride), rows(n) {
    capacity = std::clamp<int64_t>(kCache / rows.size(), kLeast, kMost);
    places = static_cast<int>(std::bit_width(static_cast<Word>(n - 1)));
  }
  int64_t words() const { return rows.size() * rows.rounded(capacity); }
  /// Bytes that the Arrays of a RowOrder take at most, for n < 2^31; see LibraryCall. Two have few
  /// words or kLeast rows, two have fewer or one. Linear, as artefacts of every n want it.
  static int64_t scratch(int64_t n) {
    // A row has at most n / 24 + 1 words more than n.
    static_assert(16 * (kLeast + 1) * 25 <= 64 * 24);
    return 64 * n + 16 * kCache + 32 * kColumns * kLongestRun + 640;
  }

  int64_t n, stride, capacity;
  WordRows rows;
  int places;
};

/// Finds the positions of rows that are added, of several at a time.
template <class T> class RowOrder {
public:
  RowOrder(const SortedRows& shape, bool descending)
      : shape_(shape), order_{descending ? -1 : 0}, words_(shape.words()), other_(shape.words()) {}

  void add(const T* x, int64_t* positions) {
    if (shape_.n >= kWorthALook && isMonotone(x, positions))
      return;
    x_[count_] = x, positions_[count_] = positions;
    if (++count_ == shape_.capacity)
      finish();
  }

  /// The rows that were added and are not sorted yet.
  void finish() {
    if (count_ == 0)
      return;
    pack();
    const WordRows& rows = shape_.rows;
    Word* sorted = rows.sort(words_.begin(), other_.begin(), rows.rounded(count_));
    for (int64_t row = 0; row < count_; ++row)
      refine(sorted + row * rows.size(), shape_.n, packings_[row], x_[row]);
    unpack(sorted);
    count_ = 0;
  }

private:
  static constexpr int64_t kWorthALook = 16;

  // Rises, or falls without ties: there is nothing to sort.
  bool isMonotone(const T* x, int64_t* positions) const {
    const int64_t n = shape_.n, stride = shape_.stride;
    const auto key = [&](int64_t i) { return order_.key(x[i * stride]); };
    const bool falls = key(1) < key(0);
    int64_t i = 1;
    while (i < n && (falls ? key(i) < key(i - 1) : key(i - 1) <= key(i)))
      ++i;
    if (i < n)
      return false;
    for (i = 0; i < n; ++i)
      positions[i * stride] = falls ? n - 1 - i : i;
    return true;
  }

  // Row by row; of columns in the order of memory.
  void readKeys(int64_t* keys) const {
    const int64_t n = shape_.n, stride = shape_.stride, size = shape_.rows.size(), count = count_;
    const Order<T> order = order_;
    if (stride == 1)
      for (int64_t row = 0; row < count; ++row)
        for (int64_t i = 0; i < n; ++i)
          keys[row * size + i] = order.key(x_[row][i]);
    else
      for (int64_t i = 0; i < n; ++i)
        for (int64_t row = 0; row < count; ++row)
          keys[row * size + i] = order.key(x_[row][i * stride]);
  }

  // With the extents of all keys that there can be, where these leave room for a position.
  Packing packingOf(const int64_t* keys, int64_t count) const {
    int64_t least = Order<T>::kFirst, greatest = Order<T>::kLast;
    if (8 * static_cast<int>(sizeof(T)) + shape_.places > kWordBits) {
      std::swap(least, greatest);
      for (int64_t i = 0; i < count; ++i) {
        least = std::min(least, keys[i]);
        greatest = std::max(greatest, keys[i]);
      }
    }
    return {least, greatest, shape_.places};
  }

  void pack() {
    auto* keys = reinterpret_cast<int64_t*>(other_.begin());
    readKeys(keys);
    const int64_t n = shape_.n, size = shape_.rows.size(), together = shape_.rows.together();
    for (int64_t row = 0; row < shape_.rows.rounded(count_); ++row, keys += size) {
      const int64_t within = row & (together - 1);
      Word* words = words_.begin() + (row - within) * size + within;
      if (row < count_)
        packings_[row] = packingOf(keys, n);
      const Packing packing = packings_[row];
      const int64_t end = row < count_ ? n : 0;
      if (together == 1)
        for (int64_t i = 0; i < end; ++i)
          words[i] = packing.word(keys[i], i);
      else
        for (int64_t i = 0; i < end; ++i)
          words[i * together] = packing.word(keys[i], i);
      for (int64_t i = end; i < size; ++i)
        words[i * together] = kLastWord;
    }
  }

  void unpack(const Word* sorted) const {
    const int64_t n = shape_.n, stride = shape_.stride, size = shape_.rows.size(), count = count_;
    const Packing packing(0, 0, shape_.places); // positions alone
    if (stride == 1)
      for (int64_t row = 0; row < count; ++row)
        for (int64_t i = 0; i < n; ++i)
          positions_[row][i] = packing.position(sorted[row * size + i]);
    else
      for (int64_t i = 0; i < n; ++i)
        for (int64_t row = 0; row < count; ++row)
          positions_[row][i * stride] = packing.position(sorted[row * size + i]);
  }

  // Sorts what is alike but for bits that were dropped.
  void refine(Word* words, int64_t count, const Packing& packing, const T* x) const {
    const auto key = [&](Word word) {
      return order_.key(x[packing.position(word) * shape_.stride]);
    };
    if (packing.dropped == 0)
      return;
    for (int64_t i = 1; i < count; ++i) {
      if (!packing.alike(words[i - 1], words[i]))
        continue;
      const int64_t first = i - 1;
      bool sorted = true;
      for (; i < count && packing.alike(words[first], words[i]); ++i)
        sorted &= key(words[i - 1]) <= key(words[i]);
      if (!sorted)
        sortAlike(words + first, i - first, packing, x);
    }
  }

  // They differ in fewer bits than all did.
  void sortAlike(Word* words, int64_t count, const Packing& packing, const T* x) const {
    const WordRows rows(count);
    const int64_t together = rows.together(), all = together * rows.size();
    Array<Word> some(all), other(all);
    auto* keys = reinterpret_cast<int64_t*>(other.begin());
    for (int64_t i = 0; i < count; ++i)
      keys[i] = order_.key(x[packing.position(words[i]) * shape_.stride]);
    const Packing finer = packingOf(keys, count);
    std::fill_n(some.begin(), all, kLastWord);
    for (int64_t i = 0; i < count; ++i)
      some[i * together] = finer.word(keys[i], packing.position(words[i]));
    std::copy_n(rows.sort(some.begin(), other.begin(), together), count, words);
    refine(words, count, finer, x);
  }

  const SortedRows shape_;
  const Order<T> order_;
  Array<Word> words_, other_;
  int64_t count_ = 0;
  const T* x_[SortedRows::kMost];
  int64_t* positions_[SortedRows::kMost];
  Packing packings_[SortedRows::kMost];
};

// args x [outer, n, inner], positions; params n, inner, descending; problems outer * inner.
template <class T> struct Argsort {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t n = params[0], inner = params[1];
    if (lo == hi) // as where n or inner is 0
      return;
    RowOrder<T> order(SortedRows(n, inner), params[2] != 0);
    int64_t outer = lo / inner, column = lo % inner;
    for (int64_t problem = lo; problem < hi; ++problem) {
      const int64_t start = outer * n * inner + column;
      order.add(static_cast<const T*>(args[0]) + start, static_cast<int64_t*>(args[1]) + start);
      if (++column == inner)
        column = 0, ++outer;
    }
    order.finish();
  }
};

} // namespace diptych::runtime::kernels
