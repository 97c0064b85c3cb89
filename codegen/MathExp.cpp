// exp, exp2, expm1, tanh, sigmoid, softplus: everything built on x = n ln2 + r. Method: additive
// argument reduction with ln2 as a pair (exact by fma), a minimax polynomial for e^r on |r| <= ln2
// / 2, scaling by exponent arithmetic; each written once, for f64 and f32. Coefficients: our own
// minimax fits, leading ones rounded before the rest was refitted.
#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

ExpReduction reduceExp(Num x) {
  const Format& format = formatOf(x);
  Num shifted = fma(x, format.log2E, format.counting());
  Num n = shifted - format.counting();
  // x - n ln2Hi is exact: both are multiples of the last place of ln2Hi, near enough, and the
  // difference is below 0.35.
  Num r = fma(n, -format.ln2Lo, fma(n, -format.ln2Hi, x));
  return {r, shifted};
}

static ExpPairReduction reduceExpWith(Num x, const Num* xTail) {
  const Format& format = formatOf(x);
  Num shifted = fma(x, format.log2E, format.counting());
  Num n = shifted - format.counting();
  Num exact = fma(n, -format.ln2Hi, x);
  Num low = xTail ? fma(n, -format.ln2Lo, *xTail) : n * -format.ln2Lo;
  Num r = exact + low;
  return {r, (exact - r) + low, shifted};
}

ExpPairReduction reduceExpPair(Num x) { return reduceExpWith(x, nullptr); }
ExpPairReduction reduceExpPair(Num x, Num xTail) { return reduceExpWith(x, &xTail); }

static bool isNarrow(Num x) { return formatOf(x).fraction == 23; }

// Degree 10 or 5, so 12 or 7 for e^r; the leading 1/2 is exact.
Num expRemainder(Num r) {
  if (isNarrow(r))
    return polynomial(
        r, {0x1p-1, 0x1.555556p-3, 0x1.5554f6p-5, 0x1.111002p-7, 0x1.6d3c8cp-10, 0x1.a24776p-13});
  return polynomial(r, {0x1.0000000000000p-1, 0x1.5555555555559p-3, 0x1.5555555555556p-5,
                        0x1.111111110f5c5p-7, 0x1.6c16c16c158bcp-10, 0x1.a01a01b0875b8p-13,
                        0x1.a01a01b02dc1bp-16, 0x1.71ddf5c8d7619p-19, 0x1.27e4aff96cb80p-22,
                        0x1.af655d501537cp-26, 0x1.1fee9a2653fcep-29});
}

// f32: (e^r - 1 - r) / r^2 by degree 4, relative error of e^r 2^-28.
Num expm1Reduced(Num r) {
  Num remainder =
      isNarrow(r)
          ? polynomial(r, {0x1p-1, 0x1.5554a4p-3, 0x1.55568ap-5, 0x1.122f22p-7, 0x1.6b6be8p-10})
          : expRemainder(r);
  return fma(r * r, remainder, r);
}

Num powerOfTwo(Int count, int64_t more) {
  const Format& format = formatOf(count);
  const auto field = static_cast<uint64_t>(more - format.bias) << format.fraction;
  return number((count << format.fraction) + static_cast<int64_t>(field));
}

/// 2^a and 2^b, a + b = n, both normal.
static std::pair<Num, Num> twoFactors(Int count) {
  const Format& format = formatOf(count);
  Int first = count >> 1;
  return {number(first << format.fraction), number((count - first) << format.fraction)};
}

/// x between what gives 0 and what gives infinity.
static Num clampExp(Num x) {
  const Format& format = formatOf(x);
  return atLeast(atMost(x, format.expHigh), format.expLow);
}

// Error: r and the last two sums round, 0.25 + 0.25 + 0.5 ulp; polynomial 0.04 ulp, in f32 0.1.
static Num expBoth(Num x) {
  ExpReduction reduced = reduceExp(clampExp(x));
  return ldexp(expm1Reduced(reduced.r) + 1.0, reduced.counted);
}

Pair expOfReduced(const ExpPairReduction& reduced) {
  Num r = reduced.r;
  Pair m = fastTwoSum(1.0, r);
  return fastTwoSum(m.hi, m.lo + fma(r * r, expRemainder(r), reduced.tail));
}

// The reduction is exact, x = n + f; f ln2 is a pair. Below 0.6 ulp.
static Num exp2Wide(Num x) {
  const double round = formatOf(x).counting();
  x = atLeast(atMost(x, 1030.0), -1080.0);
  Num shifted = x + round;
  Num f = x - (shifted - round);
  Pair r = twoProduct(f, kLn2Hi);
  Pair y = expOfReduced({r.hi, fma(f, kLn2Lo, r.lo), shifted});
  return ldexp(y.hi + y.lo, shifted);
}

// Below 0.9 ulp: the head of f ln2 rounds, and what it lost joins the small part.
static Num exp2Narrow(Num x) {
  const Format& format = formatOf(x);
  x = atLeast(atMost(x, 130.0), -152.0);
  Num shifted = x + format.counting();
  Num f = x - (shifted - format.counting());
  Pair r = twoProduct(f, format.ln2Hi);
  Num p = expm1Reduced(r.hi) + fma(f, format.ln2Lo, r.lo);
  return ldexp(p + 1.0, shifted);
}

