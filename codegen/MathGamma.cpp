// lgamma and digamma: a polynomial on an interval of length 1, shifts by the functional equation to
// 4, Stirling's series (its remainder fitted, not truncated) from there, reflection for negative
// arguments. Coefficients: our own Remez fits.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kPi = 0x1.921fb54442d18p+1;

/// lgamma(4 - ... infinity) = (x - 1/2) (log x - 1) + (log(2 pi) - 1) / 2 + R(1 / x^2) / x, below
/// 1 ulp; R has degree 10 and error 2^-57.
static Num stirling(Num x, Pair log) {
  Num inverse = 1.0 / x;
  Num r = polynomial(inverse * inverse,
                     {0x1.5555555555555p-4, -0x1.6c16c16c16631p-9, 0x1.a01a019c3b42ep-11,
                      -0x1.38137d3e65f0dp-11, 0x1.b94fc660471afp-11, -0x1.f65636168abeap-10,
                      0x1.9fd9e0cbed09ap-8, -0x1.bfa93dd1ef32ap-6, 0x1.0348f4fbce5f5p-3,
                      -0x1.e95f691a1629dp-2, 0x1.efac315989959p-1});
  Pair less = twoSum(log.hi, constantLike(x, -1.0));
  Num h = x - 0.5;
  Pair main = twoProduct(h, less.hi);
  Num rest = fma(h, less.lo + log.lo, fma(inverse, r, 0x1.acfe390c97d69p-2));
  return select(main.hi < kInfinity, main.hi + (main.lo + rest), main.hi);
}

/// log|Gamma(x)| for x > -1/2. With k the integer next to x (0 to 4) and d = x - k:
/// lgamma(2 + d) = d Q(d), moved to x by the logarithm of the factors between.
static Num lgammaCore(Num x) {
  Mask far = x >= 4.0;
  Num k = atMost(floor(x + 0.5), 4.0);
  Num d = select(far, 0.0, x - k);
  Num below = x - 1.0;
  Num factors =
      select(k < 2.5, select(k < 0.5, x * (x + 1.0), x), select(k < 3.5, below, below * (x - 2.0)));
  Num argument = select(k == 2.0, 1.0, abs(select(far, x, factors)));
  Pair log = logPair(argument);
  Num sign = select(k < 1.5, constantLike(x, -1.0), 1.0);
  // Q with its constant, 1 - gamma, as a pair: relative error 2^-57 on |d| <= 1/2.
  Num q = polynomial(d, {0x1.4a34cc4a60fa7p-2, -0x1.13e001a55760cp-4, 0x1.51322ac7d7bc3p-6,
                         -0x1.e404fc218b7f5p-8, 0x1.7add6eaeb8a59p-9, -0x1.38ac5c2fd8437p-10,
                         0x1.0b36af148a160p-11, -0x1.d3fd491412233p-13, 0x1.a127e91000124p-14,
                         -0x1.78df215b2d3afp-15, 0x1.58058543a6f00p-16, -0x1.3ca30415ca1c6p-17,
                         0x1.2656825fb9705p-18, -0x1.13a0a3bddba14p-19, 0x1.ec6cc5eda8900p-21,
                         -0x1.b859cb17dcef2p-22, 0x1.2e21351309340p-22, -0x1.499b1b066cabcp-23});
  Pair linear = twoProduct(d, 0x1.b0ee6072093cep-2);
  Num small = fma(d * d, q, fma(d, 0x1.74b1c5ed658c6p-58, linear.lo));
  Pair main = twoSum(log.hi * sign, linear.hi);
  Num near = main.hi + (main.lo + fma(log.lo, sign, small));
  near = select(x == 0.0, kInfinity, near);
  return select(far, stirling(x, log), near);
}

/// sin(pi f) / f for |f| <= 1/2, relative error 2^-60.
static Num sineRatio(Num z) {
  Num p = polynomial(z, {-0x1.4abbce625be52p+2, 0x1.466bc6775aa42p+1, -0x1.32d2cce625b2fp-1,
                         0x1.5078348433417p-4, -0x1.e3074d5785928p-8, 0x1.e8f33451e7129p-12,
                         -0x1.6f7292b2c0c76p-16, 0x1.9c33e6788bf4dp-21});
  return fma(z, p, kPi);
}

/// cos(pi f) = (1 - 4 z) C(z), z = f^2 <= 1/4, relative error 2^-60.
static Num cosineRatio(Num z) {
  Num p = polynomial(z, {-0x1.de9e64df22ef3p-1, 0x1.472be122434c4p-2, -0x1.d4fcd83118319p-5,
                         0x1.9f05cb0100178p-8, -0x1.f309e83c35e33p-12, 0x1.b26847619aa59p-16,
                         -0x1.1e6257176aec9p-20, 0x1.211baaaf39b20p-25});
  return fma(z, p, 1.0);
}

