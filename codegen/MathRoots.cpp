// cbrt. Method: m = x / 8^k in [1/2, 4), a polynomial for 1 / cbrt(m), one step of fourth order,
// and a correction by the exact residual y^3 - m. No division.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

/// Below 0.501 ulp: the residual decides all but the last rounding.
static Num cbrtWide(Num x) {
  Num a = abs(x);
  Mask denormal = a < std::numeric_limits<double>::min();
  a = select(denormal, a * 0x1p54, a);
  Num third = fma(exponent(a), 0x1.5555555555555p-2, 0x1.8p52);
  Int k = bits(third);
  Num m = number(bits(a) - ((k + k + k) << 52));
  // Degree 7: relative error 2^-10.7, then 2^-39, then 2^-78.
  Num r = polynomial(m, {0x1.fb40c3e5eef76p+0, -0x1.2eafc5373fd3fp+1, 0x1.457fd532c4064p+1,
                         -0x1.b8cb3cdd8e9e7p+0, 0x1.6eed71180162bp-1, -0x1.6bd120ce7ae73p-3,
                         0x1.89529a326db71p-6, -0x1.6448f3af2b7f0p-10});
  Num h = fma(-(m * r), r * r, 1.0);
  r = fma(r * h, polynomial(h, {0x1.5555555555555p-2, 0x1.c71c71c71c71cp-3, 0x1.61f9add3c0ca4p-3}),
          r);
  Num y = m * (r * r);
  Pair square = twoProduct(y, y);
  Pair cube = twoProduct(square.hi, y);
  Num residual = (cube.hi - m) + fma(square.lo, y, cube.lo);
  y = fma(residual * (r * r), -0x1.5555555555555p-2, y);
  y = number(bits(y) + (k << 52)) * select(denormal, constantLike(x, 0x1p-18), 1.0);
  Mask regular = (abs(x) > 0.0) & (abs(x) < std::numeric_limits<double>::infinity());
  return select(regular, copysign(y, x), x);
}

} // namespace math

mlir::Value MathBuilder::cbrt(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::cbrtWide, math::inDouble<math::cbrtWide>);
}

} // namespace diptych::codegen
