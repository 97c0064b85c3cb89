// erfc, the normal distribution function and erfinv. Tails are e^-s G(a) / (1 + a) with the square
// s as a pair and G a polynomial in (a - K) / (a + K); erfinv is x times polynomials in w = -log(1
// - x^2) or its root (Giles' variables). Coefficients: our own Remez fits.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// e^-square g / (1 + a), g and the square as pairs: below 0.6 ulp, denormal results rounded once.
static Num gaussianTail(Pair square, Pair g, Num a) {
  ExpPairReduction reduced = reduceExpPair(-square.hi, -square.lo);
  Pair numerator = times(expOfReduced(reduced), g);
  return ldexp(divide(numerator, twoSum(a, constantLike(a, 1.0))), reduced.counted);
}

static bool isNarrow(Num x) { return formatOf(x).fraction == 23; }

/// erfc(a), 1/4 <= a <= 27.3. G has degree 23 and relative error 2^-59; in f32 10 and 2^-31.
static Num erfcTail(Num a) {
  Num q = (a - 3.5) / (a + 3.5);
  if (isNarrow(a)) {
    Num rest = polynomial(q, {-0x1.b793aap-3, 0x1.c7d558p-4, -0x1.05675cp-5, -0x1.5287eep-7,
                              0x1.5c8778p-6, -0x1.04d2ep-6, 0x1.e72816p-8, -0x1.05629ep-9,
                              -0x1.244794p-15, 0x1.10fb56p-12});
    Pair g = fastTwoSum(0x1.65cbecp-1, q * rest);
    return gaussianTail(twoProduct(a, a), {g.hi, g.lo + 0x1.aa18c6p-26}, a);
  }
  Num rest = polynomial(q, {-0x1.b793a9950de23p-3,  0x1.c7d5576918e33p-4,   -0x1.056785b0798fep-5,
                            -0x1.5285d56cca268p-7,  0x1.5c8a409e9df6cp-6,   -0x1.04e316570dcf6p-6,
                            0x1.e6d652da11a50p-8,   -0x1.02b6526cb6c6cp-9,  -0x1.cc1edf51aeccdp-18,
                            0x1.de76fc90a3e22p-13,  -0x1.08a1a96ccda97p-14, -0x1.edda59ba868c1p-17,
                            0x1.7bb689bdb8e6ap-17,  0x1.b251634a49e6ap-22,  -0x1.ce8225cd2999cp-20,
                            0x1.3d77fb73b0e7ap-24,  0x1.239278f944001p-22,  -0x1.34b03fadf4d9fp-26,
                            -0x1.85aa299ebb85bp-25, 0x1.39c6321a821ebp-29,  0x1.eeab3fa2096afp-28,
                            -0x1.731a8a204fc9ep-33, -0x1.a528196f146adp-31});
  Pair g = fastTwoSum(0x1.65cbecd50c636p-1, q * rest);
  return gaussianTail(twoProduct(a, a), {g.hi, g.lo + 0x1.c7c4db5865370p-55}, a);
}

static Num erfcBoth(Num x) {
  Num tail = erfcTail(atLeast(atMost(abs(x), isNarrow(x) ? 10.2 : 27.3), 0.25));
  // Comparisons are false on NaN, which the tail keeps.
  Num far = select(x < 0.0, 2.0 - tail, tail);
  return select(abs(x) < 0.25, 1.0 - erfNear(x), far);
}

/// Phi(-a), 0.35 <= a <= 38.7. G has degree 23 and relative error 2^-58; in f32 10 and 2^-31.
static Num normalTail(Num a) {
  Num q = (a - 5.0) / (a + 5.0);
  Pair square = twoProduct(a, a);
  square = {square.hi * 0.5, square.lo * 0.5};
  if (isNarrow(a)) {
    Num rest = polynomial(q, {-0x1.76ff86p-4, 0x1.fc66d2p-6, 0x1.47c14p-7, -0x1.b08f6p-6,
                              0x1.920646p-6, -0x1.f0f468p-7, 0x1.ab6568p-8, -0x1.bd6ec6p-10,
                              -0x1.4c639ap-17, 0x1.cc761ap-13});
    Pair g = fastTwoSum(0x1.d8979cp-2, q * rest);
    return gaussianTail(square, {g.hi, g.lo - 0x1.e1a98cp-27}, a);
  }
  Num rest = polynomial(q, {-0x1.76ff86859eb14p-4,  0x1.fc66cc64a13ebp-6,   0x1.47c1d0305492cp-7,
                            -0x1.b08e0007b4f4ap-6,  0x1.92037bab46abcp-6,   -0x1.f11aab0304088p-7,
                            0x1.ab6d038d65b05p-8,   -0x1.b75f4f824b856p-10, 0x1.0571a19f9a7a3p-17,
                            0x1.7e61e120f3006p-13,  -0x1.c1b1c9c4bb2c9p-15, -0x1.4c0dc6f71ad03p-17,
                            0x1.300411134daecp-17,  -0x1.2f49c58b52a01p-24, -0x1.5f44da18dec13p-20,
                            0x1.136c46b845f00p-23,  0x1.a8bc7ec1a1dadp-23,  -0x1.c92cfa376d3d6p-26,
                            -0x1.14b5dc3e7d623p-25, 0x1.04194215cab7ap-28,  0x1.57e6847be4a82p-28,
                            -0x1.5a127ee366155p-32, -0x1.16bae5917c0b5p-31});
  Pair g = fastTwoSum(0x1.d8979b0f2b39dp-2, q * rest);
  return gaussianTail(square, {g.hi, g.lo + 0x1.c9989a9faa13fp-56}, a);
}

