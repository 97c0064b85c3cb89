// Windows computed each on its own, in long double and two passes, and series to compute them on.
#pragma once

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "SameBits.h"

namespace diptych::test {

using Wide = long double;
using Numbers = std::vector<double>;
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

inline Numbers numbers(const Tensor& x) { return x.astype(f64).to_vector<double>(); }

/// The elements of one window that are there, and their positions. Long double has too few digits
/// for products about a large mean: x and y are differences from the first element, exactly.
struct WindowOf {
  std::vector<Wide> x, y, place;
  std::vector<double> raw; // of x, as it is
  double newest = 0, first = 0, firstOfY = 0;

  Wide n() const { return static_cast<Wide>(x.size()); }
  static Wide mean(const std::vector<Wide>& v) {
    Wide total = 0;
    for (Wide each : v)
      total += each;
    return total / static_cast<Wide>(v.size());
  }
  static Wide product(const std::vector<Wide>& a, const std::vector<Wide>& b) {
    Wide total = 0;
    for (size_t i = 0; i < a.size(); ++i)
      total += (a[i] - mean(a)) * (b[i] - mean(b));
    return total;
  }
};

using Statistic = std::function<Wide(const WindowOf&)>;

/// One column of a naive computation; y may be empty.
inline Numbers naive(const Numbers& x, const Numbers& y, int64_t window, int64_t least,
                     const Statistic& statistic) {
  Numbers results;
  for (int64_t t = 0; t < static_cast<int64_t>(x.size()); ++t) {
    WindowOf w;
    w.newest = x[static_cast<size_t>(t)];
    for (int64_t i = std::max<int64_t>(0, t - window + 1); i <= t; ++i) {
      const auto at = static_cast<size_t>(i);
      if (std::isnan(x[at]) || (!y.empty() && std::isnan(y[at])))
        continue;
      if (w.x.empty()) {
        w.first = x[at];
        w.firstOfY = y.empty() ? 0 : y[at];
      }
      w.x.push_back(Wide(x[at]) - w.first);
      w.y.push_back(y.empty() ? 0 : Wide(y[at]) - w.firstOfY);
      w.raw.push_back(x[at]);
      w.place.push_back(static_cast<Wide>(i));
    }
    results.push_back(static_cast<int64_t>(w.x.size()) < least ? kNaN
                                                               : static_cast<double>(statistic(w)));
  }
  return results;
}

inline void expectNear(const Tensor& got, const Numbers& expected, double tolerance) {
  const Numbers values = numbers(got);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(expected[i]))
      EXPECT_TRUE(sameElement(values[i], expected[i])) << "at " << i << ": " << values[i];
    else
      EXPECT_NEAR(values[i], expected[i], tolerance * std::max(1.0, std::abs(expected[i])))
          << "at " << i;
}

/// Noise about an offset, some of it missing, a stretch that is constant and one that is missing.
inline Numbers series(size_t n, double offset, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> noise;
  Numbers x;
  for (size_t i = 0; i < n; ++i) {
    const bool missing = generator() % 11 == 0 || (i >= 30 && i < 40) || i < 2;
    x.push_back(missing ? kNaN : offset + (i >= 44 && i < 56 ? 0 : noise(generator)));
  }
  return x;
}

} // namespace diptych::test
