// Binary search of values in sorted rows. Every value takes the same steps, without a branch, so
// that several go side by side and wait for memory together.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace diptych::runtime::kernels {

// args sorted [rows, n], values [rows, m], counts; params n, m, right; problems rows.
template <class T> struct Searchsorted {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const Searchsorted search{args, params[0], params[1]};
    if (params[2])
      search.range<true>(lo * params[1], hi * params[1]);
    else
      search.range<false>(lo * params[1], hi * params[1]);
  }

private:
  static constexpr int64_t kSeveral = 8;

  Searchsorted(void* const* args, int64_t n, int64_t m)
      : sorted_(static_cast<const T*>(args[0])), values_(static_cast<const T*>(args[1])),
        counts_(static_cast<int64_t*>(args[2])), n_(n), m_(m) {}

  // Values first to last, counted over all rows.
  template <bool right> void range(int64_t first, int64_t last) const {
    if (n_ == 0) {
      std::fill(counts_ + first, counts_ + last, 0);
      return;
    }
    for (; first + kSeveral <= last; first += kSeveral)
      search<kSeveral, right>(first);
    for (; first < last; ++first)
      search<1, right>(first);
  }

  // How many elements of its row are less than each value, or not larger. NaN stands behind all
  // numbers, and all NaN are equal.
  template <int64_t several, bool right> void search(int64_t first) const {
    const auto before = [](T x, T value) -> int64_t { return right ? x <= value : x < value; };
    // Between `at` and 2^bits elements more, which begin or end with the row.
    int bits = std::bit_width(static_cast<uint64_t>(n_)) - 1;
    const int64_t n = n_, m = m_, power = int64_t{1} << bits;
    const T *rows[several], *at[several];
    T values[several];
    const T* row = sorted_ + first / m * n;
    int64_t column = first % m;
    for (int64_t i = 0; i < several; ++i) {
      rows[i] = row;
      values[i] = values_[first + i];
      at[i] = row + (-before(row[power - 1], values[i]) & (n - power));
      if (++column == m)
        column = 0, row += n;
    }
    while (bits-- > 0)
      for (int64_t i = 0; i < several; ++i)
        at[i] += before(at[i][(int64_t{1} << bits) - 1], values[i]) << bits;
    for (int64_t i = 0; i < several; ++i)
      counts_[first + i] = at[i] - rows[i] + before(*at[i], values[i]);
    const auto isNumber = [](T x) { return x == x; };
    for (int64_t i = 0; i < several; ++i)
      if (!isNumber(values[i]))
        counts_[first + i] =
            right ? n : std::partition_point(rows[i], rows[i] + n, isNumber) - rows[i];
  }

  const T *sorted_, *values_;
  int64_t* counts_;
  int64_t n_, m_;
};

} // namespace diptych::runtime::kernels
