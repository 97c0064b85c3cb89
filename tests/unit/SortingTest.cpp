// Order: values by plain loops, ties, NaN, and derivatives of what is moved.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "SameBits.h"

namespace dt = diptych;
using testing::ElementsAre;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> numbers(const dt::Tensor& x) { return x.astype(dt::f64).to_vector<double>(); }

void expectSame(const dt::Tensor& got, const std::vector<double>& expected) {
  const std::vector<double> values = numbers(got);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_TRUE(dt::test::sameElement(values[i], expected[i])) << "at " << i << ": " << values[i];
}

const dt::Tensor x = dt::tensor({3.0, kNaN, 1.0, 2.0, 1.0});

TEST(Sort, NaNLastInBothDirections) {
  expectSame(dt::sort(x), {1, 1, 2, 3, kNaN});
  expectSame(dt::sort(x, 0, true), {3, 2, 1, 1, kNaN});
  EXPECT_THAT(numbers(dt::sort(dt::tensor({{3, 1}, {2, 5}}), 0)), ElementsAre(2, 1, 3, 5));
  auto weighted = [](const dt::Tensor& x) {
    return dt::sum(dt::square(dt::sort(x)) * dt::tensor({1.0, 10.0, 100.0}));
  };
  const auto y = dt::tensor({5.0, 1.0, 2.0});
  EXPECT_THAT(numbers(dt::grad(weighted)(y)), ElementsAre(1000, 2, 40));
  EXPECT_THAT(numbers(dt::hessian(weighted)(y)), ElementsAre(200, 0, 0, 0, 2, 0, 0, 0, 20));
}

TEST(Topk, LargestAndLeast) {
  const auto [values, indices] = dt::topk(x, 3);
  expectSame(values, {3, 2, 1});
  EXPECT_THAT(indices.to_vector<int64_t>(), ElementsAre(0, 3, 2));
  EXPECT_THAT(dt::topk(x, 2, 0, false).indices.to_vector<int64_t>(), ElementsAre(2, 4));
  EXPECT_EQ(dt::topk(dt::zeros({2, 3}), 0).values.type().str(), "f64[2,0]");
}

// pandas.Series([3, nan, 1, 2, 1]).rank(...).
TEST(Rank, AsInPandas) {
  using dt::Ties;
  expectSame(dt::rank(x, 0), {4, kNaN, 1.5, 3, 1.5});
  expectSame(dt::rank(x, 0, {.ties = Ties::min}), {4, kNaN, 1, 3, 1});
  expectSame(dt::rank(x, 0, {.ties = Ties::max}), {4, kNaN, 2, 3, 2});
  expectSame(dt::rank(x, 0, {.ties = Ties::dense}), {3, kNaN, 1, 2, 1});
  expectSame(dt::rank(x, 0, {.ties = Ties::first}), {4, kNaN, 1, 3, 2});
  expectSame(dt::rank(x, 0, {.ascending = false}), {1, kNaN, 3.5, 2, 3.5});
  expectSame(dt::rank(x, 0, {.ties = Ties::first, .ascending = false}), {1, kNaN, 3, 2, 4});
  expectSame(dt::rank(x, 0, {.pct = true}), {1, kNaN, 0.375, 0.75, 0.375});
  expectSame(dt::rank(x, 0, {.ties = Ties::dense, .pct = true}),
             {1, kNaN, 1.0 / 3, 2.0 / 3, 1.0 / 3});
  expectSame(dt::rank(dt::tensor({{2, 1}, {2, 0}}), 0), {1.5, 2, 1.5, 1});
  expectSame(dt::rank(dt::tensor({kNaN, kNaN}), 0, {.pct = true}), {kNaN, kNaN});
  EXPECT_EQ(dt::rank(dt::zeros({2, 0}, dt::f32), 1).type().str(), "f32[2,0]");
}

