// Composites: values, and derivatives where a careless formula would give NaN.
#include <diptych/diptych.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dt = diptych;
using testing::Each;
using testing::ElementsAre;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> numbers(const dt::Tensor& x) { return x.astype(dt::f64).to_vector<double>(); }

void expectNear(const dt::Tensor& got, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = numbers(got);
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_NEAR(values[i], expected[i], tolerance) << "at " << i;
}

TEST(Statistics, MeanAndVariance) {
  auto x = dt::tensor({{1.0, 2.0, 3.0}, {4.0, 5.0, 9.0}});
  EXPECT_EQ(dt::mean(x).item<double>(), 4.0);
  EXPECT_THAT(numbers(dt::mean(x, 1)), ElementsAre(2, 6));
  EXPECT_THAT(numbers(dt::var(x, 1)), ElementsAre(1, 7));
  EXPECT_THAT(numbers(dt::var(x, 1, 0)), ElementsAre(2.0 / 3, 14.0 / 3));
  EXPECT_EQ(dt::var(x, 1, 1, true).type().str(), "f64[2,1]");
  EXPECT_NEAR(dt::stddev(dt::tensor({1.0, 2.0, 3.0})).item<double>(), 1.0, 1e-15);
}

TEST(Statistics, VarianceSurvivesALargeMean) {
  auto x = dt::tensor({1e9 + 1, 1e9 + 2, 1e9 + 3});
  EXPECT_EQ(dt::var(x).item<double>(), 1.0);
}

TEST(Statistics, VarianceOfOneIsNaN) {
  EXPECT_TRUE(std::isnan(dt::var(dt::tensor({3.0})).item<double>()));
  EXPECT_TRUE(std::isnan(dt::mean(dt::zeros({0})).item<double>()));
}

TEST(Statistics, DeviationOfAConstantHasDerivativeZero) {
  auto flat = dt::tensor({2.0, 2.0, 2.0});
  auto deviation = [](const dt::Tensor& x) { return dt::stddev(x); };
  EXPECT_EQ(dt::stddev(flat).item<double>(), 0.0);
  EXPECT_THAT(numbers(dt::grad(deviation)(flat)), Each(0.0));
  EXPECT_THAT(numbers(dt::hessian(deviation)(flat)), Each(0.0));
}

TEST(Norm, IsTheEuclideanLength) {
  EXPECT_EQ(dt::norm(dt::tensor({3.0, 4.0})).item<double>(), 5.0);
  EXPECT_THAT(numbers(dt::norm(dt::tensor({{3.0, 4.0}, {0.0, 0.0}}), 1)), ElementsAre(5, 0));
  EXPECT_TRUE(std::isnan(dt::norm(dt::tensor({NAN, 0.0f})).item<float>()));
}

TEST(Norm, HasDerivativesZeroAtZero) {
  auto length = [](const dt::Tensor& x) { return dt::norm(x); };
  EXPECT_THAT(numbers(dt::grad(length)(dt::zeros({3}))), Each(0.0));
  EXPECT_THAT(numbers(dt::hessian(length)(dt::zeros({3}))), Each(0.0));
  expectNear(dt::grad(length)(dt::tensor({3.0, 4.0})), {0.6, 0.8}, 1e-15);
  // (I - u u') / |x|
  expectNear(dt::hessian(length)(dt::tensor({3.0, 4.0})), {0.128, -0.096, -0.096, 0.072}, 1e-15);
}

TEST(Softmax, DoesNotOverflow) {
  expectNear(dt::softmax(dt::tensor({1000.0, 1000.0})), {0.5, 0.5}, 0);
  expectNear(dt::softmax(dt::tensor({-kInfinity, 0.0})), {0, 1}, 0);
  expectNear(dt::log_softmax(dt::tensor({0.0, 1000.0})), {-1000, 0}, 0);
  expectNear(dt::sum(dt::softmax(dt::tensor({{1.0, 2.0}, {3.0, 5.0}}), 0), 0), {1, 1}, 1e-15);
}

