// Positions in order and places in sorted rows against the C++ library, for lengths at which
// sorting takes other ways.
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace dt = diptych;

namespace {

enum class Kind { wide, narrow, few, special, outlier, rising, falling, nearly };
constexpr Kind kKinds[] = {Kind::wide,    Kind::narrow, Kind::few,     Kind::special,
                           Kind::outlier, Kind::rising, Kind::falling, Kind::nearly};

template <class T> bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a < b || (std::isnan(b) && !std::isnan(a));
  else
    return a < b;
}

// Numbers of every magnitude, of one, with ties, at the ends of the dtype, or alike in all but the
// last bits beside one that is far away.
template <class T> std::vector<T> row(Kind kind, int64_t n, std::mt19937_64& engine) {
  using Limits = std::numeric_limits<T>;
  std::normal_distribution<double> normal;
  std::vector<T> x(static_cast<size_t>(n));
  const T special[] = {T(-0.0),
                       T(0),
                       T(1),
                       T(-1),
                       Limits::max(),
                       Limits::lowest(),
                       Limits::min(),
                       Limits::infinity(),
                       T(-Limits::infinity()),
                       Limits::quiet_NaN(),
                       T(-Limits::quiet_NaN()),
                       Limits::denorm_min()};
  for (T& element : x) {
    const double draw = normal(engine);
    const auto last = static_cast<double>(engine() % 1000);
    switch (kind) {
    case Kind::few: element = static_cast<T>(std::round(2 * draw)); break;
    case Kind::special: element = special[engine() % std::size(special)]; break;
    case Kind::narrow: element = static_cast<T>(1000 + last); break;
    case Kind::outlier:
      element = static_cast<T>(std::is_integral_v<T> ? last : 1 + last * Limits::epsilon());
      break;
    default: element = static_cast<T>(draw * std::exp2(static_cast<double>(engine() % 28)));
    }
  }
  if (kind == Kind::outlier)
    x.front() = Limits::max(), x.back() = Limits::lowest();
  if (kind == Kind::rising || kind == Kind::nearly)
    std::sort(x.begin(), x.end());
  if (kind == Kind::falling)
    std::sort(x.rbegin(), x.rend());
  if (kind == Kind::nearly)
    std::swap(x.front(), x[x.size() / 2]);
  return x;
}

template <class T> std::vector<int64_t> ordered(const std::vector<T>& x, bool descending) {
  std::vector<int64_t> positions(x.size());
  std::iota(positions.begin(), positions.end(), 0);
  std::stable_sort(positions.begin(), positions.end(), [&](int64_t i, int64_t j) {
    const T a = x[static_cast<size_t>(i)], b = x[static_cast<size_t>(j)];
    return descending && a == a && b == b ? b < a : before(a, b);
  });
  return positions;
}

template <class T> class Order : public testing::Test {};
using Numbers = testing::Types<float, double, int32_t, int64_t>;
TYPED_TEST_SUITE(Order, Numbers);

// Runs have up to 48 words, eight of them are sorted at a time, 2048 words stay in cache.
constexpr int64_t kLengths[] = {1,   2,   3,   5,    8,    15,   16,   17,   31,   33,   47,  48,
                                49,  95,  96,  97,   98,   191,  192,  193,  194,  300,  383, 384,
                                385, 767, 769, 1537, 2047, 2048, 2049, 3073, 5000, 12289};

TYPED_TEST(Order, OfRowsIsThatOfAStableSort) {
  std::mt19937_64 engine(1);
  for (const int64_t n : kLengths)
    for (const Kind kind : kKinds)
      for (const bool descending : {false, true}) {
        const int64_t rows = n < 400 ? 70 : 3;
        std::vector<TypeParam> x;
        std::vector<int64_t> expected;
        for (int64_t i = 0; i < rows; ++i) {
          // Every other row of another kind.
          const auto other = static_cast<size_t>(i % 2 * i % 8) ^ static_cast<size_t>(kind);
          const auto drawn = row<TypeParam>(kKinds[other], n, engine);
          const auto positions = ordered(drawn, descending);
          x.insert(x.end(), drawn.begin(), drawn.end());
          expected.insert(expected.end(), positions.begin(), positions.end());
        }
        const dt::Tensor tensor = dt::tensor(x, {rows, n});
        EXPECT_EQ(dt::argsort(tensor, 1, descending).template to_vector<int64_t>(), expected)
            << "n " << n << ", kind " << static_cast<int>(kind) << ", descending " << descending;
      }
}