TEST(Searchsorted, SidesRowsAndNaN) {
  const auto sorted = dt::tensor({1.0, 2.0, 2.0, 4.0, kNaN});
  const auto values = dt::tensor({{0.0, 2.0}, {4.5, kNaN}});
  EXPECT_THAT(numbers(dt::searchsorted(sorted, values)), ElementsAre(0, 1, 4, 4));
  EXPECT_THAT(numbers(dt::searchsorted(sorted, values, dt::Side::right)), ElementsAre(0, 3, 4, 5));
  EXPECT_EQ(dt::searchsorted(sorted, 3).item<int64_t>(), 3);
  const auto rows = dt::tensor({{1, 3, 5}, {2, 4, 6}});
  EXPECT_THAT(numbers(dt::searchsorted(rows, dt::tensor({{3, 9}, {3, 0}}))),
              ElementsAre(1, 3, 1, 0));
}

TEST(Quantile, BetweenElementsTheStraightLine) {
  const auto y = dt::tensor({4.0, 1.0, 3.0, 2.0});
  EXPECT_EQ(dt::median(y).item<double>(), 2.5);
  EXPECT_EQ(dt::quantile(y, 0.0).item<double>(), 1);
  EXPECT_EQ(dt::quantile(y, 1.0).item<double>(), 4);
  EXPECT_NEAR(dt::quantile(y, 0.8).item<double>(), 3.4, 1e-15);
  EXPECT_TRUE(std::isnan(dt::median(x).item<double>()));
  EXPECT_EQ(dt::nanmedian(x).item<double>(), 1.5);
  EXPECT_EQ(dt::nanquantile(x, 1.0).item<double>(), 3);
  EXPECT_TRUE(std::isnan(dt::nanmedian(dt::tensor({kNaN})).item<double>()));
  EXPECT_EQ(dt::quantile(dt::tensor({-1.0, kInfinity, kInfinity}), 0.0).item<double>(), -1);
  EXPECT_EQ(dt::median(dt::tensor({-kInfinity, -kInfinity, 1.0})).item<double>(), -kInfinity);
  const auto m = dt::tensor({{1.0, 5.0, 2.0}, {4.0, 4.0, 0.0}});
  EXPECT_THAT(numbers(dt::median(m, 1)), ElementsAre(2, 4));
  EXPECT_EQ(dt::median(m, 0, true).type().str(), "f64[1,3]");
  auto upper = [](const dt::Tensor& y) { return dt::square(dt::quantile(y, 0.75)); };
  EXPECT_THAT(numbers(dt::grad(upper)(y)), ElementsAre(1.625, 0, 4.875, 0));
  EXPECT_THAT(numbers(dt::select(dt::hessian(upper)(y), 0, 0)), ElementsAre(0.125, 0, 0.375, 0));
}

TEST(Unique, ValuesCountsAndInverse) {
  const auto y = dt::tensor({{3.0, 1.0, kNaN}, {1.0, kNaN, 1.0}});
  const auto found = dt::unique(y);
  expectSame(found.values, {1, 3, kNaN});
  EXPECT_THAT(found.counts.to_vector<int64_t>(), ElementsAre(3, 1, 2));
  EXPECT_EQ(found.inverse.type().str(), "i64[2,3]");
  EXPECT_TRUE(dt::test::sameTensor(dt::take(found.values, found.inverse), y));
  EXPECT_EQ(dt::unique(dt::zeros({0})).values.numel(), 0);
  EXPECT_THAT(dt::count_unique(y, 1).to_vector<int64_t>(), ElementsAre(3, 2));
  EXPECT_THAT(dt::count_unique(dt::zeros({2, 0}), 1).to_vector<int64_t>(), ElementsAre(0, 0));
}

TEST(Unique, OfAGivenSizeWorksInATrace) {
  auto few = [](const dt::Tensor& x) {
    const auto found = dt::unique(x, 4, -1);
    return std::tuple(found.values, found.counts, found.inverse);
  };
  const auto [values, counts, inverse] = dt::jit(few)(dt::tensor({7, 5, 7, 9}));
  EXPECT_THAT(numbers(values), ElementsAre(5, 7, 9, -1));
  EXPECT_THAT(numbers(counts), ElementsAre(1, 2, 1, 0));
  EXPECT_THAT(numbers(inverse), ElementsAre(1, 0, 1, 2));
  const auto cut = dt::unique(dt::tensor({4, 3, 2, 1}), 2);
  EXPECT_THAT(numbers(cut.values), ElementsAre(1, 2));
  EXPECT_THAT(numbers(cut.inverse), ElementsAre(2, 2, 1, 0));
}

