// Activations and elementwise functions through the DSL: values against formulas written out,
// derivatives at kinks and in the tails, the sides that must not meet.
#include <diptych/diptych.h>

#include "SameBits.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace diptych {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const std::vector<double> kPoints{-800, -40, -5, -3, -1, -0.5, -0.0, 0,
                                  0.25, 0.5, 1,  3,  6,  7,    40,   800};

using Unary = Tensor (*)(const Tensor&);
using Formula = long double (*)(long double);

void expectFormula(const char* name, Unary function, Formula formula) {
  const auto got = function(tensor(kPoints)).to_vector<double>();
  for (size_t i = 0; i < kPoints.size(); ++i) {
    const auto expected = static_cast<double>(formula(kPoints[i]));
    EXPECT_NEAR(got[i], expected, 4e-16 * std::abs(expected)) << name << " at " << kPoints[i];
  }
}

TEST(Activations, HaveTheValuesOfTheirFormulas) {
  using D = const Tensor&;
  using L = long double;
  expectFormula(
      "leaky_relu", [](D x) { return leaky_relu(x); },
      [](L x) -> L { return x > 0 ? x : 0.01 * x; });
  expectFormula(
      "elu", [](D x) { return elu(x, 0.5); },
      [](L x) -> L { return x > 0 ? x : 0.5L * expm1l(x); });
  expectFormula(
      "celu", [](D x) { return celu(x, 2); },
      [](L x) -> L { return x > 0 ? x : 2 * expm1l(x / 2); });
  expectFormula(
      "gelu", [](D x) { return gelu(x); },
      [](L x) -> L { return x * erfcl(-x * sqrtl(0.5L)) / 2; });
  expectFormula("silu", [](D x) { return silu(x); }, [](L x) -> L { return x / (1 + expl(-x)); });
  expectFormula(
      "softplus", [](D x) { return softplus(x); },
      [](L x) -> L { return x > 100 ? x : log1pl(expl(x)); });
  expectFormula(
      "softplus", [](D x) { return softplus(x, 2); },
      [](L x) -> L { return x > 100 ? x : log1pl(expl(2 * x)) / 2; });
  expectFormula(
      "logsigmoid", [](D x) { return logsigmoid(x); },
      [](L x) -> L { return x < -100 ? x : -log1pl(expl(-x)); });
  expectFormula(
      "softsign", [](D x) { return softsign(x); }, [](L x) -> L { return x / (1 + fabsl(x)); });
  expectFormula(
      "hardtanh", [](D x) { return hardtanh(x); },
      [](L x) -> L { return x < -1  ? -1
                            : x > 1 ? 1
                                    : x; });
  expectFormula(
      "relu6", [](D x) { return relu6(x); }, [](L x) -> L { return x < 0   ? 0
                                                                   : x > 6 ? 6
                                                                           : x; });
  expectFormula(
      "hardsigmoid", [](D x) { return hardsigmoid(x); },
      [](L x) -> L { return x < -3  ? 0
                            : x > 3 ? 1
                                    : (x + 3) / 6; });
  expectFormula(
      "hardswish", [](D x) { return hardswish(x); },
      [](L x) -> L { return x < -3  ? 0
                            : x > 3 ? x
                                    : x * (x + 3) / 6; });
  expectFormula(
      "softshrink", [](D x) { return softshrink(x); },
      [](L x) -> L { return x > 0.5L    ? x - 0.5L
                            : x < -0.5L ? x + 0.5L
                                        : 0; });
  expectFormula(
      "hardshrink", [](D x) { return hardshrink(x); },
      [](L x) -> L { return fabsl(x) > 0.5L ? x : 0; });
  expectFormula(
      "threshold", [](D x) { return threshold(x, 1, 20); },
      [](L x) -> L { return x > 1 ? x : 20; });
}

