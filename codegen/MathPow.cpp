// pow: exp(y log|x|) with the logarithm as a pair of f64, then the special cases of C99 Annex F as
// selections.
// The logarithm's series is 2 atanh(s) as in MathLog.cpp, its head in pairs (Dekker's arithmetic).
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// log(x) as a pair, relative error below 2^-64: 745 times that is 0.2 ulp of the power.
/// log(1 + f) = 2s (1 + u), u = z (1/3 + z T(z)), z = s^2 < 0.03; T (degree 7, error
/// 2^-73 relative to the whole) alone is evaluated in f64.
Pair logPair(Num x) {
  LogReduction reduced = reduceLog(x);
  Num f = reduced.f;
  Pair d = fastTwoSum(2.0, f);
  Num reciprocal = 1.0 / d.hi;
  Num sHi = f * reciprocal;
  Pair s{sHi, fma(-sHi, d.lo, fma(-sHi, d.hi, f)) * reciprocal};
  Pair z = times(s, s);
  Num t = polynomial(z.hi, {0x1.9999999999996p-3, 0x1.2492492492f51p-3, 0x1.c71c71c5968bfp-4,
                            0x1.745d18295a422p-4, 0x1.3b1364c7cc36dp-4, 0x1.11206f77e3fdbp-4,
                            0x1.de3d629d48044p-5, 0x1.eac642b90211ap-5});
  Pair third = fastTwoSum(0x1.5555555555555p-2, z.hi * t);
  Pair u = times(z, {third.hi, third.lo + 0x1.5555555555555p-56});
  Pair twice{s.hi * 2.0, s.lo * 2.0};
  Pair product = times(twice, u);
  Pair mantissa = fastTwoSum(twice.hi, product.hi);
  mantissa.lo = mantissa.lo + (twice.lo + product.lo);
  // e times the upper 42 bits of ln2 is exact.
  Pair sum = fastTwoSum(reduced.e * 0x1.62e42fefa3800p-1, mantissa.hi);
  return fastTwoSum(sum.hi, sum.lo + fma(reduced.e, 0x1.ef35793c76730p-45, mantissa.lo));
}

/// |x|^y for finite positive |x|, below 0.7 ulp: the pair decides all but the last rounding.
static Num powWideCore(Num magnitude, Num y) {
  Pair l = logPair(magnitude);
  Pair product = twoProduct(l.hi, y);
  product.lo = fma(l.lo, y, product.lo);
  // Beyond 800 the result is 0 or infinity whatever the tail says.
  Num tail = select(abs(product.hi) < 800.0, product.lo, 0.0);
  ExpPairReduction reduced = reduceExpPair(atLeast(atMost(product.hi, 710.0), -746.0), tail);
  Num r = reduced.r;
  Pair m = fastTwoSum(1.0, r);
  Num rest = fma(r * r, expRemainder(r), fma(reduced.tail, r, reduced.tail));
  Scaling scaling = twoStepScaling(reduced.count);
  return (m.hi + (m.lo + rest)) * scaling.first * scaling.second;
}

/// The same for f32: log with relative error 2^-44 (degree 4 in z) in plain f64.
static Num powNarrowCore(Num magnitude, Num y) {
  LogReduction reduced = reduceNormalLog(widen(magnitude));
  Num s = reduced.f / (reduced.f + 2.0);
  Num z = s * s;
  Num p = polynomial(z, {0x1.555555561e472p-1, 0x1.999996a940241p-2, 0x1.249411f242d1bp-2,
                         0x1.c62b135db918ap-3, 0x1.9115a096f7184p-3});
  Num l = fma(reduced.e, kLn2Hi, fma(s * z, p, s + s));
  return narrow(expNarrowCore(atLeast(atMost(l * widen(y), 90.0), -160.0)));
}

/// The cases of Annex F around `core`.
static Num powWith(BinaryExpansion core, Num x, Num y) {
  Num magnitude = abs(x);
  // |y| > 2^70 decides between 0, 1 and infinity already; clamping keeps the products finite.
  Num value = core(magnitude, atLeast(atMost(y, 0x1p70), -0x1p70));
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

Num powFull(Num x, Num y) { return powWith(powWideCore, x, y); }
static Num powNarrow(Num x, Num y) { return powWith(powNarrowCore, x, y); }

} // namespace math

mlir::Value MathBuilder::pow(mlir::Value x, mlir::Value y) {
  return math::expand(builder_, loc_, x, y, math::powFull, math::powNarrow);
}

} // namespace diptych::codegen
