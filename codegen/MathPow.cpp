// pow: exp(y log|x|) with the logarithm as a pair, then the special cases of C99 Annex F as
// selections; f64 and f32 by the same steps.
// The logarithm's series is 2 atanh(s) as in MathLog.cpp, its head in pairs (Dekker's arithmetic).
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// (atanh(s) / s - 1 - z / 3) / z^2, z = s^2: degree 7, error 2^-73 relative to the whole; in f32
/// degree 2, 2^-36.8.
static Num atanhRest(Num z) {
  if (formatOf(z).fraction == 23)
    return polynomial(z, {0x1.999ap-3, 0x1.24527ap-3, 0x1.dfa306p-4});
  return polynomial(z, {0x1.9999999999996p-3, 0x1.2492492492f51p-3, 0x1.c71c71c5968bfp-4,
                        0x1.745d18295a422p-4, 0x1.3b1364c7cc36dp-4, 0x1.11206f77e3fdbp-4,
                        0x1.de3d629d48044p-5, 0x1.eac642b90211ap-5});
}

/// log(x) as a pair, relative error below 2^-64: 745 times that is 0.2 ulp of the power. In f32
/// 2^-36 and 104.
/// log(1 + f) = 2s (1 + u), u = z (1/3 + z T(z)), z = s^2 < 0.03; T alone is evaluated in one part.
Pair logPair(Num x) {
  const Format& format = formatOf(x);
  const bool isWide = format.fraction == 52;
  const double third = isWide ? 0x1.5555555555555p-2 : 0x1.555556p-2;
  const double thirdRest = isWide ? 0x1.5555555555555p-56 : -0x1.555556p-27;
  LogReduction reduced = reduceLog(x);
  Num f = reduced.f;
  Pair d = fastTwoSum(2.0, f);
  Num reciprocal = 1.0 / d.hi;
  Num sHi = f * reciprocal;
  Pair s{sHi, fma(-sHi, d.lo, fma(-sHi, d.hi, f)) * reciprocal};
  Pair z = times(s, s);
  Pair inner = fastTwoSum(third, z.hi * atanhRest(z.hi));
  Pair u = times(z, {inner.hi, inner.lo + thirdRest});
  Pair twice{s.hi * 2.0, s.lo * 2.0};
  Pair product = times(twice, u);
  Pair mantissa = fastTwoSum(twice.hi, product.hi);
  mantissa.lo = mantissa.lo + (twice.lo + product.lo);
  Pair sum = fastTwoSum(reduced.e * format.ln2Upper, mantissa.hi);
  return fastTwoSum(sum.hi, sum.lo + fma(reduced.e, format.ln2Rest, mantissa.lo));
}

/// |x|^y for finite positive |x|, below 0.9 ulp: the pair decides all but the last rounding.
static Num powCore(Num magnitude, Num y) {
  const Format& format = formatOf(y);
  Pair l = logPair(magnitude);
  Pair product = twoProduct(l.hi, y);
  product.lo = fma(l.lo, y, product.lo);
  // Beyond 800 the result is 0 or infinity whatever the tail says.
  Num tail = select(abs(product.hi) < 800.0, product.lo, 0.0);
  ExpPairReduction reduced =
      reduceExpPair(atLeast(atMost(product.hi, format.expHigh), format.expLow), tail);
  Num r = reduced.r;
  Pair m = fastTwoSum(1.0, r);
  Num rest = fma(r * r, expRemainder(r), fma(reduced.tail, r, reduced.tail));
  return ldexp(m.hi + (m.lo + rest), reduced.counted);
}

/// The core with the cases of Annex F.
Num powFull(Num x, Num y) {
  Num magnitude = abs(x);
  // |y| > 2^70 decides between 0, 1 and infinity already; clamping keeps the products finite.
  Num value = powCore(magnitude, atLeast(atMost(y, 0x1p70), -0x1p70));
  Mask pole = (magnitude == 0.0) | (magnitude == kInfinity);
  value =
      select(pole, select((magnitude == 0.0) ^ (y < 0.0), constantLike(x, 0.0), kInfinity), value);
  Mask integer = floor(y) == y;
  Num half = y * 0.5;
  Mask odd = integer & !(floor(half) == half);
  Mask negative = copysign(constantLike(x, 1.0), x) < 0.0;
  value = select(odd & negative, -value, value);
  Mask undefined = (x < 0.0) & (x > -kInfinity) & !integer;
  value = select(undefined, kNan, value);
  value = select(isNan(x) | isNan(y), x + y, value);
  return select((y == 0.0) | (x == 1.0), 1.0, value);
}

} // namespace math

mlir::Value MathBuilder::pow(mlir::Value x, mlir::Value y) {
  return math::expand(builder_, loc_, x, y, math::powFull);
}

} // namespace diptych::codegen
