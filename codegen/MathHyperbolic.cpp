// sinh and cosh: halves of 2^n (y +- 2^-2n / y) with e^|x| = 2^n y as a pair, and for sinh an odd
// polynomial (our own Remez fit) below 1. tanh stands with expm1, which it is made of.
#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

/// (e^|x| + sign e^-|x|) / 2, |x| >= 1 where the sign is -1. Below 0.9 ulp.
static Num halfSum(Num x, double sign) {
  const Format& format = formatOf(x);
  Num a = atMost(abs(x), format.expHigh + 1);
  ExpPairReduction reduced = reduceExpPair(a);
  Pair y = expOfReduced(reduced);
  // 2^-n is a number while n < bias; from a = 40 on, e^-a is lost beside e^a.
  Num inverse =
      powerOfTwo(reduced.count() ^ -1, 1 + 4 * format.bias); // -count - 1 holds -n - 2 bias
  Num other = select(a < 40.0, inverse * inverse / y.hi, 0.0);
  return ldexp(y.hi + fma(other, sign, y.lo), reduced.counted - 1.0);
}

/// (sinh(x) / x - 1) / x^2 on |x| <= 1: relative error of sinh 2^-60, in f32 2^-31.
static Num sinhRest(Num z) {
  if (formatOf(z).fraction == 23)
    return polynomial(z, {0x1.555556p-3, 0x1.1110ep-7, 0x1.a022bap-13, 0x1.756cb2p-19});
  return polynomial(z, {0x1.5555555555556p-3, 0x1.111111111101fp-7, 0x1.a01a01a036e5ep-13,
                        0x1.71de3a3b4806ep-19, 0x1.ae646fba471d4p-26, 0x1.61170cdcbb99ap-33,
                        0x1.b5c121c9c9bacp-41});
}

static Num sinhBoth(Num x) {
  Num z = x * x;
  // Below 1 with NaN, which halfSum would scale by bits.
  return select(abs(x) >= 1.0, copysign(halfSum(x, -1.0), x), fma(x * z, sinhRest(z), x));
}

static Num coshBoth(Num x) { return select(isNan(x), x, halfSum(x, 1.0)); }

} // namespace math

mlir::Value MathBuilder::sinh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sinhBoth);
}
mlir::Value MathBuilder::cosh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::coshBoth);
}

} // namespace diptych::codegen
