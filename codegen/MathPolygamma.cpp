// polygamma(n, x) = (-1)^(n+1) n! zeta(n + 1, x) for n >= 1, by the Euler-Maclaurin formula for the
// Hurwitz zeta function; negative x are sums over both sides of the pole next to x.
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "codegen/Math.h"
#include "codegen/MathExpr.h"

namespace diptych::codegen {
namespace math {

static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// a^s for a whole s >= 1, by squaring from the highest bit of s on: no loop where s is known.
static Pair wholePower(Pair a, Num s) {
  if (std::optional<double> known = literal(s)) {
    const auto bits = static_cast<uint64_t>(*known);
    Pair power = a;
    for (uint64_t bit = std::bit_floor(bits) >> 1; bit; bit >>= 1) {
      power = times(power, power);
      if (bits & bit)
        power = times(power, a);
    }
    return power;
  }
  Num steps = exponent(s);
  llvm::SmallVector<Num> start{a.hi, a.lo, s * wholePowerOfTwo(-steps) - 1.0, steps};
  llvm::SmallVector<Num> end = repeat(steps, start, [&](llvm::ArrayRef<Num> state) {
    Pair square = times({state[0], state[1]}, {state[0], state[1]}), more = times(square, a);
    Num bits = state[2] + state[2];
    Mask one = bits >= 1.0, live = state[3] > 0.0;
    Num hi = select(one, more.hi, square.hi), lo = select(one, more.lo, square.lo);
    return llvm::SmallVector<Num>{select(live, hi, state[0]), select(live, lo, state[1]),
                                  select(one, bits - 1.0, bits), state[3] - 1.0};
  });
  return {end[0], end[1]};
}

/// (sum scale)^-s with sum = a + b: what the sum loses to rounding would count s times.
static Num inversePower(Pair a, Num b, Num scale, Num s) {
  Pair sum = twoSum(a.hi, b);
  Num base = sum.hi * scale, lost = (sum.lo + a.lo) * scale;
  Num reciprocal = 1.0 / base;
  Num rest = fma(-reciprocal, lost, fma(-reciprocal, base, 1.0));
  Pair power = wholePower({reciprocal, reciprocal * rest}, s);
  return select(power.hi < std::numeric_limits<double>::infinity(), power.hi + power.lo, power.hi);
}

/// The factor of Euler-Maclaurin's tail at x: of ten Bernoulli numbers.
static Num tailFactor(Num x, Num s) {
  static constexpr double bernoulli[] = {
      // B(2j) / (2j)!
      0x1.5555555555555p-4,  -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15, -0x1.bbd779334ef0bp-21,
      0x1.66a8f2bf70ebep-26, -0x1.22805d644267fp-31, 0x1.d6db2c4e09162p-37, -0x1.7da4e1f79955cp-42,
      0x1.355871d652e9ep-47, -0x1.f57d968caacf1p-53};
  // Rising factorials of s know nothing of x, and are constants where s is one.
  Num inverse = 1.0 / x, square = inverse * inverse, rising = s;
  llvm::SmallVector<Num> coefficients;
  for (int j = 0; j < 10; ++j) {
    coefficients.push_back(rising * bernoulli[j]);
    rising = rising * (s + double(2 * j + 1)) * (s + double(2 * j + 2));
  }
  Num sum = coefficients.back();
  for (int j = 8; j >= 0; --j)
    sum = fma(sum, square, coefficients[j]);
  return fma(sum, inverse, 0.5) + x / (s - 1.0);
}

/// scale^-s times the sum of (q + k)^-s over k >= 0, q >= 0: the tail from 1.05 s + 8.25 on, or
/// behind eight terms (truncation below 2^-57), and the terms before it, smallest first.
static Num scaledZeta(Pair start, Num scale, Num s) {
  Num q = start.hi, missing = fma(s, 1.05, 8.25) - q;
  Num terms = select(missing >= 0.0, floor(atMost(missing, 7.0)) + 1.0, 0.0);
  Num tail = inversePower(start, terms, scale, s) * tailFactor(q + terms, s);
  // Apart from the tail, which would lose to every addition where it is the largest part.
  llvm::SmallVector<Num> first{terms - 1.0, constantLike(q, 0.0)};
  return repeat(terms, first,
                [&](llvm::ArrayRef<Num> state) {
                  Num sum = state[1] + inversePower(start, state[0], scale, s);
                  return llvm::SmallVector<Num>{state[0] - 1.0,
                                                select(state[0] >= 0.0, sum, state[1])};
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
  if (std::optional<double> known = literal(order)) {
    const double whole = std::nearbyint(*known);
    n = constantLike(x, whole >= 1 && whole <= 170 ? whole : 1);
  }
  std::optional<double> known = literal(n);
  Num s = known ? constantLike(x, *known + 1) : n + 1.0;
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
