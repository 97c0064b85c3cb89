// log, log2, log10, log1p and the square roots. Method: x = 2^e (1 + f) with 1 + f in [sqrt(1/2),
// sqrt(2)) by integer arithmetic, then the series of 2 atanh(s), s = f / (2 + f), replaced by
// minimax polynomials (our own Remez fits).
#include <bit>
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

/// The reduction of a normal x, its exponent field offset by 2^52 + `bias`.
static LogReduction splitExponent(Num x, NumArg bias) {
  constexpr int64_t sqrtHalf = 0x3fe6a09e667f3bcd, mantissa = 0x000fffffffffffff;
  // Moves sqrt(1/2) to a power of two: the exponent field then counts octaves from there.
  Int offset = bits(x) + (std::bit_cast<int64_t>(1.0) - sqrtHalf);
  Num e = number((offset >> 52) | std::bit_cast<int64_t>(0x1p52)) - bias;
  return {e, number((offset & mantissa) + sqrtHalf) - 1.0};
}

LogReduction reduceNormalLog(Num x) { return splitExponent(x, 0x1p52 + 1023); }

LogReduction reduceLog(Num x) {
  Mask denormal = x < std::numeric_limits<double>::min();
  Num bias = select(denormal, constantLike(x, 0x1p52 + 1023 + 54), 0x1p52 + 1023);
  return splitExponent(select(denormal, x * 0x1p54, x), bias);
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
static Num log1pWide(Num x) {
  Pair sum = twoSum(x, constantLike(x, 1.0));
  LogReduction reduced = reduceNormalLog(sum.hi);
  Mask near = reduced.e == 0.0;
  Num correction = select(near, 0.0, sum.lo / sum.hi);
  Num y = assembleLog({reduced.e, select(near, x, reduced.f)}, fma(reduced.e, kLn2Lo, correction));
  return select(x == 0.0, x, logSpecials(x, y, -1.0));
}

/// e ln2 + log(1 + f) for f32 results: f times degree 12 in f (no division), relative error 2^-34.
static Num logNarrowCore(LogReduction reduced) {
  Num f = reduced.f;
  Num p = polynomial(f, {0x1.0000000000000p+0, -0x1.0000000e73632p-1, 0x1.5555556c8633ep-2,
                         -0x1.ffffd2e540f21p-3, 0x1.99995a2456f26p-3, -0x1.555f1e27ff544p-3,
                         0x1.24a60392793dcp-3, -0x1.fe5394deabf57p-4, 0x1.c297c79570b65p-4,
                         -0x1.a77227fe1ec01p-4, 0x1.a9d08e427ddfep-4, -0x1.512e12ed5d430p-4,
                         0x1.e68fc05b9821dp-6});
  return fma(reduced.e, kLn2Hi, f * p);
}

static Num logNarrow(Num x) {
  return logSpecials(x, narrow(logNarrowCore(reduceNormalLog(widen(x)))), 0.0);
}

static Num logToNarrow(Num x, double scale) {
  return logSpecials(x, narrow(logNarrowCore(reduceNormalLog(widen(x))) * scale), 0.0);
}
static Num log2Narrow(Num x) { return logToNarrow(x, kLog2E); }
static Num log10Narrow(Num x) { return logToNarrow(x, kLog10E); }

static Num log1pNarrow(Num x) {
  Num exact = widen(x);
  LogReduction reduced = reduceNormalLog(exact + 1.0);
  Num y = logNarrowCore({reduced.e, select(reduced.e == 0.0, exact, reduced.f)});
  return select(x == 0.0, x, logSpecials(x, narrow(y), -1.0));
}

} // namespace math

mlir::Value MathBuilder::log(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::logCore, math::logNarrow);
}
mlir::Value MathBuilder::log1p(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::log1pWide, math::log1pNarrow);
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