static Num normalCdfBoth(Num x) {
  Num tail = normalTail(atLeast(atMost(abs(x), isNarrow(x) ? 14.4 : 38.7), 0.35));
  Num far = select(x > 0.0, 1.0 - tail, tail);
  Num near = fma(erfNear(x * 0x1.6a09e667f3bcdp-1), 0.5, 0.5);
  return select(abs(x) < 0.35, near, far);
}

/// erfinv(x) / x with w = -log(1 - x^2): to 6.25, then by s = sqrt(w) to 4, then to 6.06 (the f64
/// next to 1). Relative errors 2^-53, 2^-53, 2^-52.
static Num erfinvWide(Num x) {
  Num a = abs(x);
  Num w = -logCore((1.0 - a) * (a + 1.0));
  Num s = sqrt(w);
  Num centre = polynomial(w - 3.125,
                          {0x1.a755e7c99ae86p+0,   0x1.ebd80d9b13de7p-3,   -0x1.8b6c33114ee41p-8,
                           -0x1.8457694833148p-11, 0x1.879c2a20e380dp-13,  -0x1.d1d1f7c908e4fp-17,
                           -0x1.6e8a540007d65p-20, 0x1.c6b4f8203b2a4p-22,  -0x1.f36ce0728b3e7p-26,
                           -0x1.1a9e96d9492afp-28, 0x1.20f4bf8cd11f3p-30,  -0x1.dc45bb1438ed8p-35,
                           -0x1.c88ebfe9c0dfep-37, 0x1.725684a49e86ap-39,  -0x1.6e5185751a136p-44,
                           -0x1.6a0335255cd25p-45, 0x1.dccbef651e510p-48,  -0x1.4f9893bc744e1p-56,
                           -0x1.2ff6be5ae7fbfp-53, 0x1.00338f9253350p-56,  0x1.697a4483579bap-60,
                           -0x1.4782828b3f76fp-62, -0x1.82c309b2cc4c4p-69, 0x1.1e29d99e27fe8p-69});
  Num middle =
      polynomial(s - 3.25, {0x1.8abcc380d5a48p+1, 0x1.0158a6d641d30p+0, 0x1.5ffcfe5b74c80p-8,
                            -0x1.ebadabb8262afp-9, 0x1.468eeca63ddacp-9, -0x1.ba924149b8998p-10,
                            0x1.f3cc554a93377p-11, -0x1.7448a4583359ap-12, 0x1.932d5e77368c5p-16,
                            0x1.1e67e10c63bd9p-14, -0x1.8cf0ba6c4ad5ep-15, 0x1.a2a60aec07e4bp-17,
                            0x1.88b8ab8b45b95p-19, -0x1.0d8df42145afbp-18, 0x1.920c34f3a53d7p-20,
                            0x1.6c8bfed1cda95p-26, -0x1.21e68f192f4ddp-22, 0x1.803a8a1befe0ap-24});
  Num tail =
      polynomial(s - 5.0, {0x1.3664ddd1ad7fbp+2, 0x1.02a30d1fba0c4p+0, -0x1.22ea5df0c6d88p-13,
                           -0x1.c2f36a8836dcap-13, 0x1.3ebf4ece39566p-14, -0x1.4a349a97c4c4dp-16,
                           0x1.2fbd171e2fc5fp-18, -0x1.0a8c6840ba58cp-20, 0x1.ebd37bdd614c6p-23,
                           -0x1.22f483867b460p-24, 0x1.f3f2d36bbcc30p-26, -0x1.00494fbf8df25p-26,
                           0x1.07c7d55c257d7p-27, -0x1.0663e55764c10p-28, 0x1.9334ffcc61595p-30,
                           -0x1.1062a96c409a8p-32, -0x1.1da56cec6523cp-36});
  Num ratio = select(w < 6.25, centre, select(s < 4.0, middle, tail));
  // Beyond 1 the logarithm has been NaN.
  return select(a == 1.0, copysign(constantLike(x, kInfinity), x), x * ratio);
}

} // namespace math

mlir::Value MathBuilder::erfc(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::erfcBoth);
}
mlir::Value MathBuilder::normalCdf(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::normalCdfBoth);
}
mlir::Value MathBuilder::erfinv(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::erfinvWide, math::inDouble<math::erfinvWide>);
}

} // namespace diptych::codegen