// What a whole row of the table becomes on its way to a kernel.
TEST(Activations, OperatorsAreTheFunctionsOfTheirNames) {
  const std::vector<double> inside{-0.9, -0.5, 0.3, 0.75};
  const auto expectNear = [&](const char* name, Unary function, Formula formula) {
    for (DType dtype : {DType::f32, DType::f64}) {
      const auto got =
          function(tensor(inside).astype(dtype)).astype(DType::f64).to_vector<double>();
      for (size_t i = 0; i < inside.size(); ++i) {
        const auto expected = static_cast<double>(formula(inside[i]));
        const double relative = dtype == DType::f32 ? 5e-6 : 2e-15;
        EXPECT_NEAR(got[i], expected, relative * std::max(1.0, std::abs(expected)))
            << name << " " << dtype;
      }
    }
  };
  using D = const Tensor&;
  using L = long double;
  expectNear("exp2", [](D x) { return exp2(x); }, exp2l);
  expectNear("log2", [](D x) { return log2(x + 1); }, [](L x) { return log2l(x + 1); });
  expectNear("log10", [](D x) { return log10(x + 1); }, [](L x) { return log10l(x + 1); });
  expectNear("cbrt", [](D x) { return cbrt(x); }, cbrtl);
  expectNear("sinh", [](D x) { return sinh(x); }, sinhl);
  expectNear("cosh", [](D x) { return cosh(x); }, coshl);
  expectNear("tan", [](D x) { return tan(x); }, tanl);
  expectNear("asin", [](D x) { return asin(x); }, asinl);
  expectNear("acos", [](D x) { return acos(x); }, acosl);
  expectNear("atan", [](D x) { return atan(x); }, atanl);
  expectNear("atan2", [](D x) { return atan2(x, -0.5); }, [](L x) { return atan2l(x, -0.5L); });
  expectNear("fmod", [](D x) { return fmod(x, 0.25); }, [](L x) { return fmodl(x, 0.25L); });
  expectNear("erfc", [](D x) { return erfc(x); }, erfcl);
  expectNear("erfinv", [](D x) { return erf(erfinv(x)); }, [](L x) { return x; });
  expectNear(
      "normal_cdf", [](D x) { return normal_cdf(x); },
      [](L x) { return erfcl(-x * sqrtl(0.5L)) / 2; });
  expectNear("lgamma", [](D x) { return lgamma(x); }, lgammal);
  expectNear(
      "digamma", [](D x) { return digamma(x + 2) - digamma(x + 1); },
      [](L x) { return 1 / (x + 1); });
  expectNear(
      "polygamma", [](D x) { return polygamma(2, x + 1) - polygamma(2, x + 2); },
      [](L x) { return -2 / powl(x + 1, 3); });
  expectNear("ceil", [](D x) { return ceil(x); }, ceill);
  expectNear("trunc", [](D x) { return trunc(3 * x); }, [](L x) { return truncl(3 * x); });
  expectNear("round", [](D x) { return round(x); }, rintl);
}

double slope(Unary function, double at) {
  return grad([&](const Tensor& x) { return function(x); })(tensor(at)).item<double>();
}
double curvature(Unary function, double at) {
  return grad(grad([&](const Tensor& x) { return function(x); }))(tensor(at)).item<double>();
}

TEST(Activations, DerivativesAtKinksAreThoseOfTheSideThatHasThePoint) {
  EXPECT_EQ(slope([](const Tensor& x) { return leaky_relu(x); }, 0), 0.01);
  EXPECT_EQ(slope([](const Tensor& x) { return elu(x, 0.5); }, 0), 0.5);
  EXPECT_EQ(curvature([](const Tensor& x) { return elu(x, 0.5); }, 0), 0.5);
  EXPECT_EQ(slope([](const Tensor& x) { return hardtanh(x); }, 1), 0);
  EXPECT_EQ(slope([](const Tensor& x) { return relu6(x); }, 0), 0);
  EXPECT_EQ(slope([](const Tensor& x) { return softplus(x); }, 0), 0.5);
  EXPECT_EQ(curvature([](const Tensor& x) { return softplus(x); }, 0), 0.25);
  EXPECT_EQ(slope([](const Tensor& x) { return gelu(x); }, 0), 0.5);
}

TEST(Activations, TheSideNotTakenAddsNothingToDerivatives) {
  for (double at : {-1e4, 1e4}) {
    EXPECT_EQ(slope([](const Tensor& x) { return elu(x); }, at), at > 0);
    EXPECT_EQ(curvature([](const Tensor& x) { return celu(x); }, at), 0);
    EXPECT_EQ(slope([](const Tensor& x) { return softplus(x); }, at), at > 0);
    EXPECT_EQ(slope([](const Tensor& x) { return hardswish(x); }, at), at > 0);
    EXPECT_EQ(slope([](const Tensor& x) { return silu(x); }, at), at > 0);
  }
}

