// exp, exp2, expm1, tanh, sigmoid: everything built on x = n ln2 + r. Method: additive argument
// reduction with a 106-bit ln2 (exact by fma), a minimax polynomial for e^r on |r| <= ln2 / 2,
// scaling by exponent arithmetic. Coefficients: our own Remez fits, leading ones rounded before the
// rest was refitted.
#include <bit>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

// Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
static constexpr double kRound = 0x1.8p52;
static constexpr double kLog2E = 0x1.71547652b82fep+0;

ExpReduction reduceExp(Num x) {
  Num shifted = fma(x, kLog2E, kRound);
  Num n = shifted - kRound;
  // x - n ln2Hi is exact: both are multiples of 2^-54 and the difference is below 0.35.
  Num r = fma(n, -kLn2Lo, fma(n, -kLn2Hi, x));
  return {r, bits(shifted)};
}

ExpReduction reduceExpNarrow(Num x) {
  Num shifted = fma(x, kLog2E, kRound);
  return {fma(shifted - kRound, -kLn2Hi, x), bits(shifted)};
}

static ExpPairReduction reduceExpWith(Num x, const Num* xTail) {
  Num shifted = fma(x, kLog2E, kRound);
  Num n = shifted - kRound;
  Num exact = fma(n, -kLn2Hi, x);
  Num low = xTail ? fma(n, -kLn2Lo, *xTail) : n * -kLn2Lo;
  Num r = exact + low;
  return {r, (exact - r) + low, bits(shifted)};
}

ExpPairReduction reduceExpPair(Num x) { return reduceExpWith(x, nullptr); }
ExpPairReduction reduceExpPair(Num x, Num xTail) { return reduceExpWith(x, &xTail); }

// Degree 10, so 12 for e^r; the leading 1/2 is exact.
Num expRemainder(Num r) {
  return polynomial(r, {0x1.0000000000000p-1, 0x1.5555555555559p-3, 0x1.5555555555556p-5,
                        0x1.111111110f5c5p-7, 0x1.6c16c16c158bcp-10, 0x1.a01a01b0875b8p-13,
                        0x1.a01a01b02dc1bp-16, 0x1.71ddf5c8d7619p-19, 0x1.27e4aff96cb80p-22,
                        0x1.af655d501537cp-26, 0x1.1fee9a2653fcep-29});
}

// Degree 6, so 8 for e^r.
Num expm1ReducedNarrow(Num r) {
  Num remainder = polynomial(r, {0x1.fffffffff45a4p-2, 0x1.55555573995f3p-3, 0x1.5555557d17fbep-5,
                                 0x1.1110b19e0513fp-7, 0x1.6c1638727b96ep-10, 0x1.a170357f88de5p-13,
                                 0x1.a175d86c4beb5p-16});
  return fma(r * r, remainder, r);
}

Num scaleNormal(Num y, Int count) { return number(bits(y) + (count << 52)); }

Scaling twoStepScaling(Int count) {
  // Exponent fields a + 1023 and b + 1023 whose sum is n + 2046.
  Int both = count - (std::bit_cast<int64_t>(kRound) - 2046);
  Int first = both >> 1;
  return {number(first << 52), number((both - first) << 52)};
}

/// 2^n for |n| <= 1022.
static Num powerOfTwo(Int count) { return number((count << 52) + std::bit_cast<int64_t>(1.0)); }

// Error: r and the last two sums round, 0.25 + 0.25 + 0.5 ulp; polynomial 0.04 ulp.
static Num expWide(Num x) {
  ExpReduction reduced = reduceExp(atLeast(atMost(x, 710.0), -746.0));
  Num r = reduced.r;
  Num y = fma(r * r, expRemainder(r), r) + 1.0;
  Scaling scaling = twoStepScaling(reduced.count);
  return y * scaling.first * scaling.second;
}

// Degree 7, relative error 2^-34.5: an f32 is misrounded about once in 2000.
static Num expOfReducedNarrow(ExpReduction reduced) {
  Num y = polynomial(reduced.r, {0x1.ffffffffab691p-1, 0x1.000000010c612p+0, 0x1.0000005a0fdb0p-1,
                                 0x1.55555342645bep-3, 0x1.555467f91a850p-5, 0x1.1112fb2bb263fp-7,
                                 0x1.6da51204d254cp-10, 0x1.9eb6c5cb54086p-13});
  return scaleNormal(y, reduced.count);
}

Num expNarrowCore(Num x) { return expOfReducedNarrow(reduceExpNarrow(x)); }

// e^-104 rounds to zero and e^89 to infinity; f64 holds both.
static Num expNarrow(Num x) {
  return narrow(expNarrowCore(widen(atLeast(atMost(x, 89.0), -104.0))));
}

Pair expOfReduced(const ExpPairReduction& reduced) {
  Num r = reduced.r;
  Pair m = fastTwoSum(1.0, r);
  return fastTwoSum(m.hi, m.lo + fma(r * r, expRemainder(r), reduced.tail));
}

