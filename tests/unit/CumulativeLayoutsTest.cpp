// Cumulative operators in every layout and beside every length of vectors and strips, eager and
// compiled: the bits of one element after the other.
#include "tests/unit/SameBits.h"
#include "tests/unit/Threads.h"

#include <limits>

namespace dt = diptych;
using dt::test::Threads;

namespace {

/// Zeros of both signs, infinities and NaNs among them, also at the beginning of a column.
template <class T> std::vector<T> numbers(int64_t rows, int64_t columns, int64_t seed) {
  std::vector<T> values;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      const int64_t kind = (i * 7 + j * 3 + (i * j) % 5 + seed) % 23;
      double value = static_cast<double>((i * 31 + j * 17 + seed) % 19 - 9) / 8;
      if constexpr (std::is_floating_point_v<T>) {
        if (kind < 3)
          value = kind == 0 ? 0.0 : -0.0;
        if (j % 4 == 3 && i > rows / 2 && kind > 20)
          value =
              kind == 22 ? std::numeric_limits<T>::quiet_NaN() : std::numeric_limits<T>::infinity();
      } else {
        value *= 8;
      }
      values.push_back(static_cast<T>(value));
    }
  return values;
}

// f32 is carried in f64.
template <class T> using Carried = std::conditional_t<std::is_same_v<T, float>, double, T>;

template <class T> Carried<T> multiplyAdd(Carried<T> a, Carried<T> y, Carried<T> b) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fma(a, y, b);
  else
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(y) +
                          static_cast<uint64_t>(b)); // wraps
}

template <class T> bool isBetter(T x, T best) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(x) || std::isnan(best))
      return !std::isnan(best);
  return x > best;
}

/// Down the columns of [rows, columns].
template <class T> struct Expected {
  std::vector<T> sums, recurrences;
  std::vector<int64_t> places;

  Expected(const std::vector<T>& a, const std::vector<T>& b, int64_t rows, int64_t columns)
      : sums(a.size()), recurrences(a.size()), places(a.size()) {
    for (int64_t j = 0; j < columns; ++j) {
      Carried<T> sum{}, y{};
      int64_t best = 0;
      for (int64_t i = 0; i < rows; ++i) {
        const auto at = static_cast<size_t>(i * columns + j);
        sum = i == 0 ? Carried<T>(a[at]) : sum + Carried<T>(a[at]);
        y = i == 0 ? Carried<T>(b[at]) : multiplyAdd<T>(a[at], y, b[at]);
        if (isBetter(a[at], a[static_cast<size_t>(best * columns + j)]))
          best = i;
        sums[at] = static_cast<T>(sum);
        recurrences[at] = static_cast<T>(y);
        places[at] = best;
      }
    }
  }
};

template <class T> void expectBits(const dt::Tensor& got, const std::vector<T>& expected) {
  const auto values = got.to_vector<T>();
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    ASSERT_TRUE(dt::test::sameElement<T>(values[i], expected[i]))
        << "element " << i << ": " << values[i] << ", not " << expected[i];
}

template <class T> void expectColumns(int64_t rows, int64_t columns) {
  SCOPED_TRACE(testing::Message() << rows << " x " << columns << " of "
                                  << dt::name(dt::dtypeOf<T>));
  const auto a = numbers<T>(rows, columns, 1), b = numbers<T>(rows, columns, 2);
  const Expected<T> expected(a, b, rows, columns);
  const dt::Tensor x = dt::tensor(a, {rows, columns}), y = dt::tensor(b, {rows, columns});
  const auto check = [&](auto view, int64_t axis, auto back) {
    const auto all = [=](const dt::Tensor& x, const dt::Tensor& y) {
      return std::vector{back(dt::cumsum(view(x), axis)),
                         back(dt::linear_recurrence(view(x), view(y), axis)),
                         back(dt::argcummax(view(x), axis))};
    };
    for (const auto& got : {all(x, y), dt::jit(all, {.numerics = dt::Numerics::strict})(x, y)}) {
      expectBits(got[0], expected.sums);
      expectBits(got[1], expected.recurrences);
      expectBits(got[2], expected.places);
    }
  };
  const auto same = [](const dt::Tensor& x) { return x; };
  const auto turned = [](const dt::Tensor& x) { return dt::transpose(x); };
  const auto inOneOfTwo = [](const dt::Tensor& x) {
    return dt::select(dt::stack({x, x}, 2), 2, 1);
  };
  check(same, 0, same);
  check(turned, 1, turned);
  check(inOneOfTwo, 0, same);
}

TEST(CumulativeLayouts, AreTheLoop) {
  for (const int64_t rows : {0, 1, 2, 37})
    for (const int64_t columns : {1, 2, 3, 7, 8, 9, 16, 17, 40}) {
      expectColumns<double>(rows, columns);
      expectColumns<float>(rows, columns);
      expectColumns<int32_t>(rows, columns);
      expectColumns<int64_t>(rows, columns);
    }
  expectColumns<double>(5, 0);
}

// Strips end in the middle of a row: near ones, and those of what leaves the caches.
TEST(CumulativeLayouts, StripsAreTheLoop) {
  expectColumns<double>(3, 1030);
  expectColumns<float>(3, 1030);
  expectColumns<double>(34, 16390);
  expectColumns<float>(70, 16390);
}

TEST(CumulativeLayouts, AreTheSameOnThreads) {
  const Threads threads(3);
  expectColumns<double>(300, 1001);
  expectColumns<float>(2000, 33);
}

// Columns behind an axis of batches, read from the end of the axis.
TEST(CumulativeLayouts, OfAMiddleAxisReversed) {
  for (const int64_t inner : {5, 8, 70}) {
    const int64_t batches = 4, n = 9;
    const auto values = numbers<double>(batches * n, inner, 3);
    const dt::Tensor x = dt::tensor(values, {batches, n, inner});
    std::vector<double> expected(values.size());
    for (int64_t batch = 0; batch < batches; ++batch)
      for (int64_t j = 0; j < inner; ++j) {
        double sum = 0;
        for (int64_t i = n - 1; i >= 0; --i) {
          const auto at = static_cast<size_t>((batch * n + i) * inner + j);
          expected[at] = sum = i == n - 1 ? values[at] : sum + values[at];
        }
      }
    expectBits(dt::cumsum(x, 1, {.reverse = true}), expected);
  }
}

} // namespace