/// power (1 + r + tail + r^2 q(r)) - one as a pair, relative error about 2^-57, in f32 2^-28.
/// `less` = power - one, rounded; `power` is a power of two.
static Pair expm1Pair(const ExpPairReduction& reduced, Num power, Num less) {
  Num r = reduced.r;
  Num rest = fma(r * r, expRemainder(r), reduced.tail);
  Pair sum = fastTwoSum(less, power * r);
  return fastTwoSum(sum.hi, fma(power, rest, sum.lo));
}

// Halved throughout, so that 2^1024 is not needed; the product joins 2^n - 1 in an exact sum.
// Below 0.8 ulp near zero, below 1.2 ulp anywhere (2^n - 1 rounds from n = 54 on).
static Num expm1Both(Num x) {
  const Format& format = formatOf(x);
  ExpPairReduction reduced = reduceExpPair(atLeast(atMost(x, format.expHigh), -40.0));
  Num half = powerOfTwo(reduced.count(), -1);
  Pair halved = expm1Pair(reduced, half, half - 0.5);
  Num y = halved.hi * 2.0;
  // Keeps the sign of zero and the last bit of denormals.
  return select(abs(x) < (isNarrow(x) ? 0x1p-25 : 0x1p-54), x, y);
}

// tanh a = -E / (2 + E) with E = expm1(-2a), carried as a pair; 1 from a = 20 on. Below 0.9 ulp.
static Num tanhWide(Num x) {
  ExpPairReduction reduced = reduceExpPair(atMost(abs(x), 20.0) * -2.0);
  Num power = powerOfTwo(reduced.count());
  Pair less = fastTwoSum(-1.0, power);
  Pair e = expm1Pair(reduced, power, less.hi);
  e.lo = e.lo + less.lo;
  Pair denominator = fastTwoSum(2.0, e.hi);
  return copysign(divide(e, {denominator.hi, denominator.lo + e.lo}), x);
}

/// Below 5/8: a + a^3 P(a^2), relative error 2^-27.7; else 1 - 2 / (1 + e^2a), where the quotient's
/// errors count at most by half. 1 from 9.1 on. Below 1.2 ulp.
static Num tanhNarrow(Num x) {
  Num a = abs(x), z = a * a;
  Num p =
      polynomial(z, {-0x1.555532p-2, 0x1.1106f6p-3, -0x1.b835a4p-5, 0x1.51f8cep-6, -0x1.750ce4p-8});
  Num clamped = atMost(a, 9.1);
  ExpReduction reduced = reduceExp(clamped + clamped);
  Num power = powerOfTwo(reduced.count());
  Num far = 1.0 - 2.0 / fma(expm1Reduced(reduced.r), power, power + 1.0);
  // NaN goes near: the other side scales by bits.
  return copysign(select(a >= 0.625, far, fma(a * z, p, a)), x);
}

// c / (c + c e^-x) with c a small power of two, so that e^-x stays finite where the result is
// denormal. Below 1 ulp: the division's remainder is made up for.
static Num sigmoidBoth(Num x) {
  const bool narrow = isNarrow(x);
  const double c = narrow ? 0x1p-32 : 0x1p-64;
  const int64_t shift = narrow ? 32 : 64;
  ExpReduction reduced = reduceExp(-atLeast(atMost(x, narrow ? 20.0 : 40.0), formatOf(x).expLow));
  Num power = powerOfTwo(reduced.count(), -shift);
  Num head = power + c;
  Num lost = c - (head - power);
  Num p = expm1Reduced(reduced.r);
  Num below = fma(p, power, head);
  Num tail = fma(p, power, head - below) + lost;
  Num y = c / below;
  Num remainder = fma(-y, tail, fma(-y, below, constantLike(x, c)));
  return fma(remainder, y * (1.0 / c), y);
}

// max(x, 0) + log1p(e^-|x|): the exponential never overflows.
static Num softplusWide(Num x) { return atLeast(x, 0.0) + log1pCore(expBoth(-abs(x))); }

// The same; e^-|x| is a pair, 1 + it = (1 + f + d) or twice that, log(1 + f + d) = log(1 + f) +
// d / (1 + f). Below 1.4 ulp.
static Num softplusNarrow(Num x) {
  const Format& format = formatOf(x);
  ExpReduction reduced = reduceExp(atLeast(-abs(x), format.expLow));
  Num p = expm1Reduced(reduced.r);
  // Two numbers are scaled: the factors serve both.
  auto [first, second] = twoFactors(reduced.count());
  Num rounded = fma(p, first, first);
  Num lost = fma(p, first, first - rounded);
  Pair e{rounded * second, lost * second};
  Pair sum = fastTwoSum(1.0, e.hi);
  Mask far = e.hi > 0x1.a8279ap-2;
  Num f = select(far, fma(sum.hi, 0.5, -1.0), e.hi);
  Num d = select(far, (sum.lo + e.lo) * 0.5, e.lo);
  Num tail = fma(d, fma(f, f - 1.0, 1.0), logTailNarrow(f));
  Num y = select(far, (f + (tail + format.ln2Lo)) + format.ln2Hi, f + tail);
  return atLeast(x, 0.0) + y;
}

} // namespace math

mlir::Value MathBuilder::exp(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::expBoth);
}
mlir::Value MathBuilder::exp2(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::exp2Wide, math::exp2Narrow);
}
mlir::Value MathBuilder::expm1(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::expm1Both);
}
mlir::Value MathBuilder::tanh(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::tanhWide, math::tanhNarrow);
}
mlir::Value MathBuilder::sigmoid(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::sigmoidBoth);
}
mlir::Value MathBuilder::softplus(mlir::Value x) {
  return math::expand(builder_, loc_, x, math::softplusWide, math::softplusNarrow);
}

} // namespace diptych::codegen
