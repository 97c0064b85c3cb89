// Sums of the same numbers in other layouts: along a row, across a column, few or many of them side
// by side, with what is left over from 16 partials and from blocks of 4096. The bits are the same.
#include "tests/unit/SameBits.h"

#include "runtime/ColumnPlan.h"

namespace dt = diptych;
using namespace diptych::test;

namespace {

class FoldLayouts : public testing::TestWithParam<int64_t> {};

// [n, columns] is summed across columns, its transpose along rows.
TEST_P(FoldLayouts, HaveTheSameBits) {
  const int64_t n = GetParam();
  dt::manual_seed(n);
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const int64_t columns : {1, 2, 3, 5, 8, 9, 16, 17, 40}) {
      SCOPED_TRACE(std::to_string(columns) + " columns of " + dt::name(dtype));
      const auto x = dt::randn({n, columns}, dtype);
      const auto rows = dt::transpose(x).contiguous();
      const auto across = [](const dt::Tensor& x) { return dt::sum(x, 0); };
      const auto along = [](const dt::Tensor& x) { return dt::sum(x, 1); };
      const auto largest = [](const dt::Tensor& x) { return dt::max(x * x, 0); };
      const dt::Tensor sums = across(x);
      EXPECT_TRUE(sameBits(along(rows), sums));
      EXPECT_TRUE(sameBits(strictJit(across)(x), sums));
      EXPECT_TRUE(sameBits(strictJit(along)(rows), sums));
      EXPECT_TRUE(sameBits(strictJit(along)(x), along(x)));
      EXPECT_TRUE(sameBits(strictJit(largest)(x), largest(x)));
    }
}
// What leaves the second cache is folded in tiles, eager too.
TEST(FoldLayouts, LargeColumnsHaveTheBitsOfRows) {
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const dt::Shape& shape :
         std::vector<dt::Shape>{{4900, 260}, {70000, 17}, {9001, 64}, {1100, 1024}, {8333, 540}}) {
      SCOPED_TRACE(std::to_string(shape[0]) + " x " + std::to_string(shape[1]) + " of " +
                   dt::name(dtype));
      const dt::Tensor x = dt::randn(shape, dtype);
      const dt::Tensor views[] = {x, dt::flip(x, {0}), dt::slice(x, 1, 1, shape[1] - 2)};
      for (const dt::Tensor& view : views) {
        const dt::Tensor rows = dt::transpose(view).contiguous();
        EXPECT_TRUE(sameBits(dt::sum(view, 0), dt::sum(rows, 1)));
        EXPECT_TRUE(sameBits(dt::max(view, 0), dt::max(rows, 1)));
      }
      const auto across = [](const dt::Tensor& x) { return dt::sum(x, 0); };
      EXPECT_TRUE(sameBits(strictJit(across)(x), across(x)));
    }
}
// Eager, an operator at a time: no sum is -0.0, NaN stays, and views are as good as arrays.
TEST(FoldLayouts, ShortAxesHaveTheBitsOfTheKernel) {
  const auto folds = [](int64_t axis) {
    return [axis](const dt::Tensor& x) {
      return std::tuple(dt::sum(x, axis), dt::max(x, axis), dt::min(x, axis), dt::prod(x, axis),
                        dt::any(x > 0, axis), dt::all(x >= 0, axis));
    };
  };
  const double special[] = {-0.0, 0.0, NAN, INFINITY, -INFINITY, 1.5, -0.0, -2.5};
  for (int64_t n = 1; n <= 6; ++n)
    for (const dt::DType dtype : {dt::f64, dt::f32, dt::i64, dt::bf16}) {
      SCOPED_TRACE(std::to_string(n) + " of " + dt::name(dtype));
      std::vector<double> values;
      for (int64_t i = 0; i < n * 9 * 14; ++i)
        values.push_back(dt::isFloat(dtype) ? special[i * i / 3 % 8] : static_cast<double>(i % 7));
      const dt::Tensor x = dt::tensor(values).astype(dtype);
      for (const int64_t axis : {0, 1, 2}) {
        dt::Shape shape{9, 14};
        shape.insert(static_cast<int>(axis), n);
        const dt::Tensor whole = dt::reshape(x, shape);
        expectEagerBits(folds(axis), whole);
        const dt::Tensor last = dt::slice(dt::flip(whole, {1}), 0, 0, shape[0], 2);
        EXPECT_TRUE(sameBits(folds(axis)(last), folds(axis)(last.contiguous())));
      }
    }
}
// By definition: NaN if there is one, -0 below +0.
double extremum(const std::vector<double>& x, bool largest) {
  double found = largest ? -INFINITY : INFINITY;
  for (const double v : x) {
    if (std::isnan(v))
      return v;
    const bool zeros = v == 0 && found == 0;
    if (zeros ? std::signbit(found) == largest : largest ? v > found : v < found)
      found = v;
  }
  return found;
}

