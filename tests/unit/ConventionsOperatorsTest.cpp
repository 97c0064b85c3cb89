// What operators do at degenerate points, to second order: the conventions on docs/operators.md.
#include "Conventions.h"

namespace dt = diptych;
using namespace diptych::test;
using dt::Tensor;

namespace {

// The function of the first element, or of the first two, as a scalar.
template <class F> auto of(F f) {
  return [f](const Tensor& x) { return f(dt::select(x, 0, 0)); };
}
template <class F> auto ofTwo(F f) {
  return [f](const Tensor& x) { return f(dt::select(x, 0, 0), dt::select(x, 0, 1)); };
}
#define OF(...) of([](const Tensor& x) { return __VA_ARGS__; })
#define OF_TWO(...) ofTwo([](const Tensor& x, const Tensor& y) { return __VA_ARGS__; })

TEST(Conventions, RootsHaveVerticalTangentsAtZero) {
  expectConvention(OF(dt::sqrt(x)), {0}, 0, {kInf}, {-kInf}, "sqrt");
  expectConvention(OF(dt::cbrt(x)), {0}, 0, {kInf}, {}, "cbrt");
  expectConvention(OF(dt::rsqrt(x)), {0}, kInf, {-kInf}, {kInf}, "rsqrt");
  expectConvention(OF(dt::asin(x)), {1}, std::acos(0.0), {kInf}, {}, "asin");
  expectConvention(OF(dt::acos(x)), {1}, 0, {-kInf}, {}, "acos");
}

TEST(Conventions, LogarithmsAtZero) {
  expectConvention(OF(dt::log(x)), {0}, -kInf, {kInf}, {-kInf}, "log");
  expectConvention(OF(dt::log1p(x)), {-1}, -kInf, {kInf}, {-kInf}, "log1p");
  expectConvention(OF(dt::log(x)), {-1}, kNan, {-1}, {-1}, "log of a negative number");
}

TEST(Conventions, KinksHaveTheDerivativeThatIsSymmetric) {
  expectConvention(OF(dt::abs(x)), {0}, 0, {0}, {0}, "abs");
  expectConvention(OF(dt::sign(x)), {0}, 0, {0}, {0}, "sign");
  expectConvention(OF(dt::relu(x)), {0}, 0, {0}, {0}, "relu");
  expectConvention(OF(dt::floor(x)), {1}, 1, {0}, {0}, "floor");
  expectConvention(OF_TWO(dt::maximum(x, y)), {2, 2}, 2, {0.5, 0.5}, {0, 0, 0, 0}, "maximum");
  expectConvention(OF_TWO(dt::minimum(x, y)), {2, 2}, 2, {0.5, 0.5}, {0, 0, 0, 0}, "minimum");
  expectConvention(OF_TWO(dt::fmod(x, y)), {6, 2}, 0, {1, -3}, {0, 0, 0, 0}, "fmod");
}

TEST(Conventions, NanStays) {
  expectConvention(OF(dt::relu(x)), {kNan}, kNan, {0}, {0}, "relu");
  expectConvention(OF(dt::abs(x)), {kNan}, kNan, {kNan}, {}, "abs");
  expectConvention(OF_TWO(dt::maximum(x, y)), {kNan, 1}, kNan, {1, 1}, {0, 0, 0, 0}, "maximum");
  expectConvention(OF_TWO(dt::minimum(x, y)), {1, kNan}, kNan, {1, 1}, {0, 0, 0, 0}, "minimum");
}

TEST(Conventions, PowersOfZero) {
  expectConvention(OF_TWO(dt::pow(x, y)), {0, 0}, 1, {0, 0}, {}, "0^0");
  expectConvention(OF_TWO(dt::pow(x, y)), {0, 2}, 0, {0, 0}, {}, "0^2");
  for (const auto& [exponent, value, slope, curvature] :
       {std::tuple(0.0, 1.0, 0.0, 0.0), std::tuple(1.0, 0.0, 1.0, 0.0),
        std::tuple(2.0, 0.0, 0.0, 2.0), std::tuple(3.0, 0.0, 0.0, 0.0),
        std::tuple(-1.0, kInf, -kInf, kInf), std::tuple(0.5, 0.0, kInf, -kInf)})
    expectConvention(of([exponent](const Tensor& x) { return dt::pow(x, exponent); }), {0}, value,
                     {slope}, {curvature}, ("power " + std::to_string(exponent)).c_str());
  expectConvention(of([](const Tensor& y) { return dt::pow(0.0, y); }), {2}, 0, {0}, {0},
                   "exponent of 0");
  expectConvention(of([](const Tensor& y) { return dt::pow(0.0, y); }), {0}, 1, {0}, {0},
                   "exponent 0 of 0");
  expectConvention(OF(dt::pow(x, 2.0)), {-3}, 9, {-6}, {2}, "negative base");
}

TEST(Conventions, DivisionByZero) {
  expectConvention(OF(1 / x), {0}, kInf, {-kInf}, {kInf}, "1 / 0");
  expectConvention(OF_TWO(x / y), {0, 0}, kNan, {kInf, kNan}, {}, "0 / 0");
}

// The side that is not taken counts for nothing, whatever its value, as long as its own partial
// derivative is a number; where that is infinite, 0 * infinity is NaN: replace the operand first.
TEST(Conventions, WhereDropsTheOtherSide) {
  expectConvention(OF(dt::where(x > 0, dt::exp(x), 3 * x)), {-1}, -3, {3}, {0}, "finite");
  expectConvention(OF(dt::where(x > 0, dt::log(x), 3 * x)), {-1}, -3, {3}, {0}, "NaN value");
  expectConvention(OF(dt::where(x > 0, x * kNan, 3 * x)), {-1}, -3, {kNan}, {}, "NaN partial");
  expectConvention(OF(dt::where(x > 0, dt::sqrt(dt::where(x > 0, x, 1)), 3 * x)), {0}, 0, {3}, {0},
                   "operand replaced");
}

TEST(Conventions, SaturationAtInfinity) {
  expectConvention(OF(dt::sigmoid(x)), {kInf}, 1, {0}, {0}, "sigmoid");
  expectConvention(OF(dt::sigmoid(x)), {-kInf}, 0, {0}, {0}, "sigmoid below");
  expectConvention(OF(dt::tanh(x)), {-kInf}, -1, {0}, {0}, "tanh");
  expectConvention(OF(dt::softplus(x)), {kInf}, kInf, {1}, {0}, "softplus");
  expectConvention(OF(dt::softplus(x)), {-kInf}, 0, {0}, {0}, "softplus below");
  expectConvention(OF(dt::erf(x)), {kInf}, 1, {0}, {}, "erf");
  expectConvention(OF(dt::exp(x)), {-kInf}, 0, {0}, {0}, "exp");
}

//===-- Reductions
//-----------------------------------------------------------------------------===//

TEST(Conventions, ProductsWithZeros) {
  const auto product = [](const Tensor& x) { return dt::prod(x); };
  expectConvention(product, {0, 2, 3}, 0, {6, 0, 0}, {0, 3, 2, 3, 0, 0, 2, 0, 0}, "one zero");
  expectConvention(product, {0, 0, 3}, 0, {0, 0, 0}, {0, 3, 0, 3, 0, 0, 0, 0, 0}, "two zeros");
  expectConvention(product, {0, 0, 0}, 0, {0, 0, 0}, Numbers(9, 0), "three zeros");
}

TEST(Conventions, TiedExtremaShareEqually) {
  const auto largest = [](const Tensor& x) { return dt::max(x); };
  expectConvention(largest, {1, 2, 2}, 2, {0, 0.5, 0.5}, Numbers(9, 0), "max");
  expectConvention([](const Tensor& x) { return dt::min(x); }, {1, 1, 1}, 1,
                   {1 / 3.0, 1 / 3.0, 1 / 3.0}, Numbers(9, 0), "min");
  expectConvention(largest, {1, kNan, 2}, kNan, {1 / 3.0, 1 / 3.0, 1 / 3.0}, Numbers(9, 0), "NaN");
  expectConvention(largest, {-kInf, -kInf}, -kInf, {0.5, 0.5}, Numbers(4, 0), "all -infinity");
}

TEST(Conventions, NothingIsTheNeutralElement) {
  EXPECT_EQ(dt::sum(dt::zeros({0})).item<double>(), 0);
  EXPECT_EQ(dt::prod(dt::zeros({0})).item<double>(), 1);
  EXPECT_TRUE(std::isnan(dt::mean(dt::zeros({0})).item<double>()));
  EXPECT_THROW(dt::max(dt::zeros({0})), dt::Error);
}

} // namespace
