// Windows that roll along an axis, by order: extrema, ranks, quantiles. NaN counts as missing (a
// comparison with it never holds), and a window is shorter at the start of the axis. Results are
// positions and counts, so they do not depend on how they are found.
#pragma once

#include "runtime/library/kernels/Array.h"
#include "runtime/library/kernels/Lanes.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace diptych::runtime::kernels {

//===-- Extrema ------------------------------------------------------------------------------===//

/// Elements, in f64 whatever they are, and their positions.
template <int lanes> struct Best {
  Vector<double, lanes> value;
  Vector<int64_t, lanes> position;
};

// The older of equals, the newer where both are missing; associative.
template <bool greatest, int lanes>
[[gnu::always_inline]] inline void better(const Best<lanes>& older, const Best<lanes>& newer,
                                          Best<lanes>& result) {
  const Vector<int64_t, lanes> wins =
      (greatest ? newer.value > older.value : newer.value < older.value) |
      (older.value != older.value);
  result = {wins ? newer.value : older.value, wins ? newer.position : older.position};
}

// van Herk, Gil and Werman: the axis is cut into blocks of the window's size, and a window is the
// end of one and the beginning of the next.
template <class T, bool greatest, int lanes>
void extrema(const Lanes<lanes>& series, int64_t window, const T* x, int64_t* results) {
  Array<Best<lanes>> ends(window); // of the block before, from each place on
  Best<lanes> own, whole;
  for (int lane = 0; lane < lanes; ++lane)
    own.position[lane] = series.begin(lane);
  for (int64_t from = 0; from < series.rows(); from += window) {
    const int64_t size = std::min(window, series.rows() - from);
    Best<lanes> so{};
    so.value += std::numeric_limits<double>::quiet_NaN();
    for (int64_t i = 0; i < size; ++i, own.position += 1) {
      series.fetch(x, from + i);
      series.fetch(results, from + i);
      series.each(from + i, [&](int lane, int64_t place) { own.value[lane] = x[place]; });
      better<greatest>(so, own, so);
      whole = so;
      if (from > 0 && i + 1 < window)
        better<greatest>(ends[i + 1], so, whole);
      if (series.isOwn(from + i))
        series.each(from + i,
                    [&](int lane, int64_t place) { results[place] = whole.position[lane]; });
      ends[i] = own;
    }
    so = ends[size - 1];
    for (int64_t i = size - 1; i-- > 0;) {
      better<greatest>(ends[i], so, so);
      ends[i] = so;
    }
  }
}

// params n, inner, window, series
template <class T, bool greatest> struct Extremum {
  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    constexpr int kLanes = 8;
    const Windows windows(params);
    const T* x = static_cast<const T*>(args[0]);
    int64_t* results = static_cast<int64_t*>(args[1]);
    forSeries<kLanes>(
        windows, lo, hi, std::max(3.0, static_cast<double>(windows.size) / 512),
        [&](const auto& lanes) { extrema<T, greatest>(lanes, windows.size, x, results); },
        [&](int64_t series, const Stretch& stretch) {
          extrema<T, greatest>(Lanes<1>(windows, stretch, series, 1), windows.size, x, results);
        });
  }
};
template <class T> using Argmax = Extremum<T, true>;
template <class T> using Argmin = Extremum<T, false>;

//===-- Order --------------------------------------------------------------------------------===//
// Each step compares the newest element with all of the window, lane by lane: w / lanes. Windows
// that are large for the lanes they fill are kept in order instead.

/// The elements of a window that are there, in order. A step moves up to `window` of them in memory
/// and compares only log(window).
template <class T> class SortedWindow {
public:
  /// The first step is to `begin`.
  SortedWindow(const T* x, const Windows& windows, int64_t begin)
      : x_(x), stride_(windows.inner), window_(windows.size), begin_(begin),
        elements_(windows.size) {}

  /// To the window that ends at t; steps come in order.
  void step(int64_t t) {
    const int64_t gone = t - window_;
    if (gone >= begin_ && has(gone)) {
      Element<T>* at = place(gone);
      std::copy(at + 1, end(), at);
      --size_;
    }
    if (has(t)) {
      Element<T>* at = place(t);
      std::copy_backward(at, end(), end() + 1);
      *at = {x_[t * stride_], t};
      ++size_;
    }
  }
  int64_t size() const { return size_; }
  Element<T>* begin() { return elements_.begin(); }
  Element<T>* end() { return begin() + size_; }

private:
  bool has(int64_t i) const { return !std::isnan(x_[i * stride_]); }
  Element<T>* place(int64_t i) {
    return std::lower_bound(begin(), end(), Element<T>{x_[i * stride_], i});
  }

  const T* x_;
  const int64_t stride_, window_, begin_;
  int64_t size_ = 0;
  Array<Element<T>> elements_;
};

/// What comparing gives: 0 or -1, as wide as T.
template <class T> using Integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

