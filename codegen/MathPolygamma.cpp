// polygamma(n, x) = (-1)^(n+1) n! zeta(n + 1, x) for n >= 1, by the Euler-Maclaurin formula for the
// Hurwitz zeta function; negative x are sums over both sides of the pole next to x.
#include <limits>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// (sum scale)^-s with sum = a + b: what the sum loses to rounding would count s times.
static Num inversePower(Pair a, Num b, Num scale, Num s) {
  Pair sum = twoSum(a.hi, b);
  Num lost = sum.lo + a.lo;
  Num power = powFull(sum.hi * scale, -s);
  return select((lost == 0.0) | !(power > 0.0), power, fma(power * (lost / sum.hi), -s, power));
}

/// scale^-s times the sum of (q + k)^-s over k >= 0, q >= 0: twelve terms, smallest first, and
/// Euler-Maclaurin's tail at q + 12, of eight Bernoulli numbers (truncation below 2^-57).
static Num scaledZeta(Pair start, Num scale, Num s) {
  Num q = start.hi;
  static constexpr double bernoulli[] = {
      // B(2j) / (2j)!
      0x1.5555555555555p-4,  -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15, -0x1.bbd779334ef0bp-21,
      0x1.66a8f2bf70ebep-26, -0x1.22805d644267fp-31, 0x1.d6db2c4e09162p-37, -0x1.7da4e1f79955cp-42};
  constexpr int terms = 12;
  Num x = q + double(terms), inverse = 1.0 / x;
  Num square = inverse * inverse;
  Num factor = s * inverse;
  Num bracket = constantLike(q, 0.0);
  for (int j = 0; j < 8; ++j) {
    bracket = fma(factor, bernoulli[j], bracket);
    factor = factor * ((s + double(2 * j + 1)) * square) * (s + double(2 * j + 2));
  }
  bracket = (bracket + 0.5) + x / (s - 1.0);
  Num tail = inversePower(start, constantLike(q, terms), scale, s) * bracket;
  // Apart from the tail, which would lose to every addition where it is the largest part.
  llvm::SmallVector<Num> first{constantLike(q, terms - 1), constantLike(q, 0.0)};
  return repeat(constantLike(q, terms), first,
                [&](llvm::ArrayRef<Num> state) {
                  Num sum = state[1] + inversePower(start, state[0], scale, s);
                  return llvm::SmallVector<Num>{state[0] - 1.0, sum};
                })[1] +
         tail;
}

/// n! as a pair, 0 <= n <= 170: as many steps as the largest n asks for.
static Num factorial(Num n) {
  Num one = constantLike(n, 1.0);
  llvm::SmallVector<Num> start{one, one, constantLike(n, 0.0)};
  llvm::SmallVector<Num> end = repeat(n, start, [&](llvm::ArrayRef<Num> state) {
    Num factor = select(state[0] <= n, state[0], 1.0);
    Pair product = twoProduct(state[1], factor);
    product = fastTwoSum(product.hi, fma(state[2], factor, product.lo));
    return llvm::SmallVector<Num>{state[0] + 1.0, product.hi, product.lo};
  });
  return end[1];
}

/// The sum over all k of (x + k)^-s. For x = -(m + y), 0 <= y < 1, its parts are those from the
/// pole up, those from the pole down, and minus the ones beyond x.
static Num sumOverShifts(Num x, Num scale, Num s, Num sign) {
  Num a = -x, y = a - floor(a);
  Mask negative = x < 0.0;
  llvm::SmallVector<Num> start{constantLike(x, 0.0), constantLike(x, 0.0)};
  Num parts = select(negative, constantLike(x, 3.0), 1.0);
  return repeat(parts, start, [&](llvm::ArrayRef<Num> state) {
    Num part = state[0];
    Num one = constantLike(x, 1.0), zero = constantLike(x, 0.0);
    Pair up = twoSum(one, -y), beyond = twoSum(a, one);
    Num hi = select(part == 0.0, select(negative, up.hi, x), select(part == 1.0, y, beyond.hi));
    Num lo =
        select(part == 0.0, select(negative, up.lo, zero), select(part == 1.0, zero, beyond.lo));
    Num weight = select(part == 0.0, constantLike(x, 1.0), select(part == 1.0, sign, -sign));
    Num term = weight * scaledZeta({hi, lo}, scale, s);
    return llvm::SmallVector<Num>{part + 1.0, select(part < parts, state[1] + term, state[1])};
  })[1];
}

static Num polygammaWide(Num order, Num x) {
  Num n = (order + 0x1.8p52) - 0x1.8p52; // rounded, halves to even
  Mask valid = (n >= 1.0) & (n <= 170.0);
  n = select(valid, n, 1.0);
  Num s = n + 1.0;
  Num half = n * 0.5;
  Mask even = floor(half) == half;
  Num sign = select(even, constantLike(x, -1.0), 1.0); // (-1)^s
  // Powers of a number near 1, so that they neither vanish nor overflow beside n!.
  Num e = select(x > 1.0, atMost(exponent(x), 1000.0), 0.0);
  Num sum = sumOverShifts(x, wholePowerOfTwo(-e), s, sign);
  // 2^(-e s) in four parts; beyond 2^-3600 neither n! nor the sum can make up for it.
  Num whole = atLeast(e * -s, -3600.0);
  Num quarter = floor(whole * 0.25);
  Num power = wholePowerOfTwo(quarter), last = wholePowerOfTwo(whole - 3.0 * quarter);
  Num magnitude = factorial(n) * power * power * sum * power * last;
  Mask unsignedPole = even & (x < 0.0) & (floor(x) == x);
  Num result = select(unsignedPole, kNan, magnitude * sign);
  result = select(x == std::numeric_limits<double>::infinity(), 0.0, result);
  return select(valid & !isNan(x), result, kNan);
}

} // namespace math

mlir::Value MathBuilder::polygamma(mlir::Value n, mlir::Value x) {
  return math::expand(builder_, loc_, n, x, math::polygammaWide,
                      math::inDouble<math::polygammaWide>);
}

} // namespace diptych::codegen