TEST(Softmax, HasItsJacobian) {
  auto f = [](const dt::Tensor& x) { return dt::softmax(x); };
  auto x = dt::tensor({0.1, -0.4, 0.7});
  auto p = dt::softmax(x);
  auto expected = dt::eye(3) * p - dt::outer(p, p);
  EXPECT_TRUE(dt::allclose(dt::jacrev(f)(x), expected, 1e-14, 1e-16));
  EXPECT_TRUE(dt::allclose(dt::jacfwd(f)(x), expected, 1e-14, 1e-16));
  auto g = [](const dt::Tensor& x) { return dt::logsumexp(x); };
  EXPECT_TRUE(dt::allclose(dt::grad(g)(x), p, 1e-14));
  EXPECT_TRUE(dt::allclose(dt::hessian(g)(x), expected, 1e-13, 1e-16));
}

TEST(LogSumExp, TreatsInfinities) {
  auto lse = [](const dt::Tensor& x) { return dt::logsumexp(x); };
  auto none = dt::full({3}, -kInfinity);
  EXPECT_EQ(dt::logsumexp(none).item<double>(), -kInfinity);
  EXPECT_THAT(numbers(dt::grad(lse)(none)), Each(0.0));
  EXPECT_EQ(dt::logsumexp(dt::tensor({0.0, kInfinity})).item<double>(), kInfinity);
  expectNear(dt::grad(lse)(dt::tensor({-kInfinity, 1.0, 1.0})), {0, 0.5, 0.5}, 1e-16);
  EXPECT_NEAR(dt::logsumexp(dt::tensor({1000.0, 1000.0})).item<double>(), 1000 + std::log(2.0),
              1e-12);
  EXPECT_TRUE(std::isnan(dt::logsumexp(dt::tensor({0.0, double(NAN)})).item<double>()));
  EXPECT_EQ(dt::logsumexp(dt::ones({2, 3}), 1, true).type().str(), "f64[2,1]");
  EXPECT_EQ(dt::logsumexp(dt::ones({2, 3}), {0, 1}).type().str(), "f64[]");
}

TEST(Products, DotAndOuter) {
  auto x = dt::tensor({1.0, 2.0}), y = dt::tensor({3.0, 4.0});
  EXPECT_EQ(dt::dot(x, y).item<double>(), 11.0);
  EXPECT_THAT(numbers(dt::outer(x, y)), ElementsAre(3, 4, 6, 8));
}

TEST(Predicates, AnyAllCloseFinite) {
  auto mask = dt::tensor({{true, false}, {true, true}});
  EXPECT_TRUE(dt::any(mask).item<bool>());
  EXPECT_THAT(dt::all(mask, 1).to_vector<bool>(), ElementsAre(false, true));
  EXPECT_TRUE(dt::all(dt::tensor(std::vector<bool>{})).item<bool>());
  auto x = dt::tensor({1.0, double(NAN), kInfinity});
  EXPECT_THAT(dt::isfinite(x).to_vector<bool>(), ElementsAre(true, false, false));
  EXPECT_THAT(dt::isnan(x).to_vector<bool>(), ElementsAre(false, true, false));
  EXPECT_FALSE(dt::allclose(x, x));
  EXPECT_TRUE(dt::allclose(dt::tensor({kInfinity, 1.0}), dt::tensor({kInfinity, 1.0 + 1e-9})));
  EXPECT_FALSE(dt::allclose(dt::tensor({1.0}), dt::tensor({kInfinity})));
  EXPECT_TRUE(dt::allclose(dt::tensor({1, 2}), dt::tensor({1.0, 2.0})));
  EXPECT_THAT(numbers(dt::clamp(dt::tensor({-2.0, 0.5, 2.0}), 0, 1)), ElementsAre(0, 0.5, 1));
}

} // namespace
