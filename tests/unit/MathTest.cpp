// The math expansions against references in long double: accuracy over the whole range, and the
// same bits for every vector width and instruction set.
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

/// Error of `got` in units of the last place of T at the exact value; infinity counts as the next
/// power of two. Where `scale` is larger than the value, units are those of `scale`.
template <typename T> double ulpError(T got, long double exact, long double scale) {
  using Limits = std::numeric_limits<T>;
  long double top = ldexpl(1, Limits::max_exponent);
  if (scale >= top)
    return 0; // of a difference of infinities nothing is promised
  if (std::isnan(exact))
    return std::isnan(got) ? 0 : HUGE_VAL;
  if (std::isnan(got))
    return HUGE_VAL;
  if (std::signbit(got) != std::signbit(exact) && scale == 0)
    return HUGE_VAL;
  long double value = std::isinf(got) ? copysignl(top, got) : static_cast<long double>(got);
  if (fabsl(exact) >= top)
    return fabsl(value) >= top ? 0 : std::isinf(exact) ? HUGE_VAL : static_cast<double>(top);
  if (exact == 0 && scale == 0)
    return got == 0 ? 0 : HUGE_VAL;
  int ulp = std::max(ilogbl(std::max(fabsl(exact), scale)) - Limits::digits + 1,
                     Limits::min_exponent - Limits::digits);
  return static_cast<double>(ldexpl(fabsl(value - exact), -ulp));
}

struct Worst {
  double ulp = 0, x = 0, y = 0, got = 0;
};

template <typename T>
Worst worstError(const Case& test, const std::vector<T>& x, const std::vector<T>& y,
                 const std::vector<T>& out) {
  Worst worst;
  for (size_t i = 0; i < x.size(); ++i) {
    const long double exact = test.reference(x[i], y[i]);
    const long double scale = test.scale ? test.scale(x[i], y[i]) : 0;
    double error = ulpError(out[i], exact, scale);
    if (error > worst.ulp)
      worst = {error, x[i], y[i], out[i]};
  }
  return worst;
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

template <typename T> void checkAccuracy(const Case& test, double bound) {
  std::vector<T> x = samples<T>(test, false), y = samples<T>(test, true);
  std::vector<T> scalar = native().run(test, 1, x, y);
  Worst worst = worstError(test, x, y, scalar);
  std::printf("%-10s %s  max %.4f ulp at %a %s\n", test.name, sizeof(T) == 8 ? "f64" : "f32",
              worst.ulp, worst.x, test.binary ? std::to_string(worst.y).c_str() : "");
  EXPECT_LE(worst.ulp, bound) << test.name << '(' << worst.x << ", " << worst.y << ") gave "
                              << worst.got;
  for (int width : {4, 8, 16})
    expectSameBits(test, x, scalar, native().run(test, width, x, y),
                   "scalar and width " + std::to_string(width));
}

TEST_P(MathExpansion, IsAccurateAndIndependentOfWidthInF64) {
  checkAccuracy<double>(GetParam(), GetParam().bound64);
}
TEST_P(MathExpansion, IsAccurateAndIndependentOfWidthInF32) {
  checkAccuracy<float>(GetParam(), GetParam().bound32);
}

/// The same with every multiply-add that LLVM may fuse fused, as other numerics modes may ask.
TEST_P(MathExpansion, StaysAccurateWhenContracted) {
  static const Kernels kernels(allCases(), llvm::sys::getHostCPUName().str(), {8},
                               llvm::FPOpFusion::Fast);
  std::vector<double> x = samples<double>(GetParam(), false), y = samples<double>(GetParam(), true);
  Worst worst = worstError(GetParam(), x, y, kernels.run(GetParam(), 8, x, y));
  EXPECT_LE(worst.ulp, GetParam().bound64) << worst.x << ", " << worst.y << " gave " << worst.got;
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