//===-- Writing ------------------------------------------------------------------------------===//

TEST(Scatter, TheLastOfDuplicatesStays) {
  const auto x = dt::tensor({{1.0, 2.0}, {3.0, 4.0}, {5.0, 6.0}});
  const auto rows = dt::tensor({2, 0, 2}),
             updates = dt::tensor({{10.0, 20.0}, {30.0, 40.0}, {50.0, 60.0}});
  EXPECT_THAT(numbers(dt::scatter(x, rows, updates)), ElementsAre(30, 40, 3, 4, 50, 60));
  EXPECT_THAT(numbers(dt::scatter(x, dt::tensor(1), -1.0)), ElementsAre(1, 2, -1, -1, 5, 6));
  EXPECT_THAT(numbers(dt::scatter(x, dt::tensor({1}), 0.0, 1)), ElementsAre(1, 0, 3, 0, 5, 0));
  auto energy = [&](const dt::Tensor& x, const dt::Tensor& updates) {
    return dt::sum(dt::square(dt::scatter(x, rows, updates))) / 2;
  };
  EXPECT_THAT(numbers(dt::grad(energy)(x, updates)), ElementsAre(0, 0, 3, 4, 0, 0));
  auto ofUpdates = [&](const dt::Tensor& updates) { return energy(x, updates); };
  EXPECT_THAT(numbers(dt::grad(ofUpdates)(updates)), ElementsAre(0, 0, 30, 40, 50, 60));
}

TEST(Scatter, AlongAnAxis) {
  const auto x = dt::zeros({2, 3});
  const auto places = dt::tensor({{2, 0}, {1, 1}}), updates = dt::tensor({{1.0, 2.0}, {3.0, 4.0}});
  EXPECT_THAT(numbers(dt::scatter_along_axis(x, places, updates, 1)),
              ElementsAre(2, 0, 1, 0, 4, 0));
  EXPECT_THAT(numbers(dt::scatter_add_along_axis(x, places, updates, -1)),
              ElementsAre(2, 0, 1, 0, 7, 0));
  EXPECT_THAT(numbers(dt::scatter_along_axis(x, places, 9.0, 1)), ElementsAre(9, 0, 9, 0, 9, 0));
}

TEST(Sorting, BatchesAndCompilesToTheSameBits) {
  const auto x =
      dt::reshape(dt::tensor({3.0, kNaN, 1.0, 2.0, 1.0, 2.0, 0.5, 4.0, 2.0, 2.0}), {2, 5});
  auto each = [](const dt::Tensor& row) {
    return std::tuple(dt::sort(row), dt::rank(row, 0), dt::nanquantile(row, 0.3),
                      dt::topk(row, 2).values, dt::searchsorted(dt::sort(row), row),
                      dt::unique(row, 4, 0).counts,
                      dt::scatter(row, dt::argsort(row), dt::flip(row)));
  };
  auto all = [&](const dt::Tensor& x) { return dt::vmap(each)(x); };
  const auto batched = all(x), compiled = dt::jit(all, {.numerics = dt::Numerics::strict})(x);
  const auto first = each(dt::select(x, 0, 0)), second = each(dt::select(x, 0, 1));
  const auto compare = [](const auto& one, const auto& other) {
    EXPECT_TRUE(dt::test::sameTensor(one, other));
  };
  [&]<size_t... I>(std::index_sequence<I...>) {
    (compare(std::get<I>(batched), std::get<I>(compiled)), ...);
    (compare(std::get<I>(batched), dt::stack({std::get<I>(first), std::get<I>(second)})), ...);
  }(std::make_index_sequence<7>());
}

} // namespace