TYPED_TEST(Order, OfColumnsIsThatOfTheirRows) {
  std::mt19937_64 engine(2);
  for (const int64_t n : {1, 2, 17, 48, 97, 300, 770, 2049, 5000})
    for (const int64_t columns : {2, 7, 64, 65})
      for (const bool descending : {false, true}) {
        std::vector<TypeParam> x;
        for (int64_t i = 0; i < columns; ++i) {
          const auto drawn = row<TypeParam>(kKinds[(i + n) % 8], n, engine);
          x.insert(x.end(), drawn.begin(), drawn.end());
        }
        const dt::Tensor rows = dt::tensor(x, {columns, n});
        const auto expected = dt::transpose(dt::argsort(rows, 1, descending));
        // A matrix of columns, and one of several.
        const dt::Tensor matrix = dt::transpose(rows);
        EXPECT_EQ(dt::argsort(matrix, 0, descending).template to_vector<int64_t>(),
                  expected.template to_vector<int64_t>())
            << n << " rows, " << columns << " columns";
        EXPECT_EQ(
            dt::argsort(dt::stack({matrix, matrix}), 1, descending).template to_vector<int64_t>(),
            dt::stack({expected, expected}).template to_vector<int64_t>());
      }
}

TEST(OrderOf, Nothing) {
  for (const dt::Shape& shape : {dt::Shape{0}, {3, 0}, {0, 3}, {2, 0, 3}})
    for (int axis = 0; axis < shape.size(); ++axis) {
      const auto order = [axis](const dt::Tensor& x) { return dt::argsort(x, axis); };
      EXPECT_EQ(order(dt::zeros(shape)).numel(), 0);
      EXPECT_EQ(dt::jit(order)(dt::zeros(shape)).numel(), 0);
    }
}

TYPED_TEST(Order, PlacesOfValuesAreThoseOfTheLibrary) {
  std::mt19937_64 engine(3);
  for (const int64_t n : {0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 1000})
    for (const int64_t m : {1, 7, 8, 9, 40})
      for (const Kind kind : {Kind::wide, Kind::few, Kind::special}) {
        const int64_t rows = 5;
        std::vector<TypeParam> sorted, values;
        std::vector<int64_t> left, right;
        for (int64_t i = 0; i < rows; ++i) {
          auto elements = n ? row<TypeParam>(kind, n, engine) : std::vector<TypeParam>();
          std::sort(elements.begin(), elements.end(), before<TypeParam>);
          const auto wanted = row<TypeParam>(kind, m, engine);
          for (const TypeParam value : wanted) {
            const auto range =
                std::equal_range(elements.begin(), elements.end(), value, before<TypeParam>);
            left.push_back(range.first - elements.begin());
            right.push_back(range.second - elements.begin());
          }
          sorted.insert(sorted.end(), elements.begin(), elements.end());
          values.insert(values.end(), wanted.begin(), wanted.end());
        }
        const dt::Tensor s =
            n ? dt::tensor(sorted, {rows, n}) : dt::zeros({rows, 0}, dt::dtypeOf<TypeParam>);
        const dt::Tensor v = dt::tensor(values, {rows, m});
        EXPECT_EQ(dt::searchsorted(s, v).template to_vector<int64_t>(), left) << n << ", " << m;
        EXPECT_EQ(dt::searchsorted(s, v, dt::Side::right).template to_vector<int64_t>(), right);
      }
}

} // namespace