TEST(Elementwise, DerivativesOfAtan2SurviveLargeAndSmallPoints) {
  for (double size : {1e-200, 1.0, 1e200}) {
    const auto angle = [&](const Tensor& y) { return atan2(y, size); };
    EXPECT_NEAR(grad(angle)(tensor(size)).item<double>() * size, 0.5, 1e-15);
  }
  EXPECT_TRUE(std::isnan(slope([](const Tensor& y) { return atan2(y, 0.0 * y); }, 0)));
}

TEST(Elementwise, LgammaHasDerivativesOfEveryOrder) {
  const auto f = [](const Tensor& x) { return lgamma(x); };
  const Tensor one = tensor(1.0);
  EXPECT_NEAR(grad(f)(one).item<double>(), -0.57721566490153286, 1e-15);
  EXPECT_NEAR(grad(grad(f))(one).item<double>(), M_PI * M_PI / 6, 1e-15);
  EXPECT_NEAR(grad(grad(grad(f)))(one).item<double>(), -2 * 1.2020569031595943, 4e-15);
  EXPECT_NEAR(grad(grad(grad(grad(f))))(one).item<double>(), std::pow(M_PI, 4) / 15, 1e-14);
}

TEST(Elementwise, LerpMeetsBothEnds) {
  EXPECT_EQ(lerp(tensor(0.1), 0.7, 0.0).item<double>(), 0.1);
  EXPECT_EQ(lerp(tensor(0.1), 0.7, 1.0).item<double>(), 0.7);
}

TEST(Elementwise, RemainderHasTheSignOfTheDivisor) {
  const auto got = remainder(tensor({-5.0, 5.0, -4.0, 7.0}), tensor({3.0, -3.0, 2.0, 4.0}));
  EXPECT_EQ(got.to_vector<double>(), (std::vector<double>{1, -1, 0, 3}));
  EXPECT_EQ(slope([](const Tensor& y) { return fmod(7.5, y); }, 2), -3);
}

TEST(Elementwise, RoundGoesToEven) {
  EXPECT_EQ(round(tensor({0.5, 1.5, 2.5, -0.5})).to_vector<double>(),
            (std::vector<double>{0, 2, 2, -0.0}));
}

TEST(Elementwise, ClassesOfNumbers) {
  const Tensor x = tensor({1.0, kInf, -kInf, std::nan("")});
  EXPECT_EQ(isinf(x).to_vector<bool>(), (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(isfinite(x).to_vector<bool>(), (std::vector<bool>{true, false, false, false}));
  EXPECT_EQ(isnan(x).to_vector<bool>(), (std::vector<bool>{false, false, false, true}));
}

TEST(Elementwise, PolygammaRefusesNegativeOrders) {
  EXPECT_THROW(polygamma(-1, tensor(1.0)), Error);
}

// Powers of a known order are written out; of others they are a loop over the order's bits.
TEST(Elementwise, PolygammaOfAKnownOrderHasTheBitsOfAnyOrder) {
  const auto orders = [](const Tensor& x) {
    std::vector<Tensor> values;
    for (int64_t n : {1, 2, 3, 4, 6, 11, 31, 64, 127, 170})
      values.push_back(polygamma(n, x));
    return stack(values, 0);
  };
  const Tensor x = concatenate({tensor(kPoints), tensor({1e-320, 0x1.1p-512, 1e-20, 9.5, 11.25, 1e9,
                                                         kInf, -kInf, -0.25, -7.75, std::nan("")})},
                               0);
  const auto known = jit(orders, {.numerics = Numerics::strict});
  EXPECT_TRUE(test::sameBits(known(x), orders(x)));
  EXPECT_TRUE(test::sameBits(known(x.astype(DType::f32)), orders(x.astype(DType::f32))));
}

TEST(Elementwise, XlogyIsZeroAtZero) {
  const Tensor got = xlogy(tensor({0.0, 0.0, 2.0}), tensor({0.0, kInf, 1.0}));
  EXPECT_EQ(got.to_vector<double>(), (std::vector<double>{0, 0, 0}));
}

} // namespace
} // namespace diptych