// The reduction is exact, x = n + f; f ln2 is a pair. Below 0.6 ulp.
static Num exp2Wide(Num x) {
  x = atLeast(atMost(x, 1030.0), -1080.0);
  Num shifted = x + kRound;
  Num f = x - (shifted - kRound);
  Pair r = twoProduct(f, kLn2Hi);
  Pair y = expOfReduced({r.hi, fma(f, kLn2Lo, r.lo), bits(shifted)});
  Scaling scaling = twoStepScaling(bits(shifted));
  return (y.hi + y.lo) * scaling.first * scaling.second;
}

static Num exp2Narrow(Num x) {
  Num wide = widen(atLeast(atMost(x, 130.0), -152.0));
  Num shifted = wide + kRound;
  Num f = wide - (shifted - kRound);
  return narrow(expOfReducedNarrow({f * kLn2Hi, bits(shifted)}));
}

/// power (1 + r + tail + r^2 q(r)) - one as a pair, relative error about 2^-57. `less` = power -
/// one, rounded; `power` is a power of two.
static Pair expm1Pair(const ExpPairReduction& reduced, Num power, Num less) {
  Num r = reduced.r;
  Num rest = fma(r * r, expRemainder(r), reduced.tail);
  Pair sum = fastTwoSum(less, power * r);
  return fastTwoSum(sum.hi, fma(power, rest, sum.lo));
}

// Halved throughout, so that 2^1024 is not needed; the product joins 2^n - 1 in an exact sum.
// Below 0.7 ulp near zero, below 1.2 ulp anywhere (2^n - 1 rounds from n = 54 on).
static Num expm1Wide(Num x) {
  ExpPairReduction reduced = reduceExpPair(atLeast(atMost(x, 710.0), -40.0));
  Num half = number((reduced.count << 52) + std::bit_cast<int64_t>(0.5));
  Pair halved = expm1Pair(reduced, half, half - 0.5);
  Num y = halved.hi * 2.0;
  // Keeps the sign of zero and the last bit of denormals.
  return select(abs(x) < 0x1p-54, x, y);
}

static Num expm1Narrow(Num x) {
  ExpReduction reduced = reduceExpNarrow(widen(atLeast(atMost(x, 89.0), -20.0)));
  Num power = powerOfTwo(reduced.count);
  Num y = narrow(fma(power, expm1ReducedNarrow(reduced.r), power - 1.0));
  return select(x == 0.0, x, y);
}

// tanh a = -E / (2 + E) with E = expm1(-2a), carried as a pair; 1 from a = 20 on. Below 0.9 ulp.
static Num tanhWide(Num x) {
  ExpPairReduction reduced = reduceExpPair(atMost(abs(x), 20.0) * -2.0);
  Num power = powerOfTwo(reduced.count);
  Pair less = fastTwoSum(-1.0, power);
  Pair e = expm1Pair(reduced, power, less.hi);
  e.lo = e.lo + less.lo;
  Pair denominator = fastTwoSum(2.0, e.hi);
  return copysign(divide(e, {denominator.hi, denominator.lo + e.lo}), x);
}

static Num tanhNarrow(Num x) {
  ExpReduction reduced = reduceExpNarrow(widen(atMost(abs(x), 20.0) * -2.0));
  Num power = powerOfTwo(reduced.count);
  Num e = fma(power, expm1ReducedNarrow(reduced.r), power - 1.0);
  return copysign(narrow(e / (e + 2.0)), x);
}

// With e = exp(-|x|) = 2^n m as a pair: 1 / (1 + e), or 2^n (m / (1 + e)) where x < 0, so a
// denormal result rounds once. Below 0.8 ulp.
static Num sigmoidWide(Num x) {
  ExpPairReduction reduced = reduceExpPair(atLeast(-abs(x), -746.0));
  Pair m = expOfReduced(reduced);
  Scaling scaling = twoStepScaling(reduced.count);
  Num power = scaling.first * scaling.second;
  Pair denominator = fastTwoSum(1.0, power * m.hi);
  denominator.lo = fma(power, m.lo, denominator.lo);
  Mask positive = x >= 0.0;
  Num y = divide({select(positive, 1.0, m.hi), select(positive, 0.0, m.lo)}, denominator);
  return y * select(positive, 1.0, scaling.first) * select(positive, 1.0, scaling.second);
}

static Num sigmoidNarrow(Num x) {
  Num e = expNarrowCore(widen(atLeast(-abs(x), -104.0)));
  return narrow(select(x >= 0.0, 1.0, e) / (e + 1.0));
}

} // namespace math

mlir::Value MathBuilder::exp(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::expWide, math::expNarrow);
}
mlir::Value MathBuilder::exp2(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::exp2Wide, math::exp2Narrow);
}
mlir::Value MathBuilder::expm1(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::expm1Wide, math::expm1Narrow);
}
mlir::Value MathBuilder::tanh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::tanhWide, math::tanhNarrow);
}
mlir::Value MathBuilder::sigmoid(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sigmoidWide, math::sigmoidNarrow);
}

} // namespace diptych::codegen