// The mean rank of the newest element among those that are there. params n, inner, window, series
template <class T> struct Rank {
  static constexpr int kLanes = 64 / sizeof(T);
  using Values = Vector<T, kLanes>;

  static void compared(const Lanes<kLanes>& series, int64_t window, const T* x, T* results) {
    Array<Values> ring(window);
    const Values* elements = ring.begin();
    for (int64_t row = 0, slot = 0; row < series.rows(); ++row) {
      series.fetch(x, row);
      series.fetch(results, row);
      Values newest;
      series.each(row, [&](int lane, int64_t place) { newest[lane] = x[place]; });
      ring[slot] = newest;
      slot = slot + 1 < window ? slot + 1 : 0;
      if (!series.isOwn(row))
        continue;
      Vector<Integer<T>, kLanes> below{}, upTo{};
      const int64_t size = std::min(row + 1, window);
      for (int64_t i = 0; i < size; ++i) {
        below -= elements[i] < newest;
        upTo -= elements[i] <= newest;
      }
      Values rank = __builtin_convertvector(below + upTo + 1, Values) / 2;
      rank = newest == newest ? rank : newest;
      series.each(row, [&](int lane, int64_t place) { results[place] = rank[lane]; });
    }
  }

  static void sorted(const Windows& windows, const Stretch& stretch, const T* x, T* results) {
    SortedWindow<T> window(x, windows, stretch.begin);
    for (int64_t t = stretch.begin; t < stretch.to; ++t) {
      window.step(t);
      if (t < stretch.from)
        continue;
      const int64_t at = t * windows.inner;
      results[at] = x[at];
      if (std::isnan(x[at]))
        continue;
      const auto ties =
          std::equal_range(window.begin(), window.end(), Element<T>{x[at], 0},
                           [](const Element<T>& a, const Element<T>& b) { return a.key < b.key; });
      const int64_t below = ties.first - window.begin(), upTo = ties.second - window.begin();
      results[at] = static_cast<T>(static_cast<double>(below + upTo + 1) / 2);
    }
  }

  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const Windows windows(params);
    const T* x = static_cast<const T*>(args[0]);
    T* results = static_cast<T*>(args[1]);
    forSeries<kLanes>(
        windows, lo, hi, static_cast<double>(windows.size) / 512,
        [&](const auto& lanes) { compared(lanes, windows.size, x, results); },
        [&](int64_t series, const Stretch& stretch) {
          sorted(windows, stretch, x + windows.start(series), results + windows.start(series));
        });
  }
};

/// Elements of windows, in rings, and how many others are before each of them, which is kept from
/// step to step: one element comes, one goes, and all are compared with both.
template <class T> class RankedWindows {
public:
  static constexpr int kLanes = 16, kMost = 1152; // elements
  using Counts = Vector<int16_t, kLanes>;

  explicit RankedWindows(int64_t window) : window_(window), elements_(window), before_(window) {}

  [[gnu::always_inline]] void step(const Vector<T, kLanes>& x) {
    slot_ = slot_ + 1 < window_ ? slot_ + 1 : 0;
    const Row oldest = elements_[slot_];
    Row newest;
#pragma clang loop unroll(full)
    for (int lane = 0; lane < kLanes; ++lane)
      newest.parts[lane % kParts][lane / kParts] = x[lane];
    elements_[slot_] = newest;
    const Counts isThere = upTo(newest, newest);
    there_ -= isThere;
    Counts behind;
    if (filled_ < window_) {
      ++filled_;
      behind = join(newest, [](const Row&) { return Counts{}; });
    } else {
      there_ += upTo(oldest, oldest);
      behind = join(newest, [&](const Row& element) { return upTo(oldest, element); });
    }
    before_[slot_] = isThere ? there_ - 1 - behind : Counts{} + int16_t{kMost};
  }

  /// How many steps ago came what k others are before; 0 where there is no such element.
  [[gnu::always_inline]] Counts ageOf(const Counts k) {
    Counts found{}, from{}; // slots from that element's to the last
    const Counts* before = before_.begin();
    for (int64_t i = 0, filled = filled_; i < filled; ++i) {
      found |= before[i] == k;
      from -= found;
    }
    Counts age = from + static_cast<int16_t>(slot_ - filled_);
    age += age < 0 ? Counts{} + static_cast<int16_t>(window_) : Counts{};
    return from > 0 ? age : Counts{};
  }

private:
  // Lane i is element i / kParts of part i % kParts, so that 16 bits of each part's comparison, in
  // turns, are the comparison of all lanes.
  static constexpr int kParts = sizeof(T) / sizeof(int16_t);
  using Part = Vector<T, kLanes / kParts>;
  using Mask = Vector<Integer<T>, kLanes / kParts>;
  struct Row {
    Part parts[kParts];
  };

  template <class Compare>
  [[gnu::always_inline]] static Counts compare(const Row& x, const Row& y, Compare compare) {
    Counts all{};
#pragma clang loop unroll(full)
    for (int i = 0; i < kParts; ++i) {
      const Mask turn = Mask{} + (Integer<T>{0xffff} << (16 * i));
      const Mask mask = compare(x.parts[i], y.parts[i]);
      all = reinterpret_cast<Counts>(turn) ? reinterpret_cast<Counts>(mask) : all;
    }
    return all;
  }
  [[gnu::always_inline]] static Counts less(const Row& x, const Row& y) {
    return compare(x, y, [](const Part& a, const Part& b) -> Mask { return a < b; });
  }
  [[gnu::always_inline]] static Counts upTo(const Row& x, const Row& y) {
    return compare(x, y, [](const Part& a, const Part& b) -> Mask { return a <= b; });
  }

  // The newest stands behind its equals, the oldest, which left(element) asks for, before them:
  // returns how many are behind the newest.
  template <class Left> [[gnu::always_inline]] Counts join(const Row newest, const Left& left) {
    const Row* elements = elements_.begin();
    Counts* before = before_.begin();
    Counts behind{};
    for (int64_t i = 0, filled = filled_; i < filled; ++i) {
      const Counts gains = less(newest, elements[i]);
      before[i] += left(elements[i]) - gains;
      behind -= gains;
    }
    return behind;
  }

  const int64_t window_;
  int64_t slot_ = -1, filled_ = 0;
  Counts there_{};
  Array<Row> elements_;
  Array<Counts> before_;
};

