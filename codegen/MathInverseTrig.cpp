// atan, atan2, asin, acos. Method: the angle of (x, y) is atan(c) + atan((y - c x) / (x + c y))
// with c one of 0, 1/2, 1, 3/2 and infinity (the breakpoints of Sun's fdlibm), the differences
// rounded once by fma; asin and acos by the half angle above 1/2. Polynomials: our own Remez fits.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kPiHi = 0x1.921fb54442d18p+1, kPiLo = 0x1.1a62633145c07p-53;
static constexpr double kHalfPiHi = kPiHi / 2, kHalfPiLo = kPiLo / 2;

/// The value for the breakpoint that y / x has passed.
struct Breakpoints {
  Mask half, one, threeHalves, infinity;

  Num choose(Num like, double c0, double c1, double c2, double c3, double c4) const {
    Num upper = select(threeHalves, select(infinity, constantLike(like, c4), c3), c2);
    return select(one, upper, select(half, constantLike(like, c1), c0));
  }
};

/// Angle of (x, y) in [0, pi/2] for x, y >= 0, y finite or infinite, x finite and not 0 with y; pi
/// minus it where `back`. Below 1.2 ulp.
static Num angle(Num y, Num x, Mask back) {
  const Breakpoints passed{y >= x * 0.4375, y >= x * 0.6875, y >= x * 1.1875, y >= x * 2.4375};
  Num c = passed.choose(x, 0.0, 0.5, 1.0, 1.5, 1.0);
  Num hi = passed.choose(x, 0.0, 0x1.dac670561bb4fp-2, 0x1.921fb54442d18p-1, 0x1.f730bd281f69bp-1,
                         kHalfPiHi);
  Num lo = passed.choose(x, 0.0, 0x1.a2b7f222f65e2p-56, 0x1.1a62633145c07p-55,
                         0x1.007887af0cbbdp-56, kHalfPiLo);
  Num t = select(passed.infinity, -x, fma(-c, x, y)) / select(passed.infinity, y, fma(c, y, x));
  Pair rest = fastTwoSum(kPiHi, -hi);
  hi = select(back, rest.hi, hi);
  lo = select(back, (rest.lo - lo) + kPiLo, lo);
  t = select(back, -t, t);
  // atan(t) = t + t z P(z) on |t| <= 7/16, z = t^2: relative error 2^-57.
  Num z = t * t;
  Num p = polynomial(z, {-0x1.5555555555509p-2, 0x1.999999998e2f3p-3, -0x1.2492491fd35c2p-3,
                         0x1.c71c6fcec24f9p-4, -0x1.745cda4b679c1p-4, 0x1.3b0f095eb9587p-4,
                         -0x1.10d5097991f8ep-4, 0x1.ddd064bfdad73p-5, -0x1.976879675bd78p-5,
                         0x1.2a930247fb7ddp-5, -0x1.097109689b44dp-6});
  return hi + (t + fma(t * z, p, lo));
}

static Num atanWide(Num x) {
  Num one = constantLike(x, 1.0);
  return copysign(angle(abs(x), one, one < 0.0), x);
}

static Num atan2Wide(Num y, Num x) {
  Num a = abs(y), b = abs(x);
  Mask endless = b == kInfinity;
  a = select(endless, select(a == kInfinity, constantLike(a, 1.0), 0.0), a);
  b = select(endless | ((a == 0.0) & (b == 0.0)), 1.0, b);
  // Only the ratio counts: no product overflows, none that counts is denormal.
  Num larger = select(a < b, b, a);
  Num scale = select(larger > 0x1p1000, constantLike(a, 0x1p-100),
                     select(larger < 0x1p-900, constantLike(a, 0x1p150), 1.0));
  Num result = angle(a * scale, b * scale, copysign(constantLike(x, 1.0), x) < 0.0);
  return select(isNan(x) | isNan(y), x + y, copysign(result, y));
}

/// |x| <= 1/2: asin(x) = x + x p. Above: asin(s) = s + tail + s p with s + tail = sqrt((1 - |x|) /
/// 2).
struct HalfAngle {
  Mask large;
  Num s, tail, p;
};

static HalfAngle halfAngle(Num x) {
  Num a = abs(x);
  Mask large = a > 0.5;
  Num z = select(large, (1.0 - a) * 0.5, a * a);
  Num s = select(large, sqrt(z), a);
  Num tail = select(large & (s > 0.0), fma(-s, s, z) / (s + s), 0.0);
  // z P(z) on z <= 1/4: relative error 2^-59.
  Num p = z * polynomial(z, {0x1.5555555555578p-3, 0x1.333333332df14p-4, 0x1.6db6db722b801p-5,
                             0x1.f1c71a8b9055bp-6, 0x1.6e8bdfe811001p-6, 0x1.1c49dde665b63p-6,
                             0x1.ca2146d1529a1p-7, 0x1.757779114b4edp-7, 0x1.618b266889494p-7,
                             0x1.e15536c89dcc8p-9, 0x1.6503bdaa20528p-6, -0x1.59f8d29bf0f4fp-6,
                             0x1.0be513a1760d5p-5});
  return {large, s, tail, p};
}

/// From `whole` (hi + lo) - 2 (s + tail + s p), below 1 ulp.
static Num lessTwice(double hi, double lo, const HalfAngle& h) {
  Pair main = fastTwoSum(hi, h.s * -2.0);
  return main.hi + (fma(fma(h.s, h.p, h.tail), -2.0, main.lo) + lo);
}

static Num asinWide(Num x) {
  HalfAngle h = halfAngle(x);
  return copysign(select(h.large, lessTwice(kHalfPiHi, kHalfPiLo, h), fma(h.s, h.p, h.s)), x);
}

static Num acosWide(Num x) {
  HalfAngle h = halfAngle(x);
  Pair main = fastTwoSum(kHalfPiHi, -x);
  Num small = main.hi + (main.lo + fma(-x, h.p, kHalfPiLo));
  Num above = fma(h.s, h.p, h.tail) * 2.0 + h.s * 2.0;
  return select(h.large, select(x > 0.0, above, lessTwice(kPiHi, kPiLo, h)), small);
}

} // namespace math

mlir::Value MathBuilder::atan(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::atanWide, math::inDouble<math::atanWide>);
}
mlir::Value MathBuilder::atan2(mlir::Value y, mlir::Value x) {
  return math::expand(builder_, loc_, y, x, math::atan2Wide, math::inDouble<math::atan2Wide>);
}
mlir::Value MathBuilder::asin(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::asinWide, math::inDouble<math::asinWide>);
}
mlir::Value MathBuilder::acos(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::acosWide, math::inDouble<math::acosWide>);
}

} // namespace diptych::codegen
