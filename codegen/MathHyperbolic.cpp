// sinh and cosh: halves of 2^n (y +- 2^-2n / y) with e^|x| = 2^n y as a pair, and for sinh an odd
// polynomial (our own Remez fit) below 1. tanh stands with expm1, which it is made of.
#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

/// (e^|x| + sign e^-|x|) / 2, |x| >= 1 where the sign is -1. Below 0.8 ulp.
static Num halfSum(Num x, double sign) {
  Num a = atMost(abs(x), 711.0);
  ExpPairReduction reduced = reduceExpPair(a);
  Pair y = expOfReduced(reduced);
  // 2^-n is a number while n < 1023; from a = 40 on, e^-a is lost beside e^a.
  Num inverse = number(((reduced.count ^ -1) + 1024) << 52);
  Num other = select(a < 40.0, inverse * inverse / y.hi, 0.0);
  Scaling scaling = twoStepScaling(reduced.count - 1);
  return (y.hi + fma(other, sign, y.lo)) * scaling.first * scaling.second;
}

static Num sinhWide(Num x) {
  Num z = x * x;
  // Relative error 2^-60 on |x| <= 1.
  Num p = polynomial(z, {0x1.5555555555556p-3, 0x1.111111111101fp-7, 0x1.a01a01a036e5ep-13,
                         0x1.71de3a3b4806ep-19, 0x1.ae646fba471d4p-26, 0x1.61170cdcbb99ap-33,
                         0x1.b5c121c9c9bacp-41});
  // Below 1 with NaN, which halfSum would scale by bits.
  return select(abs(x) >= 1.0, copysign(halfSum(x, -1.0), x), fma(x * z, p, x));
}

static Num coshWide(Num x) { return select(isNan(x), x, halfSum(x, 1.0)); }

} // namespace math

mlir::Value MathBuilder::sinh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sinhWide, math::inDouble<math::sinhWide>);
}
mlir::Value MathBuilder::cosh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::coshWide, math::inDouble<math::coshWide>);
}

} // namespace diptych::codegen
