// erf: an odd polynomial below 1, 1 - exp(-Q(x)) from there on, with Q = -log(erfc) fitted directly
// so that neither x^2 nor a division loses bits. Coefficients: our own minimax fits.
#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

/// erf(x) = x + x (P(x^2) - 1), |x| <= 1: degree 11 in x^2, relative error 2^-56; below 1.2 ulp. In
/// f32 degree 6, 2^-29.5.
Num erfNear(Num x) {
  if (formatOf(x).fraction == 23) {
    Num p = polynomial(x * x, {0x1.06eba8p-3, -0x1.81274p-2, 0x1.ce2d5p-4, -0x1.b7fe9p-6,
                               0x1.542e1p-8, -0x1.a50b0ep-11, 0x1.4c344ep-14});
    return fma(x, p, x);
  }
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
  return 1.0 - ldexp(fma(r * r, expRemainder(r), r) + 1.0, reduced.counted);
}

static Num erfWide(Num x) {
  Num a = abs(x);
  return select(a >= 1.0, copysign(erfFar(a), x), erfNear(x));
}

/// The same in f32: Q of degree 6, error 2^-29.7 of erf. Below 1.2 ulp.
static Num erfNarrow(Num x) {
  Num a = abs(x);
  Num q =
      polynomial(atMost(a, 3.95) - 2.0, {0x1.575b32p+2, 0x1.1ac322p+2, 0x1.d8f654p-1, 0x1.0e1f32p-6,
                                         -0x1.d0f76p-9, 0x1.7390b2p-11, -0x1.8805eap-13});
  ExpReduction reduced = reduceExp(-q);
  Num far = 1.0 - ldexp(expm1Reduced(reduced.r) + 1.0, reduced.counted);
  return select(a >= 1.0, copysign(far, x), erfNear(x));
}

} // namespace math

mlir::Value MathBuilder::erf(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::erfWide, math::erfNarrow);
}

} // namespace diptych::codegen
