// The tensor itself: factories, reading elements out, dtype, printing, leaves.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace dt = diptych;
using dt::DType;
using testing::ElementsAre;

namespace {

std::string text(const dt::Tensor& x) {
  std::ostringstream os;
  os << x;
  return os.str();
}

TEST(Tensor, DTypeComesFromTheNumbersType) {
  EXPECT_EQ(dt::tensor(1.5).type().str(), "f64[]");
  EXPECT_EQ(dt::tensor({1.5f, 2.5f}).type().str(), "f32[2]");
  EXPECT_EQ(dt::tensor({1, 2, 3}).type().str(), "i32[3]");
  EXPECT_EQ(dt::tensor(std::vector<int64_t>{1, 2}).type().str(), "i64[2]");
  EXPECT_EQ(dt::tensor({true, false}).type().str(), "boolean[2]");
}

TEST(Tensor, NestedListsGiveShapes) {
  auto matrix = dt::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  EXPECT_EQ(matrix.type().str(), "f64[2,3]");
  EXPECT_THAT(matrix.to_vector<double>(), ElementsAre(1, 2, 3, 4, 5, 6));
  auto cube = dt::tensor({{{1}, {2}}, {{3}, {4}}});
  EXPECT_EQ(cube.type().str(), "i32[2,2,1]");
  EXPECT_THAT(cube.to_vector<int32_t>(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(dt::tensor(std::vector<double>{1, 2, 3, 4}, {2, 2}).type().str(), "f64[2,2]");
  EXPECT_EQ(dt::tensor(std::vector<double>{}).type().str(), "f64[0]");
}

TEST(Tensor, FillsHaveTheAskedTypeAndAreContiguous) {
  EXPECT_THAT(dt::zeros({2}).to_vector<double>(), ElementsAre(0, 0));
  auto ones = dt::ones({2, 2}, dt::f32);
  const float* elements = ones.data<float>();
  EXPECT_EQ(elements[3], 1.0f);
  EXPECT_THAT(dt::full({3}, 7, dt::i64).to_vector<int64_t>(), ElementsAre(7, 7, 7));
  EXPECT_THAT(dt::full_like(dt::tensor({1, 2}), 5).to_vector<int32_t>(), ElementsAre(5, 5));
  EXPECT_EQ(dt::zeros({2, 0, 3}).numel(), 0);
}

TEST(Tensor, RangesEndWhereTheyShould) {
  EXPECT_THAT(dt::arange(3).to_vector<int64_t>(), ElementsAre(0, 1, 2));
  EXPECT_THAT(dt::arange(5, 0, -2).to_vector<int64_t>(), ElementsAre(5, 3, 1));
  EXPECT_THAT(dt::arange(0.0, 1.0, 0.25).to_vector<double>(), ElementsAre(0, 0.25, 0.5, 0.75));
  EXPECT_EQ(dt::arange(3, 3).numel(), 0);
  auto line = dt::linspace(-2.0, 2.6, 21).to_vector<double>();
  EXPECT_EQ(line.front(), -2.0);
  EXPECT_EQ(line.back(), 2.6);
  EXPECT_EQ(line.size(), 21u);
  EXPECT_THAT(dt::linspace(3.0, 9.0, 1).to_vector<double>(), ElementsAre(3));
}

TEST(Tensor, EyeIsTheIdentity) {
  EXPECT_THAT(dt::eye(2).to_vector<double>(), ElementsAre(1, 0, 0, 1));
}

TEST(Tensor, DefaultDTypeIsUsedByFactories) {
  dt::set_default_dtype(dt::f32);
  EXPECT_EQ(dt::zeros({1}).dtype(), DType::f32);
  EXPECT_EQ(dt::tensor(1.0).dtype(), DType::f64); // the number's own type still decides here
  dt::set_default_dtype(dt::f64);
  EXPECT_EQ(dt::zeros({1}).dtype(), DType::f64);
}

TEST(Tensor, DrawsRepeatWithTheSeed) {
  dt::manual_seed(42);
  auto first = dt::randn({100}).to_vector<double>();
  auto later = dt::randn({100}).to_vector<double>();
  dt::manual_seed(42);
  EXPECT_EQ(dt::randn({100}).to_vector<double>(), first);
  EXPECT_NE(first, later);
}

TEST(Tensor, DrawsHaveTheirDistribution) {
  dt::manual_seed(1);
  auto uniform = dt::rand({20000});
  EXPECT_NEAR(dt::mean(uniform).item<double>(), 0.5, 0.01);
  EXPECT_GE(dt::min(uniform).item<double>(), 0.0);
  EXPECT_LT(dt::max(dt::rand({20000}, dt::f32)).item<float>(), 1.0f);
  auto normal = dt::randn({20000});
  EXPECT_NEAR(dt::mean(normal).item<double>(), 0.0, 0.03);
  EXPECT_NEAR(dt::stddev(normal).item<double>(), 1.0, 0.02);
}

TEST(Tensor, BlobSharesMemoryAndKeepsItsOwner) {
  auto owner = std::make_shared<std::vector<double>>(std::vector<double>{1, 2, 3, 4});
  std::weak_ptr<std::vector<double>> alive = owner;
  {
    auto x = dt::from_blob(owner->data(), {2, 2}, owner);
    EXPECT_EQ(x.data<double>(), owner->data());
    owner.reset();
    EXPECT_FALSE(alive.expired());
    EXPECT_EQ(dt::sum(x).item<double>(), 10.0);
  }
  EXPECT_TRUE(alive.expired());
}

TEST(Tensor, ReadsThroughStrides) {
  auto x = dt::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  auto flipped = dt::transpose(x);
  EXPECT_THAT(flipped.to_vector<double>(), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_FALSE(flipped.is_contiguous());
  auto rows = flipped.contiguous();
  EXPECT_EQ(rows.data<double>()[1], 4.0);
  EXPECT_EQ(dt::select(flipped, 0, 1).to_vector<double>(), (std::vector<double>{2, 5}));
}

TEST(Tensor, ItemConvertsAndBooleansRead) {
  EXPECT_EQ(dt::tensor({{2.5}}).item<float>(), 2.5f);
  EXPECT_EQ(dt::tensor(int64_t{1} << 60).item<int64_t>(), int64_t{1} << 60);
  EXPECT_TRUE(static_cast<bool>(dt::tensor(3) > 2));
  EXPECT_EQ(dt::tensor({true, false}).to_vector<bool>(), (std::vector<bool>{true, false}));
}

TEST(Tensor, ConvertsByTruncation) {
  auto x = dt::tensor({1.9, -1.9, 0.0});
  EXPECT_THAT(x.to(dt::i32).to_vector<int32_t>(), ElementsAre(1, -1, 0));
  EXPECT_THAT(x.astype(dt::boolean).to_vector<bool>(), ElementsAre(true, true, false));
}

TEST(Tensor, AssigningOperatorsRebindOneName) {
  auto x = dt::tensor({1.0, 2.0});
  auto y = x;
  x += 1;
  x *= x;
  EXPECT_THAT(x.to_vector<double>(), ElementsAre(4, 9));
  EXPECT_THAT(y.to_vector<double>(), ElementsAre(1, 2));
}

TEST(Tensor, EmptyUntilAssigned) {
  dt::Tensor x;
  EXPECT_FALSE(x.defined());
  EXPECT_EQ(text(x), "empty tensor");
  x = dt::tensor(1.0);
  EXPECT_TRUE(x.defined());
}

TEST(Print, NumbersBracketsAndType) {
  EXPECT_EQ(text(dt::tensor(0.1)), "0.1");
  EXPECT_EQ(text(dt::tensor({1, 20, 300})), "[  1,  20, 300] i32[3]");
  EXPECT_EQ(text(dt::tensor({{1.5, 2.0}, {3.0, -4.0}})), "[[1.5,   2],\n [  3,  -4]] f64[2,2]");
  EXPECT_EQ(text(dt::tensor({true, false})), "[ true, false] boolean[2]");
  EXPECT_EQ(text(dt::tensor({NAN, -INFINITY})), "[ nan, -inf] f32[2]");
  EXPECT_EQ(text(dt::zeros({0})), "[] f64[0]");
  EXPECT_EQ(text(dt::transpose(dt::tensor({{1, 2}, {3, 4}}))), "[[1, 3],\n [2, 4]] i32[2,2]");
}

TEST(Print, LargeTensorsShowTheirEnds) {
  EXPECT_EQ(text(dt::arange(2000)), "[   0,    1,    2, ..., 1997, 1998, 1999] i64[2000]");
  EXPECT_EQ(text(dt::arange(1000)).find("..."), std::string::npos);
}

TEST(Leaf, AddsUpGradientsUntilZeroed) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  dt::sum(a * a * a).backward();
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(3, 12));
  dt::sum(a).backward();
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(4, 13));
  a.zero_grad_();
  EXPECT_FALSE(a.grad().defined());
}

TEST(Leaf, GradientPointerOutlivesTheCall) {
  auto a = dt::ones({3}).requires_grad_();
  dt::sum(a).backward();
  const double* slope = a.grad().data<double>();
  EXPECT_EQ(slope[0] + slope[1] + slope[2], 3.0);
}

TEST(Leaf, BackwardTakesACotangent) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  (a * a).backward(dt::tensor({1.0, 10.0}));
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(2, 40));
}

TEST(Leaf, TapeGradientsDifferentiateAgain) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  auto first = dt::grad(dt::sum(a * a * a), a, {.create_graph = true});
  auto second = dt::grad(dt::sum(first), a);
  EXPECT_THAT(second.to_vector<double>(), ElementsAre(6, 12));
  EXPECT_FALSE(a.grad().defined());
}

TEST(Leaf, DetachedTensorsHaveNoHistory) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  EXPECT_TRUE((a * 2).requires_grad());
  EXPECT_FALSE((a * 2).detach().requires_grad());
  const dt::NoGradGuard guard;
  EXPECT_FALSE((a * 2).requires_grad());
  EXPECT_FALSE(dt::is_grad_enabled());
}

TEST(Leaf, ContiguousCopyKeepsTheHistory) {
  auto a = dt::tensor({{1.0, 2.0}, {3.0, 4.0}}).requires_grad_();
  auto rows = dt::transpose(a).contiguous();
  EXPECT_TRUE(rows.is_contiguous());
  dt::sum(rows * dt::tensor({{1.0, 2.0}, {3.0, 4.0}})).backward();
  EXPECT_THAT(a.grad().to_vector<double>(), ElementsAre(1, 3, 2, 4));
}

} // namespace
