// Windows that roll along an axis, by order: extrema, ranks, quantiles. NaN counts as missing, and
// a window is shorter at the start of the axis. What a window has in order is kept from the one
// before: one element comes, one goes.
#pragma once

#include "runtime/library/kernels/Array.h"

#include <algorithm>
#include <cmath>

namespace diptych::runtime::kernels {

/// One row along the axis of x [outer, n, inner].
template <class T> struct Row {
  const T* x;
  int64_t n, stride;

  T operator[](int64_t i) const { return x[i * stride]; }
  bool has(int64_t i) const { return !std::isnan((*this)[i]); }
};

/// The elements of a window that are there, in order. A step moves up to `window` of them in memory
/// and compares only log(window).
template <class T> class SortedWindow {
public:
  SortedWindow(const Row<T>& row, int64_t window)
      : row_(row), window_(window), elements_(std::min(window, row.n)) {}

  /// To the window that ends at t; steps come in order.
  void step(int64_t t) {
    const int64_t gone = t - window_;
    if (gone >= 0 && row_.has(gone)) {
      Element<T>* at = place(gone);
      std::copy(at + 1, end(), at);
      --size_;
    }
    if (row_.has(t)) {
      Element<T>* at = place(t);
      std::copy_backward(at, end(), end() + 1);
      *at = {row_[t], t};
      ++size_;
    }
  }
  int64_t size() const { return size_; }
  Element<T>* begin() { return elements_.begin(); }
  Element<T>* end() { return begin() + size_; }

private:
  Element<T>* place(int64_t i) { return std::lower_bound(begin(), end(), Element<T>{row_[i], i}); }

  const Row<T> row_;
  const int64_t window_;
  int64_t size_ = 0;
  Array<Element<T>> elements_;
};

/// For each row of the problem range: each(row, where its results begin).
template <class T, class F>
void forRows(void* const* args, const int64_t* params, int64_t lo, int64_t hi, F each) {
  const int64_t n = params[0], inner = params[1];
  for (int64_t problem = lo; problem < hi; ++problem) {
    const int64_t start = problem / inner * n * inner + problem % inner;
    each(Row<T>{static_cast<const T*>(args[0]) + start, n, inner}, start);
  }
}

// Candidates fall (rise) from the oldest on: whatever is behind a larger element never wins again.
// Where nothing is there, the position is t itself.
template <class T, bool greatest>
void extrema(const Row<T>& row, int64_t window, int64_t* results) {
  Array<int64_t> queue(row.n);
  int64_t first = 0, last = 0;
  for (int64_t t = 0; t < row.n; ++t) {
    if (first < last && queue[first] <= t - window)
      ++first;
    if (row.has(t)) {
      while (first < last &&
             (greatest ? row[queue[last - 1]] < row[t] : row[queue[last - 1]] > row[t]))
        --last;
      queue[last++] = t;
    }
    results[t * row.stride] = first < last ? queue[first] : t;
  }
}

// params n, inner, window
template <class T> struct Argmax {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    forRows<T>(args, params, lo, hi, [&](const Row<T>& row, int64_t start) {
      extrema<T, true>(row, params[2], static_cast<int64_t*>(args[1]) + start);
    });
  }
};
template <class T> struct Argmin {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    forRows<T>(args, params, lo, hi, [&](const Row<T>& row, int64_t start) {
      extrema<T, false>(row, params[2], static_cast<int64_t*>(args[1]) + start);
    });
  }
};

// args x, k [outer, n, inner, m], positions like k: of the element that k others are before in the
// window's order; t itself where the window has none. params n, inner, window, m
template <class T> struct Argselect {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const int64_t m = params[3];
    forRows<T>(args, params, lo, hi, [&](const Row<T>& row, int64_t start) {
      SortedWindow<T> window(row, params[2]);
      for (int64_t t = 0; t < row.n; ++t) {
        window.step(t);
        const int64_t first = m * (start + t * row.stride);
        const int64_t* k = static_cast<const int64_t*>(args[1]) + first;
        int64_t* positions = static_cast<int64_t*>(args[2]) + first;
        for (int64_t i = 0; i < m; ++i) {
          const bool found = k[i] >= 0 && k[i] < window.size();
          positions[i] = found ? window.begin()[k[i]].position : t;
        }
      }
    });
  }
};

// The mean rank of the newest element among those that are there. params n, inner, window
template <class T> struct Rank {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    forRows<T>(args, params, lo, hi, [&](const Row<T>& row, int64_t start) {
      SortedWindow<T> window(row, params[2]);
      T* results = static_cast<T*>(args[1]) + start;
      for (int64_t t = 0; t < row.n; ++t) {
        window.step(t);
        T& rank = results[t * row.stride];
        rank = row[t]; // NaN
        if (!row.has(t))
          continue;
        const auto ties = std::equal_range(
            window.begin(), window.end(), Element<T>{row[t], 0},
            [](const Element<T>& a, const Element<T>& b) { return a.key < b.key; });
        const int64_t below = ties.first - window.begin(), upTo = ties.second - window.begin();
        rank = static_cast<T>(static_cast<double>(below + upTo + 1) / 2);
      }
    });
  }
};

} // namespace diptych::runtime::kernels
