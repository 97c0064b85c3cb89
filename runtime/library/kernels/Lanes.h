// Series along an axis of [outer, n, inner], several at once: one to each lane of a vector. Knows
// where they lie and what their windows overlap; computes nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace diptych::runtime::kernels {

template <class T, int lanes> struct VectorOf {
  static constexpr size_t kBytes = lanes * sizeof(T);
  // An Array's memory is aligned to 32.
  typedef T Type __attribute__((vector_size(kBytes), aligned(kBytes < 32 ? kBytes : 32)));
};
template <class T, int lanes> using Vector = typename VectorOf<T, lanes>::Type;

/// Windows that roll along an axis; params n, inner, window.
struct Windows {
  explicit Windows(const int64_t* params)
      : n(params[0]), inner(params[1]), size(std::min(params[0], params[2])) {}

  /// The first element of a series.
  int64_t start(int64_t series) const { return series / inner * n * inner + series % inner; }

  const int64_t n, inner, size;
};

/// `count` series from `first` on. Where that is fewer than there are lanes, each is cut into
/// pieces, one to a lane, that begin size - 1 elements early. What a piece gives there is not whole
/// yet, and the piece before writes it again, later: so rows are to be written in order.
template <int lanes> class Lanes {
public:
  Lanes(const Windows& windows, int64_t first, int64_t count) : stride_(windows.inner) {
    const int64_t n = windows.n, early = windows.size - 1, pieces = lanes / count;
    // pieces * rows - (pieces - 1) * early >= n
    rows_ = std::min(n, (n + (pieces - 1) * early + pieces - 1) / pieces);
    used_ = static_cast<double>(count * n) / static_cast<double>(rows_);
    together_ = count == lanes && first % windows.inner + lanes <= windows.inner;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t piece = std::min(lane / count, pieces - 1);
      begins_[lane] = std::min(piece * (rows_ - early), n - rows_);
      places_[lane] = windows.start(first + lane % count) + begins_[lane] * stride_;
    }
  }

  int64_t rows() const { return rows_; }
  /// How many results a row has.
  double used() const { return used_; }
  /// The position along the axis of a lane's element in row 0.
  int64_t begin(int lane) const { return begins_[lane]; }

  /// what(lane, place) for each element of a row.
  template <class F> [[gnu::always_inline]] void each(int64_t row, F what) const {
    const int64_t along = row * stride_;
    if (together_) {
#pragma clang loop unroll(full)
      for (int lane = 0; lane < lanes; ++lane)
        what(lane, places_[0] + along + lane);
    } else {
#pragma clang loop unroll(full)
      for (int lane = 0; lane < lanes; ++lane)
        what(lane, places_[lane] + along);
    }
  }
  /// Fetches a later row of x, which has m numbers for each element: rows may lie so far apart that
  /// the hardware does not see them coming.
  template <class T>
  [[gnu::always_inline]] void fetch(const T* x, int64_t row, int64_t m = 1) const {
    constexpr int64_t kAhead = 12, kLine = 64;
    if (!together_ || row + kAhead >= rows_)
      return;
    const auto* next =
        reinterpret_cast<const char*>(x + (places_[0] + (row + kAhead) * stride_) * m);
    const int64_t last = lanes * m * static_cast<int64_t>(sizeof(T)) - 1;
    for (int64_t i = 0; i < last; i += kLine)
      __builtin_prefetch(next + i);
    __builtin_prefetch(next + last);
  }

private:
  int64_t rows_, stride_;
  double used_;
  bool together_;
  int64_t begins_[lanes], places_[lanes];
};

/// Series lo to hi: together(lanes) where at least so many lanes are used, else alone(series).
template <int lanes, class Together, class Alone>
void forSeries(const Windows& windows, int64_t lo, int64_t hi, double least, Together together,
               Alone alone) {
  for (int64_t first = lo; first < hi; first += lanes) {
    const int64_t count = std::min<int64_t>(lanes, hi - first);
    const Lanes<lanes> group(windows, first, count);
    if (group.used() >= least)
      together(group);
    else
      for (int64_t series = first; series < first + count; ++series)
        alone(series);
  }
}

} // namespace diptych::runtime::kernels
