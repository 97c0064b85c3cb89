// Lets the expansions read like mathematics: operators on values that create MLIR operations.
// Knows the shape (scalar or vector of f64) and nothing about any function.
#pragma once

#include <cstdint>

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace diptych::codegen::math {

/// Where operations go and how many lanes they have.
struct Scope {
  mlir::OpBuilder& builder;
  mlir::Location loc;
  mlir::VectorType shape; // null: scalars

  /// The type with this element and the scope's lanes.
  mlir::Type laned(mlir::Type element) const;
  mlir::Value constant(double value) const;
  mlir::Value constant(int64_t value) const;
};

/// A f64 per lane.
struct Num {
  const Scope* scope;
  mlir::Value value;
};

/// An i64 per lane; arithmetic wraps, >> shifts in zeros.
struct Int {
  const Scope* scope;
  mlir::Value value;
};

/// A truth value per lane.
struct Mask {
  const Scope* scope;
  mlir::Value value;
};

/// A Num, or a literal that becomes a constant beside a Num.
class NumArg {
public:
  NumArg(Num num) : num_(num.value) {}
  NumArg(double literal) : literal_(literal) {}
  mlir::Value in(const Scope& scope) const { return num_ ? num_ : scope.constant(literal_); }

private:
  mlir::Value num_;
  double literal_ = 0;
};

class IntArg {
public:
  IntArg(Int integer) : integer_(integer.value) {}
  IntArg(int64_t literal) : literal_(literal) {}
  mlir::Value in(const Scope& scope) const {
    return integer_ ? integer_ : scope.constant(literal_);
  }

private:
  mlir::Value integer_;
  int64_t literal_ = 0;
};

Num operator+(Num a, NumArg b);
Num operator-(Num a, NumArg b);
Num operator*(Num a, NumArg b);
Num operator/(Num a, NumArg b);
inline Num operator+(double a, Num b) { return b + a; }
inline Num operator*(double a, Num b) { return b * a; }
Num operator-(double a, Num b);
Num operator/(double a, Num b);
Num operator-(Num a);

/// a * b + c, rounded once.
Num fma(Num a, NumArg b, NumArg c);
Num sqrt(Num a);
Num floor(Num a);
Num abs(Num a);
/// The magnitude of a with the sign of b.
Num copysign(Num a, Num b);

// Ordered comparisons: false where either side is NaN.
Mask operator<(Num a, NumArg b);
Mask operator<=(Num a, NumArg b);
Mask operator>(Num a, NumArg b);
Mask operator>=(Num a, NumArg b);
Mask operator==(Num a, NumArg b);
inline Mask operator==(Num a, Num b) { return a == NumArg(b); }
Mask isNan(Num a);

Mask operator&(Mask a, Mask b);
Mask operator|(Mask a, Mask b);
Mask operator^(Mask a, Mask b);
Mask operator!(Mask a);

Num select(Mask which, NumArg a, NumArg b);

Int operator+(Int a, IntArg b);
Int operator-(Int a, IntArg b);
Int operator&(Int a, IntArg b);
Int operator|(Int a, IntArg b);
Int operator^(Int a, IntArg b);
Int operator<<(Int a, int64_t count);
Int operator>>(Int a, int64_t count);
Mask operator!=(Int a, IntArg b);

/// The same 64 bits, read the other way.
Int bits(Num a);
Num number(Int a);

/// Smaller or larger of a and the bound; NaN passes.
inline Num atMost(Num a, double bound) { return select(a > bound, bound, a); }
inline Num atLeast(Num a, double bound) { return select(a < bound, bound, a); }

/// Horner's scheme: c[0] + c[1] x + c[2] x^2 + ..., one fma a coefficient.
template <int N> Num polynomial(Num x, const double (&c)[N]) {
  static_assert(N >= 2);
  Num sum = fma(x, c[N - 1], c[N - 2]);
  for (int i = N - 3; i >= 0; --i)
    sum = fma(sum, x, c[i]);
  return sum;
}

/// An unevaluated sum hi + lo, |lo| <= ulp(hi) / 2 where normalised.
struct Pair {
  Num hi, lo;
};

/// a + b exactly, where |a| >= |b| or a is a multiple of ulp(b) (Dekker).
inline Pair fastTwoSum(Num a, Num b) {
  Num sum = a + b;
  return {sum, b - (sum - a)};
}
inline Pair fastTwoSum(double a, Num b) {
  Num sum = a + b;
  return {sum, (a - sum) + b};
}

/// a + b exactly, no condition (Knuth).
inline Pair twoSum(Num a, Num b) {
  Num sum = a + b;
  Num part = sum - a;
  return {sum, (a - (sum - part)) + (b - part)};
}

/// a * b exactly.
inline Pair twoProduct(Num a, NumArg b) {
  Num product = a * b;
  return {product, fma(a, b, -product)};
}

// Expansion shared between families; each states its range.

constexpr double kLn2Hi = 0x1.62e42fefa39efp-1, kLn2Lo = 0x1.abc9e3b39803fp-56;

/// x = n ln2 + r with |r| <= ln2 / 2; `count` holds n in its low 51 bits.
struct ExpReduction {
  Num n, r;
  Int count;
};
/// Needs |x| < 2^40. `x` may carry a tail: the reduced r includes it.
ExpReduction reduceExp(Num x);
/// The reduction with r unevaluated, r + tail, for x + xTail.
struct ExpPairReduction {
  Num r, tail;
  Int count;
};
ExpPairReduction reduceExpPair(Num x);
ExpPairReduction reduceExpPair(Num x, Num xTail);
/// (e^r - 1 - r) / r^2 on |r| <= ln2 / 2: relative error of e^r - 1 below 2^-57.
Num expRemainder(Num r);
/// e^r - 1 for f32 results: relative error below 2^-37.
Num expm1Narrow(Num r);
/// y * 2^n for a result that stays normal.
Num scaleNormal(Num y, Int count);
/// The factors 2^a and 2^b, a + b = n in [-1100, 1100], both normal: y * first * second rounds
/// once.
struct Scaling {
  Num first, second;
};
Scaling twoStepScaling(Int count);

/// e^x for |x| <= 104, result normal in f64 and good for f32.
Num expNarrowCore(Num x);

/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
struct LogReduction {
  Num e, f;
};
LogReduction reduceLog(Num x);       // x > 0, denormals included
LogReduction reduceNormalLog(Num x); // x >= 2^-1022
/// The result of a logarithm with its pole at `pole`, given `value` on the open domain.
Num logSpecials(Num x, Num value, double pole);

/// Widens f32 to f64, applies `narrow`, rounds; applies `wide` to f64 as it stands.
using UnaryExpansion = Num (*)(Num);
mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, UnaryExpansion wide,
                   UnaryExpansion narrow);
using BinaryExpansion = Num (*)(Num, Num);
mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                   BinaryExpansion wide, BinaryExpansion narrow);

} // namespace diptych::codegen::math