// One special number at each place among smaller, larger and equal ones; also nothing but it.
TEST_P(FoldLayouts, ExtremaOfSpecialNumbers) {
  const int64_t n = GetParam();
  const double nan = NAN, specials[] = {0.0, -0.0, INFINITY, -INFINITY, nan, -nan, 5e-324, -5e-324};
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const double special : specials)
      for (const double other : {0.0, -0.0, 1.0, -1.0, special})
        for (const int64_t place : {int64_t{0}, n / 2, n - 1}) {
          std::vector<double> x(static_cast<size_t>(n), other);
          x[static_cast<size_t>(place)] = special;
          const dt::Tensor row = dt::tensor(x, {1, n}).to(dtype);
          for (const bool largest : {true, false}) {
            const auto f = [&](int64_t axis) {
              return [=](const dt::Tensor& t) {
                return largest ? dt::max(t, axis) : dt::min(t, axis);
              };
            };
            const double expected = static_cast<double>(
                dtype == dt::f32 ? static_cast<float>(extremum(x, largest)) : extremum(x, largest));
            for (const double found :
                 {f(1)(row).to(dt::f64).item<double>(),
                  f(0)(dt::transpose(row).contiguous()).to(dt::f64).item<double>()}) {
              EXPECT_EQ(std::isnan(found), std::isnan(expected));
              if (!std::isnan(expected)) {
                EXPECT_EQ(found, expected);
                EXPECT_EQ(std::signbit(found), std::signbit(expected));
              }
            }
          }
        }
}

// Compiled for the length: loops of another shape than eager mode's.
TEST_P(FoldLayouts, CompiledExtremaHaveEagerBits) {
  const int64_t n = GetParam();
  dt::manual_seed(n);
  for (const dt::DType dtype : {dt::f64, dt::f32}) {
    const auto x = dt::randn({3, n}, dtype);
    const auto zeros = -dt::abs(x) * 0.0; // -0 everywhere
    const auto both = [](const dt::Tensor& x) { return dt::max(x, 1) / dt::min(x, 1); };
    EXPECT_TRUE(sameBits(strictJit(both)(x), both(x)));
    const auto largest = [](const dt::Tensor& x) { return dt::max(x, 1); };
    EXPECT_TRUE(sameBits(strictJit(largest)(zeros), dt::select(zeros, 1, 0)));
  }
}

INSTANTIATE_TEST_SUITE_P(Lengths, FoldLayouts,
                         testing::Values(1, 2, 3, 5, 8, 15, 16, 17, 33, 4095, 4096, 4097, 9000));

// What leaves the caches is added tile by tile, where a body is light, or with rows fetched ahead.
TEST(FoldLayouts, LargeColumnsHaveEagerBits) {
  const auto spread = [](const dt::Tensor& x) {
    const dt::Tensor first = dt::slice(x, 0, 0, 1);
    return dt::sum((x - first) * (x - first), 0);
  };
  const auto total = [](const dt::Tensor& x) { return dt::sum(x, 0); };
  const auto least = [](const dt::Tensor& x) { return dt::min(x, 0); };
  // Several folds, and one of what is also stored.
  const auto moments = [](const dt::Tensor& x) {
    return std::tuple(dt::sum(x, 0), dt::sum(x * x, 0), dt::max(x, 0));
  };
  const auto kept = [](const dt::Tensor& x) {
    const dt::Tensor y = x * 2.0 - 1.0;
    return std::pair(y, dt::sum(y, 0));
  };
  for (const dt::Shape& shape : {dt::Shape{30000, 40},
                                 {16500, 70},
                                 {1000, 1100},
                                 {129, 9000},
                                 {70000, 17},
                                 {2100, 512},
                                 {1000, 300},
                                 {9001, 500},
                                 {270000, 9}})
    for (const dt::DType dtype : {dt::f64, dt::f32, dt::i64}) {
      const auto x = (100.0 * dt::randn(shape)).to(dtype);
      SCOPED_TRACE(x.type().str());
      EXPECT_TRUE(sameBits(strictJit(total)(x), total(x)));
      if (dtype == dt::i64)
        continue;
      EXPECT_TRUE(sameBits(strictJit(least)(x), least(x)));
      EXPECT_TRUE(sameBits(strictJit(spread)(x), spread(x)));
      EXPECT_TRUE(sameBits(strictJit(moments)(x), moments(x)));
      EXPECT_TRUE(sameBits(strictJit(kept)(x), kept(x)));
      // Rows stay as far apart as they were.
      const auto part = [&](const dt::Tensor& x) { return dt::sum(dt::slice(x, 1, 1, 8), 0); };
      EXPECT_TRUE(sameBits(strictJit(part)(x), part(x)));
    }
  const auto x = dt::randn({2, 13000, 50});
  const auto inside = [](const dt::Tensor& x) { return dt::sum(x, 1); };
  EXPECT_TRUE(sameBits(strictJit(inside)(x), inside(x)));
}

TEST(FoldLayouts, TilesLeaveHalfOfTheColumnsToASecondThread) {
  for (int64_t columns = 32; columns < 3000; ++columns)
    for (const int64_t bytes : {4, 8})
      EXPECT_LE(2 * dt::runtime::leastColumnsOfTiles(columns, bytes), columns);
}

} // namespace
