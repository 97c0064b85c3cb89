// log, log2, log10, log1p and the square roots. Method: x = 2^e (1 + f) with 1 + f in [sqrt(1/2),
// sqrt(2)) by integer arithmetic, then in f64 the series of 2 atanh(s), s = f / (2 + f), replaced
// by minimax polynomials, in f32 a polynomial in f, which needs no division (our own minimax fits).
#include <cmath>
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

namespace diptych::codegen {
namespace math {

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// The reduction of a normal x; `lower` is taken from the exponent.
static LogReduction splitExponent(Num x, NumArg lower) {
  const Format& format = formatOf(x);
  const int64_t sqrtHalf = format.fraction == 52 ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
  const int64_t mantissa = (int64_t{1} << format.fraction) - 1;
  // Moves sqrt(1/2) to a power of two: the exponent field then counts octaves from there. In the
  // last places of 2^fraction it is a number.
  Int offset = bits(x) + (format.one() - sqrtHalf);
  const int64_t integers = (format.bias + format.fraction) << format.fraction;
  Num e = number((offset >> format.fraction) | integers) - lower;
  return {e, number((offset & mantissa) + sqrtHalf) - 1.0};
}

static double integersFrom(const Format& format) {
  return static_cast<double>((int64_t{1} << format.fraction) + format.bias);
}

LogReduction reduceNormalLog(Num x) { return splitExponent(x, integersFrom(formatOf(x))); }

LogReduction reduceLog(Num x) {
  const Format& format = formatOf(x);
  const double up = format.fraction + 2, normal = integersFrom(format);
  Mask denormal = x < format.smallest;
  Num lower = select(denormal, constantLike(x, normal + up), normal);
  return splitExponent(select(denormal, x * std::ldexp(1.0, static_cast<int>(up)), x), lower);
}

Num logSpecials(Num x, Num value, double pole) {
  Num finite = select(x < kInfinity, value, x);
  return select(x <= pole, select(x == pole, constantLike(x, -kInfinity), kNan), finite);
}

/// log(1 + f) = f - (h - s (h + R)), h = f^2 / 2 (K. C. Ng's form): s (h + R) is small, so its
/// errors are.
/// `correction` is added to the small part. R is z times a polynomial of degree 6 in
/// z = s^2, relative error 2^-59; total below 0.9 ulp.
static Num assembleLog(LogReduction reduced, Num correction) {
  Num f = reduced.f;
  Num s = f / (f + 2.0);
  Num z = s * s;
  Num p = z * polynomial(z, {0x1.5555555555592p-1, 0x1.999999997ff05p-2, 0x1.24924941e324cp-2,
                             0x1.c71c52126be3bp-3, 0x1.74663d6320d2dp-3, 0x1.39a1db5888532p-3,
                             0x1.2f044fbde9fcap-3});
  Num h = f * f * 0.5;
  return fma(reduced.e, kLn2Hi, f - (h - fma(s, h + p, correction)));
}

Num logCore(Num x) {
  LogReduction reduced = reduceLog(x);
  return logSpecials(x, assembleLog(reduced, reduced.e * kLn2Lo), 0.0);
}

/// log(x) scale, by pairs: powers of the base have whole logarithms. Below 0.51 ulp.
static Num logTo(Num x, double scaleHi, double scaleLo) {
  Pair product = times(logPair(x), {constantLike(x, scaleHi), constantLike(x, scaleLo)});
  return logSpecials(x, product.hi + product.lo, 0.0);
}

static constexpr double kLog2E = 0x1.71547652b82fep+0, kLog10E = 0x1.bcb7b1526e50ep-2;
static Num log2Wide(Num x) { return logTo(x, kLog2E, 0x1.777d0ffda0d24p-56); }
static Num log10Wide(Num x) { return logTo(x, kLog10E, 0x1.95355baaafad3p-57); }

// u = 1 + x rounds; log(1 + x) = log(u) + c / u with c the rounding error (Kahan). For u near 1, f
// = x itself is exact.
Num log1pCore(Num x) {
  Pair sum = twoSum(x, constantLike(x, 1.0));
  LogReduction reduced = reduceNormalLog(sum.hi);
  Mask near = reduced.e == 0.0;
  Num correction = select(near, 0.0, sum.lo / sum.hi);
  Num y = assembleLog({reduced.e, select(near, x, reduced.f)}, fma(reduced.e, kLn2Lo, correction));
  return select(x == 0.0, x, logSpecials(x, y, -1.0));
}

// f (f P(f) - 1/2) f; P of degree 7, relative error of the logarithm 2^-27.3.
Num logTailNarrow(Num f) {
  Num square = f * f;
  Num p = polynomial(f, {0x1.555554p-2, -0x1.000226p-2, 0x1.99a01cp-3, -0x1.54728ap-3,
                         0x1.22d92ep-3, -0x1.0d8242p-3, 0x1.055ec6p-3, -0x1.38c9dep-4});
  return fma(f * square, p, square * -0.5);
}

// Below 0.9 ulp.
static Num logNarrow(Num x) {
  const Format& format = formatOf(x);
  auto [e, f] = reduceLog(x);
  Num tail = fma(e, format.ln2Lo, logTailNarrow(f));
  return logSpecials(x, fma(e, format.ln2Hi, f + tail), 0.0);
}

/// (e ln2 + log(1 + f)) / log(base), both factors as pairs: powers of the base have whole
/// logarithms. Below 1 ulp.
static Num logToNarrow(Num x, Pair ofTwo, Pair ofE) {
  auto [e, f] = reduceLog(x);
  Num tail = fma(e, ofTwo.lo, fma(f, ofE.lo, logTailNarrow(f) * ofE.hi));
  return logSpecials(x, fma(e, ofTwo.hi, fma(f, ofE.hi, tail)), 0.0);
}
static Num log2Narrow(Num x) {
  const auto c = [&](double value) { return constantLike(x, value); };
  return logToNarrow(x, {c(1.0), c(0.0)}, {c(0x1.715476p+0), c(0x1.4ae0c0p-26)});
}
static Num log10Narrow(Num x) {
  const auto c = [&](double value) { return constantLike(x, value); };
  return logToNarrow(x, {c(0x1.344136p-2), c(-0x1.ec10c0p-27)},
                     {c(0x1.bcb7b2p-2), c(-0x1.5b235ep-27)});
}

// 1 + x = 2^e (1 + f + d), d what 1 + x lost: log(1 + f + d) = log(1 + f) + d / (1 + f), the last
// factor by its series. Below 0.9 ulp.
static Num log1pNarrow(Num x) {
  const Format& format = formatOf(x);
  Pair sum = twoSum(x, constantLike(x, 1.0));
  LogReduction reduced = reduceNormalLog(sum.hi);
  Mask near = reduced.e == 0.0;
  // 2^-e through 2^(1 - e), which is 0 where 1 is lost beside x.
  Int field = (bits(sum.hi) + (format.one() - 0x3f3504f3)) & 0x7f800000;
  Num scale = number((field ^ -1) + 0x7f800001) * 0.5;
  Num f = select(near, x, reduced.f);
  Num d = select(near, 0.0, sum.lo * scale);
  Num tail = fma(reduced.e, format.ln2Lo, fma(d, fma(f, f - 1.0, 1.0), logTailNarrow(f)));
  return select(x == 0.0, x, logSpecials(x, fma(reduced.e, format.ln2Hi, f + tail), -1.0));
}

} // namespace math

mlir::Value MathBuilder::log(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::logCore, math::logNarrow);
}
mlir::Value MathBuilder::log1p(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::log1pCore, math::log1pNarrow);
}

mlir::Value MathBuilder::log2(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::log2Wide, math::log2Narrow);
}
mlir::Value MathBuilder::log10(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::log10Wide, math::log10Narrow);
}

mlir::Value MathBuilder::sqrt(mlir::Value x) {
  return mlir::math::SqrtOp::create(builder_, loc_, x);
}

mlir::Value MathBuilder::rsqrt(mlir::Value x) {
  mlir::Type type = x.getType();
  mlir::TypedAttr one = builder_.getFloatAttr(mlir::getElementTypeOrSelf(type), 1.0);
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
    one = mlir::DenseElementsAttr::get(vector, mlir::Attribute(one));
  return mlir::arith::DivFOp::create(builder_, loc_,
                                     mlir::arith::ConstantOp::create(builder_, loc_, one), sqrt(x));
}

} // namespace diptych::codegen
