// argmax and argmin in every layout and beside every length of vectors: the first of equals, of
// zeros of either sign and of NaNs, as one element after the other finds it.
#include "tests/unit/Threads.h"

#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace dt = diptych;
using dt::test::Threads;

namespace {

/// Few different values, so that most are tied; NaNs in one row of four, late or early.
template <class T> std::vector<T> tied(int64_t rows, int64_t columns, int64_t many) {
  std::vector<T> values;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) {
      double value = static_cast<double>((i * 31 + j * 17 + (j * j) % 7) % many);
      if constexpr (std::is_floating_point_v<T>) {
        if (value == 3)
          value = i % 3 == 0 ? -0.0 : 0.0;
        if (value == 5 && i % 4 == 1)
          value = std::numeric_limits<double>::infinity();
        if (i % 4 == 2 && (j * 7 + i) % columns > columns * 3 / 4)
          value = std::numeric_limits<double>::quiet_NaN();
      }
      values.push_back(static_cast<T>(value - 2));
    }
  return values;
}

template <class T> bool wins(bool greatest, T candidate, T best) {
  if constexpr (std::is_floating_point_v<T>)
    if (std::isnan(candidate) || std::isnan(best))
      return !std::isnan(best);
  return greatest ? candidate > best : candidate < best;
}

template <class T>
std::vector<int64_t> expected(const std::vector<T>& values, int64_t rows, int64_t columns,
                              int64_t axis, bool greatest) {
  const int64_t outputs = axis == 0 ? columns : rows, length = axis == 0 ? rows : columns;
  const auto at = [&](int64_t output, int64_t r) {
    return values[static_cast<size_t>(axis == 0 ? r * columns + output : output * columns + r)];
  };
  std::vector<int64_t> found;
  for (int64_t o = 0; o < outputs; ++o) {
    int64_t best = 0;
    for (int64_t r = 1; r < length; ++r)
      if (wins(greatest, at(o, r), at(o, best)))
        best = r;
    found.push_back(best);
  }
  return found;
}

dt::Tensor found(const dt::Tensor& x, int64_t axis, bool greatest) {
  return greatest ? dt::argmax(x, axis) : dt::argmin(x, axis);
}

// Along rows, across columns, and where neither is dense.
template <class T> void expectFound(int64_t rows, int64_t columns) {
  SCOPED_TRACE(testing::Message() << rows << " x " << columns);
  const auto values = tied<T>(rows, columns, 2 + columns % 11);
  const dt::Tensor x = dt::tensor(values, {rows, columns});
  const dt::Tensor apart = dt::stack({x, x}, 2);
  for (const bool greatest : {true, false})
    for (const int64_t axis : {0, 1}) {
      const auto expect = expected(values, rows, columns, axis, greatest);
      const auto whole = [=](const dt::Tensor& a) { return found(a, axis, greatest); };
      const auto turned = [=](const dt::Tensor& a) {
        return found(dt::transpose(a), 1 - axis, greatest);
      };
      const auto strided = [=](const dt::Tensor& a) {
        return found(dt::select(a, 2, 1), axis, greatest);
      };
      EXPECT_EQ(whole(x).template to_vector<int64_t>(), expect);
      EXPECT_EQ(dt::jit(whole)(x).template to_vector<int64_t>(), expect);
      EXPECT_EQ(turned(x).template to_vector<int64_t>(), expect);
      EXPECT_EQ(dt::jit(turned)(x).template to_vector<int64_t>(), expect);
      EXPECT_EQ(strided(apart).template to_vector<int64_t>(), expect);
      EXPECT_EQ(dt::jit(strided)(apart).template to_vector<int64_t>(), expect);
    }
}

TEST(Arg, IsTheFirstOfEquals) {
  for (const int64_t rows : {1, 3, 9, 40})
    for (const int64_t columns : {1, 2, 7, 8, 9, 16, 17, 31, 33, 70}) {
      expectFound<double>(rows, columns);
      expectFound<float>(rows, columns);
      expectFound<int32_t>(rows, columns);
      expectFound<int64_t>(rows, columns);
    }
}

// Rows are taken by eights, columns in tiles.
TEST(Arg, OfRowsByEights) {
  for (int64_t rows = 2; rows < 20; ++rows) {
    expectFound<double>(rows, 21);
    expectFound<float>(rows, 21);
  }
  expectFound<double>(19, 4101);
  expectFound<float>(19, 5463);
  expectFound<double>(2711, 397); // in streams, whose places are in no order
  expectFound<float>(2711, 797);
  EXPECT_EQ(dt::argmax(dt::zeros({3, 0}), 0).numel(), 0);
}

