// The math expansions alone: the same bits for every vector width and instruction set, and nearly
// the same numbers where LLVM may contract. Accuracy is measured through the operators.
#include "MathKernels.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

#include "llvm/TargetParser/Host.h"

namespace diptych::mathtest {
namespace {

template <typename T> using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T> std::vector<T> specials() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> values = {0,
                           Limits::denorm_min(),
                           Limits::min(),
                           Limits::max(),
                           Limits::infinity(),
                           Limits::quiet_NaN()};
  // The last two lie closest to a multiple of pi/2 among all f64 and among f32.
  const double interesting[] = {0.25,
                                0.5,
                                0.70710678118654752,
                                1,
                                1.4142135623730951,
                                1.5,
                                2,
                                2.5,
                                3,
                                5.93,
                                10,
                                36.7,
                                88.72283905206835,
                                103.97207708399179,
                                709.782712893384,
                                708.3964185322641,
                                745.1332191019411,
                                0.34657359027997264,
                                0.693147180559945,
                                1.5707963267948966,
                                3.141592653589793,
                                0.7853981633974483,
                                0x1p30,
                                0x1p52,
                                0x1p53,
                                1e22,
                                0x1.6ac5b262ca1ffp+849,
                                0x1.f37c8ap+95};
  for (double v : interesting)
    for (T near : {std::nextafter(T(v), T(0)), T(v), std::nextafter(T(v), Limits::infinity())})
      values.push_back(near);
  for (int i = 0; i < 64; ++i)
    values.push_back(std::ldexp(T(1), -i));
  size_t positive = values.size();
  for (size_t i = 0; i < positive; ++i)
    values.push_back(-values[i]);
  return values;
}

/// Random bit patterns, dense samples, all magnitudes, multiples of pi/2, special values.
template <typename T> std::vector<T> samples(const Case& test, bool second) {
  std::mt19937_64 random(second ? 2 : 1);
  std::vector<T> values;
  std::vector<T> fixed = specials<T>();
  if (test.binary) {
    for (T a : fixed)
      for (T b : fixed)
        values.push_back(second ? b : a);
  } else {
    values = fixed;
  }
  std::uniform_real_distribution<double> dense(second ? -30 : test.low, second ? 30 : test.high);
  std::uniform_real_distribution<double> exponent(std::numeric_limits<T>::min_exponent - 54.0,
                                                  60.0);
  for (int i = 0; i < 60000; ++i) {
    values.push_back(std::bit_cast<T>(static_cast<Bits<T>>(random())));
    values.push_back(static_cast<T>(dense(random)));
    values.push_back(static_cast<T>(dense(random)));
    double sign = random() & 1 ? 1 : -1;
    values.push_back(
        static_cast<T>(sign * std::exp2(test.binary ? exponent(random) / 8 : exponent(random))));
    if (i < 20000)
      values.push_back(static_cast<T>(sign * std::exp2(exponent(random) / 40) * M_PI_2 *
                                      double(random() % 5000)));
  }
  if (test.thinned > 1) {
    size_t kept = 0;
    for (size_t i = 0; i < values.size(); i += test.thinned)
      values[kept++] = values[i];
    values.resize(kept);
  }
  while (values.size() % 16)
    values.push_back(1);
  return values;
}

/// Distance in units of the last place of the larger; NaN is near NaN, and an
/// infinity is the next power of two.
double ulpDistance(double a, double b) {
  if (std::isnan(a) || std::isnan(b))
    return std::isnan(a) == std::isnan(b) ? 0 : HUGE_VAL;
  const auto number = [](double x) {
    return std::isinf(x) ? std::copysign(0x1p1023L * 2, static_cast<long double>(x)) : x;
  };
  const long double x = number(a), y = number(b);
  const long double size = std::max({fabsl(x), fabsl(y), 0x1p-1022L});
  return static_cast<double>(ldexpl(fabsl(x - y), 52 - ilogbl(size)));
}

/// Bits equal, any NaN equal to any NaN.
template <typename T>
void expectSameBits(const Case& test, const std::vector<T>& x, const std::vector<T>& a,
                    const std::vector<T>& b, const std::string& what) {
  int shown = 0;
  for (size_t i = 0; i < a.size() && shown < 3; ++i) {
    if (std::bit_cast<Bits<T>>(a[i]) == std::bit_cast<Bits<T>>(b[i]) ||
        (std::isnan(a[i]) && std::isnan(b[i])))
      continue;
    ADD_FAILURE() << test.name << ' ' << what << " at " << double(x[i]) << ": " << double(a[i])
                  << " and " << double(b[i]);
    ++shown;
  }
}

class MathExpansion : public testing::TestWithParam<Case> {};

template <typename T> void checkWidths(const Case& test) {
  std::vector<T> x = samples<T>(test, false), y = samples<T>(test, true);
  std::vector<T> scalar = native().run(test, 1, x, y);
  for (int width : {2, 4, 8, 16})
    expectSameBits(test, x, scalar, native().run(test, width, x, y),
                   "scalar and width " + std::to_string(width));
}

TEST_P(MathExpansion, IsIndependentOfWidthInF64) { checkWidths<double>(GetParam()); }
TEST_P(MathExpansion, IsIndependentOfWidthInF32) { checkWidths<float>(GetParam()); }

/// With every multiply-add that LLVM may fuse fused, as other numerics modes may ask.
TEST_P(MathExpansion, StaysAccurateWhenContracted) {
  static const Kernels kernels(allCases(), llvm::sys::getHostCPUName().str(), {8},
                               llvm::FPOpFusion::Fast);
  const Case& test = GetParam();
  std::vector<double> x = samples<double>(test, false), y = samples<double>(test, true);
  const std::vector<double> strict = native().run(test, 8, x, y),
                            fused = kernels.run(test, 8, x, y);
  for (size_t i = 0; i < x.size(); ++i) {
    const double argument = test.binary ? y[i] : x[i];
    if (test.cancelsBelowZero && argument < 0)
      continue;
    ASSERT_LE(ulpDistance(fused[i], strict[i]), 4) << x[i] << ", " << y[i];
  }
}

TEST_P(MathExpansion, HasTheSameBitsOnEveryInstructionSet) {
  static const Kernels avx2(allCases(), "x86-64-v3", {8});
  std::vector<double> x = samples<double>(GetParam(), false), y = samples<double>(GetParam(), true);
  expectSameBits(GetParam(), x, native().run(GetParam(), 8, x, y), avx2.run(GetParam(), 8, x, y),
                 "f64 on this CPU and on AVX2");
  std::vector<float> a = samples<float>(GetParam(), false), b = samples<float>(GetParam(), true);
  expectSameBits(GetParam(), a, native().run(GetParam(), 8, a, b), avx2.run(GetParam(), 8, a, b),
                 "f32 on this CPU and on AVX2");
}

INSTANTIATE_TEST_SUITE_P(All, MathExpansion, testing::ValuesIn(allCases()),
                         [](const auto& info) { return info.param.name; });

} // namespace
} // namespace diptych::mathtest