/// a >= 0 minus the nearest integer, exact.
static Num fraction(Num a) {
  Num above = a - floor(a);
  return select(above > 0.5, above - 1.0, above);
}

// Gamma(x) Gamma(-x) = -pi / (x sin(pi x)).
static Num lgammaWide(Num x) {
  Mask reflect = x <= -0.5;
  Num core = lgammaCore(select(reflect, -x, x));
  Num a = abs(x), f = fraction(a);
  Num sine = abs(f) * sineRatio(f * f);
  Num mirrored = logCore(kPi / (a * sine)) - core;
  Num result = select(reflect, mirrored, core);
  result = select((reflect & (f == 0.0)) | (a == kInfinity), kInfinity, result);
  return select(isNan(x), x, result);
}

/// digamma(x) for x >= 0: (y - root) P(y - root) on [1, 2], relative to the root 1.46; the sum of
/// the reciprocals between from 0 to 4; log(x) - 1/(2x) - R(1/x^2)/x^2 beyond.
static Num digammaCore(Num x) {
  Num k = atMost(floor(x), 4.0);
  Num y = x - (k - 1.0);
  Num below = x - 1.0, second = x - 2.0;
  // Where k = 1 nothing lies between.
  Num numerator = select(k < 0.5, constantLike(x, -1.0),
                         select(k < 2.5, select(k < 1.5, constantLike(x, 0.0), 1.0), x + x - 3.0));
  Num denominator =
      select(k < 1.5, select(k < 0.5, x, 1.0), select(k < 2.5, below, below * second));
  Num between = numerator / denominator;
  Num d = (y - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54;
  Num p =
      fma(d, polynomial(d, {-0x1.c563b54aa1a30p-2,  0x1.08b4294d50354p-2,   -0x1.4fc1317257ecdp-3,
                            0x1.b9a5b637197f4p-4,   -0x1.27baba265dd5ap-4,  0x1.8fce02ac3580fp-5,
                            -0x1.0fa7ec0e0b48bp-5,  0x1.723d69a792780p-6,   -0x1.f9706575df418p-7,
                            0x1.59558e13e897ap-7,   -0x1.d82511433b3a2p-8,  0x1.42e6c4d18a0acp-8,
                            -0x1.b9f10c6deac2ap-9,  0x1.2de45283b6badp-9,   -0x1.99d9949a430b9p-10,
                            0x1.1c549d353f096p-10,  -0x1.a19fa0618b3fdp-11, 0x1.079ff50e9692cp-11,
                            -0x1.989c860385f54p-13, 0x1.9c8eedf81772ap-13,  -0x1.79f54dd4c58dep-12,
                            0x1.b54fe1fb2abdep-13}),
          0x1.ef72bc8ee38acp-1);
  Num near = fma(d, p, between);
  Num inverse = 1.0 / x;
  Num w = inverse * inverse;
  Num r = polynomial(w, {0x1.5555555555555p-4, -0x1.1111111110d57p-7, 0x1.0410410299080p-8,
                         -0x1.11110f41a8c57p-8, 0x1.f07af5720836ep-8, -0x1.5979120b986eep-6,
                         0x1.53906be289b6bp-4, -0x1.b2c568c618021p-2, 0x1.3dbf24af9bcfap+1,
                         -0x1.b2a44a260f3ffp+3, 0x1.b404b1fb04c6ep+5, -0x1.ba88dbb782af7p+6});
  Num far = logCore(x) - fma(w, r, inverse * 0.5);
  return select(x >= 4.0, far, near);
}

// digamma(x) = digamma(1 - x) - pi cot(pi x).
static Num digammaWide(Num x) {
  Mask negative = x < 0.0;
  Num core = digammaCore(select(negative, 1.0 - x, x));
  Num f = fraction(abs(x)) * copysign(constantLike(x, 1.0), x);
  Num z = f * f;
  Num cotangent = (1.0 - 4.0 * z) * cosineRatio(z) / (f * sineRatio(z));
  Num mirrored = fma(cotangent, -kPi, core);
  // -0 is not negative: it has the pole of -1/x.
  mirrored = select(f == 0.0, std::numeric_limits<double>::quiet_NaN(), mirrored);
  return select(negative, mirrored, core);
}

} // namespace math

mlir::Value MathBuilder::lgamma(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::lgammaWide, math::inDouble<math::lgammaWide>);
}
mlir::Value MathBuilder::digamma(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::digammaWide, math::inDouble<math::digammaWide>);
}

} // namespace diptych::codegen
