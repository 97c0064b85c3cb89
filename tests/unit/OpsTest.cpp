// Operators of the DSL: broadcasting, dtypes, shapes, reductions, products, indexing.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace dt = diptych;
using testing::ElementsAre;

namespace {

std::vector<double> numbers(const dt::Tensor& x) { return x.astype(dt::f64).to_vector<double>(); }

const dt::Tensor& matrix() {
  static const dt::Tensor x = dt::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  return x;
}

//===-- Broadcasting and dtypes --------------------------------------------------------------===//

TEST(Broadcast, AlignsAtTheLastAxis) {
  EXPECT_THAT(numbers(matrix() + dt::tensor({10.0, 20.0, 30.0})),
              ElementsAre(11, 22, 33, 14, 25, 36));
  EXPECT_THAT(numbers(matrix() * dt::tensor({{2.0}, {3.0}})), ElementsAre(2, 4, 6, 12, 15, 18));
  auto outer = dt::tensor({{1.0}, {2.0}}) - dt::tensor({1.0, 2.0});
  EXPECT_EQ(outer.type().str(), "f64[2,2]");
  EXPECT_THAT(numbers(outer), ElementsAre(0, -1, 1, 0));
  EXPECT_EQ((dt::ones({3, 1, 2}) + dt::ones({4, 1})).type().str(), "f64[3,4,2]");
  EXPECT_EQ((dt::ones({0, 3}) + dt::ones({1, 3})).type().str(), "f64[0,3]");
}

TEST(Broadcast, SumsBackInTheDerivative) {
  auto row = dt::tensor({1.0, 2.0, 3.0}).requires_grad_();
  auto column = dt::tensor({{1.0}, {2.0}}).requires_grad_();
  dt::sum(matrix() * row * column).backward();
  EXPECT_THAT(numbers(row.grad()), ElementsAre(9, 12, 15));
  EXPECT_EQ(column.grad().type().str(), "f64[2,1]");
  EXPECT_THAT(numbers(column.grad()), ElementsAre(14, 32));
}

TEST(Numbers, TakeTheTensorsDType) {
  auto x = dt::tensor({1.0f, 2.0f});
  EXPECT_EQ((x * 2.0).dtype(), dt::f32);
  EXPECT_EQ((2.0 / x).dtype(), dt::f32);
  EXPECT_EQ((dt::tensor({1, 2}) + 1).dtype(), dt::i32);
  EXPECT_THAT(numbers(1 - x), ElementsAre(0, -1));
  EXPECT_THAT(numbers(-x), ElementsAre(-1, -2));
  EXPECT_THAT(numbers(dt::maximum(x, 1.5)), ElementsAre(1.5, 2));
}

TEST(Numbers, AloneGiveTheDefaultDType) {
  EXPECT_EQ(dt::exp(0.0).type().str(), "f64[]");
  auto mask = dt::tensor({true, false});
  EXPECT_EQ(dt::where(mask, 1.0, 0.0).type().str(), "f64[2]");
  EXPECT_EQ(dt::where(mask, 1, 0).type().str(), "i64[2]");
  EXPECT_EQ(dt::where(mask, 1.0, 0).type().str(), "f64[2]");
}

TEST(Comparison, IsElementwise) {
  auto x = dt::tensor({1.0, 2.0, double(NAN)});
  EXPECT_THAT((x < 2).to_vector<bool>(), ElementsAre(true, false, false));
  EXPECT_THAT((2 <= x).to_vector<bool>(), ElementsAre(false, true, false));
  EXPECT_THAT((x == x).to_vector<bool>(), ElementsAre(true, true, false));
  EXPECT_THAT((x != 1.0).to_vector<bool>(), ElementsAre(false, true, true));
  EXPECT_THAT(dt::logical_or(x > 1, x < 2).to_vector<bool>(), ElementsAre(true, true, false));
}

TEST(Where, BroadcastsItsCondition) {
  auto picked = dt::where(dt::tensor({{true}, {false}}), matrix(), -matrix());
  EXPECT_THAT(numbers(picked), ElementsAre(1, 2, 3, -4, -5, -6));
}

//===-- Shape --------------------------------------------------------------------------------===//

TEST(Shape, ReshapeFindsOneExtent) {
  EXPECT_EQ(dt::reshape(matrix(), {3, -1}).type().str(), "f64[3,2]");
  EXPECT_EQ(dt::flatten(matrix()).type().str(), "f64[6]");
  EXPECT_EQ(dt::reshape(dt::tensor(1.0), {1, 1}).type().str(), "f64[1,1]");
}

TEST(Shape, TransposesAndPermutes) {
  EXPECT_THAT(numbers(dt::transpose(matrix())), ElementsAre(1, 4, 2, 5, 3, 6));
  auto x = dt::reshape(dt::arange(24), {2, 3, 4});
  EXPECT_EQ(dt::transpose(x).type().str(), "i64[2,4,3]");
  EXPECT_EQ(dt::transpose(x, {2, 0, 1}).type().str(), "i64[4,2,3]");
  EXPECT_EQ(dt::permute(x, {-1, 0, 1}).type().str(), "i64[4,2,3]");
  EXPECT_EQ(dt::transpose(x, 0, -1).type().str(), "i64[4,3,2]");
  EXPECT_EQ(dt::select(dt::select(dt::transpose(x, {2, 0, 1}), 0, 3), 0, 1).to_vector<int64_t>(),
            (std::vector<int64_t>{15, 19, 23}));
}

TEST(Shape, SqueezesAndUnsqueezes) {
  auto x = dt::ones({1, 3, 1});
  EXPECT_EQ(dt::squeeze(x).type().str(), "f64[3]");
  EXPECT_EQ(dt::squeeze(x, -1).type().str(), "f64[1,3]");
  EXPECT_EQ(dt::unsqueeze(x, 0).type().str(), "f64[1,1,3,1]");
  EXPECT_EQ(dt::unsqueeze(x, -1).type().str(), "f64[1,3,1,1]");
}

TEST(Shape, ExpandKeepsMinusOne) {
  EXPECT_EQ(dt::expand(dt::ones({3, 1}), {2, -1, 4}).type().str(), "f64[2,3,4]");
  EXPECT_EQ(dt::broadcast_to(dt::tensor(1.0), {2, 2}).type().str(), "f64[2,2]");
}

TEST(Slice, CountsNegativesFromTheEnd) {
  auto x = dt::arange(6);
  EXPECT_THAT(numbers(dt::slice(x, 0, 1, 4)), ElementsAre(1, 2, 3));
  EXPECT_THAT(numbers(dt::slice(x, 0, -2)), ElementsAre(4, 5));
  EXPECT_THAT(numbers(dt::slice(x, -1, 0, -1, 2)), ElementsAre(0, 2, 4));
  EXPECT_EQ(dt::slice(x, 0, 3, 3).numel(), 0);
  EXPECT_THAT(numbers(dt::select(matrix(), 1, -1)), ElementsAre(3, 6));
}

TEST(Join, ConcatenatesAndStacks) {
  EXPECT_EQ(dt::concatenate({matrix(), matrix()}, -1).type().str(), "f64[2,6]");
  EXPECT_THAT(numbers(dt::cat({dt::tensor({1.0}), dt::tensor({2.0, 3.0})})), ElementsAre(1, 2, 3));
  auto stacked = dt::stack({dt::tensor({1.0, 2.0}), dt::tensor({3.0, 4.0})}, 1);
  EXPECT_THAT(numbers(stacked), ElementsAre(1, 3, 2, 4));
}

TEST(Shape, PadsAndFlips) {
  EXPECT_THAT(numbers(dt::pad(dt::tensor({1.0, 2.0}), {{1, 2}}, -1.0)),
              ElementsAre(-1, 1, 2, -1, -1));
  EXPECT_THAT(numbers(dt::flip(matrix(), 1)), ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(numbers(dt::reverse(matrix())), ElementsAre(6, 5, 4, 3, 2, 1));
}

//===-- Reductions ---------------------------------------------------------------------------===//

TEST(Reduction, TakesAxesFromEitherEnd) {
  EXPECT_EQ(dt::sum(matrix()).item<double>(), 21.0);
  EXPECT_THAT(numbers(dt::sum(matrix(), 0)), ElementsAre(5, 7, 9));
  EXPECT_THAT(numbers(dt::sum(matrix(), -1)), ElementsAre(6, 15));
  EXPECT_EQ(dt::sum(matrix(), {0, 1}).type().str(), "f64[]");
  EXPECT_EQ(dt::sum(matrix(), {1, 0}, true).type().str(), "f64[1,1]");
  EXPECT_THAT(numbers(dt::prod(matrix(), 1)), ElementsAre(6, 120));
  EXPECT_THAT(numbers(dt::max(matrix(), 0, true)), ElementsAre(4, 5, 6));
  EXPECT_EQ(dt::min(matrix()).item<double>(), 1.0);
  EXPECT_EQ(dt::sum(dt::tensor(3.0)).item<double>(), 3.0);
  EXPECT_EQ(dt::sum(dt::zeros({0, 2})).item<double>(), 0.0);
}

TEST(Reduction, FindsPositions) {
  EXPECT_EQ(dt::argmax(matrix()).item<int64_t>(), 5);
  EXPECT_THAT(numbers(dt::argmin(matrix(), 1)), ElementsAre(0, 0));
  EXPECT_EQ(dt::argmax(matrix(), -1, true).type().str(), "i64[2,1]");
  EXPECT_EQ(dt::argmax(dt::tensor({1.0, double(NAN), 3.0})).item<int64_t>(), 1);
  EXPECT_EQ(dt::argmax(dt::transpose(matrix())).item<int64_t>(), 5);
}

TEST(Argsort, IsStableAndPutsNanLastInBothDirections) {
  auto x = dt::tensor({2.0, double(NAN), 1.0, 2.0, -0.0, 0.0, double(NAN), double(-INFINITY)});
  EXPECT_THAT(numbers(dt::argsort(x)), ElementsAre(7, 4, 5, 2, 0, 3, 1, 6));
  EXPECT_THAT(numbers(dt::argsort(x, 0, true)), ElementsAre(0, 3, 2, 4, 5, 7, 1, 6));
  auto n = dt::tensor({{3, 1}, {1, 1}, {2, 5}});
  EXPECT_THAT(numbers(dt::argsort(n, 0)), ElementsAre(1, 0, 2, 1, 0, 2));
  EXPECT_THAT(numbers(dt::take_along_axis(n, dt::argsort(n), -1)), ElementsAre(1, 3, 1, 1, 2, 5));
  EXPECT_EQ(dt::argsort(dt::zeros({3, 0})).type().str(), "i64[3,0]");
}

TEST(Argsort, SortsEachExampleOfAVmap) {
  auto x = dt::tensor({{3.0, 1.0, 2.0}, {1.0, 2.0, 0.0}});
  auto order = [](const dt::Tensor& row) { return dt::argsort(row, 0, true); };
  EXPECT_THAT(numbers(dt::vmap(order)(x)), ElementsAre(0, 2, 1, 1, 0, 2));
  EXPECT_THAT(numbers(dt::jit(dt::vmap(order))(x)), ElementsAre(0, 2, 1, 1, 0, 2));
}

//===-- Products -----------------------------------------------------------------------------===//

TEST(Matmul, CoversPyTorchsCases) {
  auto v = dt::tensor({1.0, 0.0, -1.0});
  EXPECT_EQ(dt::matmul(v, v).item<double>(), 2.0);
  EXPECT_THAT(numbers(dt::matmul(matrix(), v)), ElementsAre(-2, -2));
  EXPECT_THAT(numbers(dt::matmul(dt::tensor({1.0, 1.0}), matrix())), ElementsAre(5, 7, 9));
  EXPECT_THAT(numbers(dt::matmul(matrix(), dt::transpose(matrix()))), ElementsAre(14, 32, 32, 77));
}

TEST(Matmul, FoldsAndBroadcastsBatches) {
  auto x = dt::reshape(dt::arange(24), {2, 3, 4}).astype(dt::f64);
  auto y = dt::reshape(dt::arange(8), {4, 2}).astype(dt::f64);
  auto folded = dt::matmul(x, y);
  EXPECT_EQ(folded.type().str(), "f64[2,3,2]");
  EXPECT_THAT(numbers(dt::select(folded, 0, 1)), ElementsAre(172, 226, 220, 290, 268, 354));
  EXPECT_EQ(numbers(dt::matmul(x, dt::broadcast_to(y, {2, 4, 2}))), numbers(folded));
  EXPECT_EQ(dt::matmul(dt::ones({5, 1, 3, 4}), dt::ones({2, 4, 6})).type().str(), "f64[5,2,3,6]");
  EXPECT_EQ(dt::matmul(dt::ones({3, 4}), dt::ones({2, 4, 6})).type().str(), "f64[2,3,6]");
  EXPECT_EQ(dt::matmul(dt::ones({4}), dt::ones({2, 4, 6})).type().str(), "f64[2,6]");
  EXPECT_EQ(dt::matmul(dt::ones({2, 3, 4}), dt::ones({4})).type().str(), "f64[2,3]");
  EXPECT_EQ(numbers(dt::matmul(dt::ones({2, 0}), dt::ones({0, 1}))), (std::vector<double>{0, 0}));
}

TEST(Index, TakesRows) {
  auto rows = dt::tensor({1, 0, 1});
  EXPECT_THAT(numbers(dt::take(matrix(), rows)), ElementsAre(4, 5, 6, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(numbers(dt::index_select(matrix(), -1, dt::tensor({2}))), ElementsAre(3, 6));
  EXPECT_EQ(dt::gather(matrix(), dt::tensor({{0, 1}, {1, 0}})).type().str(), "f64[2,2,3]");
}

TEST(Index, TakesAlongAnAxis) {
  auto chosen = dt::take_along_axis(matrix(), dt::tensor({{2, 0}, {1, 1}}), 1);
  EXPECT_THAT(numbers(chosen), ElementsAre(3, 1, 5, 5));
  EXPECT_THAT(numbers(dt::take_along_axis(matrix(), dt::tensor({{1, 0, 1}}), 0)),
              ElementsAre(4, 2, 6));
}

TEST(Index, ScatterAddsRepeatedRows) {
  auto sums = dt::scatter_add(dt::zeros({3}), dt::tensor({0, 2, 0}), dt::tensor({1.0, 2.0, 3.0}));
  EXPECT_THAT(numbers(sums), ElementsAre(4, 0, 2));
}

} // namespace