// Rows in chunks of four vectors, of which the last begins earlier, eight rows together; dense, and
// with something behind each.
template <class T> void expectFoundAlong(int64_t rows, int64_t columns) {
  SCOPED_TRACE(testing::Message() << rows << " x " << columns);
  const auto values = tied<T>(rows, columns, 2 + columns % 11);
  const dt::Tensor x = dt::tensor(values, {rows, columns}), wide = dt::concatenate({x, x}, 1);
  for (const bool greatest : {true, false}) {
    const auto expect = expected(values, rows, columns, 1, greatest);
    const auto whole = [=](const dt::Tensor& a) { return found(a, 1, greatest); };
    const auto part = [=](const dt::Tensor& a) {
      return found(dt::slice(a, 1, columns, 2 * columns), 1, greatest);
    };
    EXPECT_EQ(whole(x).template to_vector<int64_t>(), expect);
    EXPECT_EQ(dt::jit(whole)(x).template to_vector<int64_t>(), expect);
    EXPECT_EQ(part(wide).template to_vector<int64_t>(), expect);
    EXPECT_EQ(dt::jit(part)(wide).template to_vector<int64_t>(), expect);
  }
}

TEST(Arg, OfRowsInChunks) {
  for (const int64_t columns : {3, 4, 5, 15, 24, 32, 40, 63, 64, 65, 127, 128, 129, 300, 4097})
    for (const int64_t rows : {1, 11}) {
      expectFoundAlong<double>(rows, columns);
      expectFoundAlong<float>(rows, columns);
    }
  expectFoundAlong<int32_t>(11, 301);
  expectFoundAlong<int64_t>(11, 301);
}

// Rows that stay in order beside rows with NaN or with infinities whose sum would be NaN.
TEST(Arg, OfRowsBesideMissingOnes) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNan = NAN;
  const int64_t columns = 70;
  std::vector<double> values(static_cast<size_t>(4 * columns), 1);
  const auto at = [&](int64_t row, int64_t column) -> double& {
    return values[static_cast<size_t>(row * columns + column)];
  };
  at(0, 69) = 2;
  at(1, 33) = kInfinity, at(1, 1) = -kInfinity, at(1, 34) = kInfinity;
  for (int64_t column = 0; column < columns; ++column)
    at(2, column) = column < 40 ? kInfinity : kNan;
  at(3, 0) = kNan, at(3, 64) = kNan;
  const std::vector<int64_t> expect{69, 33, 40, 0};
  const auto f = [](const dt::Tensor& a) { return dt::argmax(a, 1); };
  for (const dt::DType dtype : {dt::f64, dt::f32, dt::bf16, dt::f16}) {
    const dt::Tensor x = dt::tensor(values, {4, columns}).astype(dtype);
    EXPECT_EQ(f(x).to_vector<int64_t>(), expect);
    EXPECT_EQ(dt::jit(f)(x).to_vector<int64_t>(), expect);
  }
}

// Whichever of the other axes has most rows, and however they lie.
TEST(Arg, OfRowsOfSeveralAxes) {
  const int64_t n = 37;
  for (const auto& [outer, inner] : {std::pair<int64_t, int64_t>{3, 11}, {11, 3}, {1, 9}, {2, 2}}) {
    const auto values = tied<float>(outer * inner, n, 13);
    const dt::Tensor x = dt::tensor(values, {outer, inner, n});
    const auto expect = expected(values, outer * inner, n, 1, true);
    const auto f = [](const dt::Tensor& a) { return dt::argmax(a, 2); };
    const auto turned = [](const dt::Tensor& a) {
      return dt::transpose(dt::argmax(dt::transpose(a, {1, 0, 2}), 2));
    };
    for (const auto& g : {std::function<dt::Tensor(const dt::Tensor&)>(f), {turned}}) {
      EXPECT_EQ(g(x).to_vector<int64_t>(), expect);
      EXPECT_EQ(dt::jit(g)(x).to_vector<int64_t>(), expect);
    }
  }
}

TEST(Arg, IsTheSameOnThreads) {
  const Threads threads(3);
  expectFound<double>(700, 333);
  expectFound<float>(50, 5000);
}

// The middle axis of three, the last of them shorter and longer than the vectors side by side.
TEST(Arg, OfAMiddleAxis) {
  for (const int64_t inner : {3, 8, 45}) {
    const int64_t outer = 5, n = 29;
    const dt::Tensor x = dt::tensor(tied<double>(outer * n, inner, 13), {outer, n, inner});
    const auto f = [](const dt::Tensor& a) { return dt::argmax(a, 1); };
    std::vector<int64_t> expect;
    for (int64_t o = 0; o < outer; ++o)
      for (const int64_t at :
           dt::argmax(dt::transpose(dt::select(x, 0, o)), 1).to_vector<int64_t>())
        expect.push_back(at);
    EXPECT_EQ(f(x).to_vector<int64_t>(), expect);
    EXPECT_EQ(dt::jit(f)(x).to_vector<int64_t>(), expect);
  }
}

} // namespace
