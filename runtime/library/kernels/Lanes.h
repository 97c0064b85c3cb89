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

/// Positions [from, to) of an axis. Windows fill from `begin` on, where results are not this
/// stretch's to write.
struct Stretch {
  int64_t begin, from, to;
};

/// Windows that roll along an axis; params n, inner, window, series.
struct Windows {
  explicit Windows(const int64_t* params)
      : n(params[0]), inner(params[1]), size(std::min(params[0], params[2])), series(params[3]) {}

  /// The first element of a series.
  int64_t start(int64_t number) const { return number / inner * n * inner + number % inner; }

  /// What falls to steps [lo, hi) of `count` series whose positions are counted side by side. Cuts
  /// are a multiple of `unit` apart.
  Stretch stretch(int64_t lo, int64_t hi, int64_t count, int64_t unit) const {
    const auto position = [&](int64_t step) {
      const int64_t stepsApart = unit * count;
      return std::min(n, (std::max<int64_t>(0, step) + stepsApart - 1) / stepsApart * unit);
    };
    const int64_t from = position(lo);
    return {std::max<int64_t>(0, from - (size - 1)), from, position(hi)};
  }

  const int64_t n, inner, size, series;
};

/// Series side by side, one to each lane of a vector. Where they are fewer than there are lanes,
/// each is cut into pieces, one to a lane, that begin size - 1 elements early. What a piece gives
/// there is not whole yet, and the piece before writes it again, later: so rows are to be written
/// in order.
template <int lanes> class Lanes {
public:
  /// `count` series from `first` on.
  Lanes(const Windows& windows, const Stretch& stretch, int64_t first, int64_t count)
      : early_(stretch.from - stretch.begin), stride_(windows.inner) {
    const int64_t n = stretch.to - stretch.begin, early = windows.size - 1;
    const int64_t pieces = lanes / count;
    rows_ = rowsOf(n, early, pieces);
    together_ = count == lanes && first % windows.inner + lanes <= windows.inner;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const int64_t piece = std::min(lane / count, pieces - 1);
      begins_[lane] = stretch.begin + std::min(piece * (rows_ - early), n - rows_);
      places_[lane] = windows.start(first + lane % count) + begins_[lane] * stride_;
    }
  }

  /// How many results a row has, of `count` series.
  static double used(const Windows& windows, int64_t count) {
    const int64_t rows = rowsOf(windows.n, windows.size - 1, lanes / count);
    return static_cast<double>(count * windows.n) / static_cast<double>(rows);
  }

  int64_t rows() const { return rows_; }
  /// Whether a row's results are this stretch's to write.
  bool isOwn(int64_t row) const { return row >= early_; }
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
  // pieces * rows - (pieces - 1) * early >= n
  static int64_t rowsOf(int64_t n, int64_t early, int64_t pieces) {
    return std::min(n, (n + (pieces - 1) * early + pieces - 1) / pieces);
  }

  int64_t early_, rows_, stride_;
  bool together_;
  int64_t begins_[lanes], places_[lanes];
};

/// Steps [lo, hi), n of each series: together(lanes) where a row has at least so many results, else
/// alone(series, stretch). `lanes` series after the other, whatever the range; a cut along the axis
/// fills windows again, so cuts are some windows apart.
template <int lanes, class Together, class Alone>
void forSeries(const Windows& windows, int64_t lo, int64_t hi, double least, Together together,
               Alone alone) {
  constexpr int64_t kWindowsApart = 2;
  if (lo >= hi) // an axis without elements, say
    return;
  const int64_t n = windows.n, apart = kWindowsApart * windows.size;
  for (int64_t first = lo / n / lanes * lanes; first * n < hi; first += lanes) {
    const int64_t count = std::min<int64_t>(lanes, windows.series - first);
    if (Lanes<lanes>::used(windows, count) >= least) {
      const Stretch stretch =
          windows.stretch(lo - first * n, hi - first * n, count, apart * (lanes / count));
      if (stretch.from < stretch.to)
        together(Lanes<lanes>(windows, stretch, first, count));
      continue;
    }
    for (int64_t series = first; series < first + count; ++series) {
      const Stretch stretch = windows.stretch(lo - series * n, hi - series * n, 1, apart);
      if (stretch.from < stretch.to)
        alone(series, stretch);
    }
  }
}

} // namespace diptych::runtime::kernels
