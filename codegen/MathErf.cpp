// erf. f64: an odd polynomial below 1, 1 - exp(-Q(x)) from there on, with Q = -log(erfc) fitted
// directly so that neither x^2 nor a division loses bits. f32: one form, -expm1(-x P(x)).
// Coefficients: our own Remez fits.
#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

/// erf(x) = x + x (P(x^2) - 1), |x| <= 1: degree 11 in x^2, relative error 2^-56; below 1.2 ulp.
Num erfNear(Num x) {
  Num p =
      polynomial(x * x, {0x1.06eba8214db68p-3, -0x1.812746b03799dp-2, 0x1.ce2f21a03f8b9p-4,
                         -0x1.b82ce311a97d5p-6, 0x1.565bcceeda351p-8, -0x1.c02daeb703489p-11,
                         0x1.f9a296b46b0bfp-14, -0x1.f4c82f020de37p-17, 0x1.b96b5775fbb28p-20,
                         -0x1.5b8c6d41f3320p-23, 0x1.d3ddb2b1428c4p-27, -0x1.a23e36c9400edp-31});
  return fma(x, p, x);
}

/// 1 - exp(-Q(a)), a >= 1; 1 from 5.93 on. Q has degree 17 and error 2^-56; an error of Q counts
/// erfc(a) / erf(a) < 0.19 times.
static Num erfFar(Num a) {
  Num q = polynomial(atMost(a, 5.93) - 1.25,
                     {0x1.48050902770fdp+1, 0x1.88ab2d9950133p+1, 0x1.bddad46f505e9p-1,
                      0x1.0bc5a0298255dp-5, -0x1.fea76c4cec8b0p-8, 0x1.a540a72fac78ap-10,
                      -0x1.02c5901dcf4f0p-12, 0x1.50f1abe78e062p-17, 0x1.6b68e4899e3f5p-17,
                      -0x1.5aad4fa53ea3cp-18, 0x1.844ab2ee8c7a8p-20, -0x1.1173f41880d1fp-22,
                      0x1.0d9ae6f3aa620p-27, 0x1.b6669a1349ec5p-27, -0x1.55550acd8d2d3p-28,
                      0x1.15749a99cf97dp-30, -0x1.fabe99f143a87p-34, 0x1.9935c0650f02ap-38});
  ExpReduction reduced = reduceExp(-q);
  Num r = reduced.r;
  return 1.0 - scaleNormal(fma(r * r, expRemainder(r), r) + 1.0, reduced.count);
}

static Num erfWide(Num x) {
  Num a = abs(x);
  // NaN goes near: erfFar scales by bits.
  return select(a >= 1.0, copysign(erfFar(a), x), erfNear(x));
}

/// P of degree 12, relative error 2^-35: expm1 carries the accuracy of x P(x) down to zero.
static Num erfNarrow(Num x) {
  Num a = widen(atMost(abs(x), 3.95));
  Num p = polynomial(a, {0x1.20dd75040dde3p+0, 0x1.45f3070011ecbp-1, 0x1.a4f4c582878adp-4,
                         -0x1.3961f28cf352dp-6, -0x1.c255ed4c31f15p-13, 0x1.c0e9ce0fd30c5p-10,
                         -0x1.44dca9182559fp-11, 0x1.f54ac6841e9dbp-15, 0x1.55901b702a4aep-15,
                         -0x1.6d00b5c818c64p-16, 0x1.5f1bf8228b044p-18, -0x1.664047619be04p-21,
                         0x1.38504daf4a913p-25});
  ExpReduction reduced = reduceExpNarrow(-(a * p));
  Num power = scaleNormal(constantLike(a, 1.0), reduced.count);
  return copysign(narrow(fma(power, expm1ReducedNarrow(reduced.r), power - 1.0)), x);
}

} // namespace math

mlir::Value MathBuilder::erf(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::erfWide, math::erfNarrow);
}

} // namespace diptych::codegen