// args x, k [outer, n, inner, m], positions like k: of the element that k others are before in the
// window's order; t itself where the window has none. params n, inner, window, series, m
template <class T> struct Argselect {
  using Ranked = RankedWindows<T>;
  static constexpr int kLanes = Ranked::kLanes;
  using Positions = Vector<int64_t, kLanes>;

  static void compared(const Lanes<kLanes>& series, int64_t size, int64_t m, const T* x,
                       const int64_t* k, int64_t* results) {
    Ranked windows(size);
    Positions position;
    for (int lane = 0; lane < kLanes; ++lane)
      position[lane] = series.begin(lane);
    for (int64_t row = 0; row < series.rows(); ++row, position += 1) {
      series.fetch(x, row);
      series.fetch(k, row, m);
      series.fetch(results, row, m);
      Vector<T, kLanes> newest;
      series.each(row, [&](int lane, int64_t place) { newest[lane] = x[place]; });
      windows.step(newest);
      if (!series.isOwn(row))
        continue;
      for (int64_t i = 0; i < m; ++i) {
        Positions asked;
        series.each(row, [&](int lane, int64_t place) { asked[lane] = k[place * m + i]; });
        asked = ((asked >= 0) & (asked < size)) ? asked : Positions{} - 1;
        const auto age = windows.ageOf(__builtin_convertvector(asked, typename Ranked::Counts));
        asked = position - __builtin_convertvector(age, Positions);
        series.each(row, [&](int lane, int64_t place) { results[place * m + i] = asked[lane]; });
      }
    }
  }

  static void sorted(const Windows& windows, const Stretch& stretch, int64_t m, const T* x,
                     const int64_t* k, int64_t* results) {
    SortedWindow<T> window(x, windows, stretch.begin);
    for (int64_t t = stretch.begin; t < stretch.to; ++t) {
      window.step(t);
      if (t < stretch.from)
        continue;
      const int64_t first = m * t * windows.inner;
      for (int64_t i = first; i < first + m; ++i) {
        const bool found = k[i] >= 0 && k[i] < window.size();
        results[i] = found ? window.begin()[k[i]].position : t;
      }
    }
  }

  static void run(void* const* args, const int64_t* params, int64_t lo, int64_t hi) {
    const Windows windows(params);
    const int64_t m = params[4];
    const T* x = static_cast<const T*>(args[0]);
    const int64_t* k = static_cast<const int64_t*>(args[1]);
    int64_t* results = static_cast<int64_t*>(args[2]);
    forSeries<kLanes>(
        windows, lo, hi, static_cast<double>(windows.size) * kLanes / Ranked::kMost,
        [&](const auto& lanes) { compared(lanes, windows.size, m, x, k, results); },
        [&](int64_t series, const Stretch& stretch) {
          const int64_t start = windows.start(series);
          sorted(windows, stretch, m, x + start, k + start * m, results + start * m);
        });
  }
};

/// Bytes of memory that any of these asks for at most: 16 to an element of one window, or ten times
/// that for windows of several series, which are short then. Linear in n, for sizes that are open.
inline int64_t rollingScratch(int64_t n, int64_t window) {
  return 256 + 16 * n + std::min<int64_t>(160 * std::min<int64_t>(window, 1 << 12), 1 << 19);
}

} // namespace diptych::runtime::kernels
