// Lets the expansions read like mathematics: operators on values that create MLIR operations.
// Knows the shape (scalar or vector) and nothing about any function.
#pragma once

#include <cstdint>
#include <optional>

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace diptych::codegen::math {

/// Where operations go and how many lanes they have.
struct Scope {
  mlir::OpBuilder& builder;
  mlir::Location loc;
  mlir::VectorType shape; // null: scalars

  /// The type with this element and the scope's lanes.
  mlir::Type laned(mlir::Type element) const;
  mlir::Value constant(int64_t value) const;
  /// An integer constant of `type`, which has the scope's lanes.
  mlir::Value integer(mlir::Type type, int64_t value) const;
  /// A constant of `type`, f32 or f64 and the scope's lanes.
  mlir::Value constant(mlir::Type type, double value) const;
};

/// A f64 or f32 per lane.
struct Num {
  const Scope* scope;
  mlir::Value value;
};

/// An integer per lane, as wide as the numbers it is made from: i64 beside f64, i32 beside f32.
/// Arithmetic wraps, >> shifts in zeros.
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
  /// The value beside one of `like`'s type.
  mlir::Value beside(Num like) const {
    return num_ ? num_ : like.scope->constant(like.value.getType(), literal_);
  }

private:
  mlir::Value num_;
  double literal_ = 0;
};

class IntArg {
public:
  IntArg(Int integer) : integer_(integer.value) {}
  IntArg(int64_t literal) : literal_(literal) {}
  mlir::Value beside(Int like) const {
    return integer_ ? integer_ : like.scope->integer(like.value.getType(), literal_);
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

Num select(Mask which, Num a, NumArg b);
Num select(Mask which, double a, Num b);
inline Num select(Mask which, Num a, Num b) { return select(which, a, NumArg(b)); }

/// f32 to f64, exactly, and back, rounded.
Num widen(Num a);
Num narrow(Num a);
/// `value` in every lane, in the type of `like`.
Num constantLike(Num like, double value);
/// What all lanes are known to hold: a constant, nothing that was computed from one.
std::optional<double> literal(Num a);

/// Runs `body` on the state so often as the lane with the largest `count` asks for; counts are
/// whole and not negative. What a lane computes in steps beyond its own count is the body's
/// concern.
llvm::SmallVector<Num> repeat(Num count, llvm::ArrayRef<Num> state,
                              llvm::function_ref<llvm::SmallVector<Num>(llvm::ArrayRef<Num>)> body);

Int operator+(Int a, IntArg b);
Int operator-(Int a, IntArg b);
Int operator&(Int a, IntArg b);
Int operator|(Int a, IntArg b);
Int operator^(Int a, IntArg b);
Int operator<<(Int a, int64_t count);
Int operator>>(Int a, int64_t count);
Mask operator!=(Int a, IntArg b);

/// The same bits, read the other way.
Int bits(Num a);
Num number(Int a);

/// f64 or f32: fields, and what expansions written once for both take from them.
struct Format {
  int fraction;           // bits of it
  int64_t bias;           // of the exponent
  double round;           // 1.5 2^fraction: adding it rounds and leaves the integer in the low bits
  double smallest;        // the first normal number
  double expLow, expHigh; // e^x is 0 below and infinite above
  double log2E, ln2Hi, ln2Lo;
  double ln2Upper, ln2Rest; // ln2Upper times any exponent is exact

  int64_t one() const { return bias << fraction; }
  /// As `round`, but what is left in the low bits is n + 2 bias: two exponent fields' worth.
  double counting() const { return round + static_cast<double>(2 * bias); }
};
const Format& formatOf(Num a);
const Format& formatOf(Int a);

/// Smaller or larger of a and the bound; NaN passes.
inline Num atMost(Num a, double bound) { return select(a > bound, bound, a); }
inline Num atLeast(Num a, double bound) { return select(a < bound, bound, a); }

/// c[0] + c[1] x + c[2] x^2 + ...: Horner's scheme for the leading coefficients, where errors
/// count, Estrin's (pairs, then pairs of pairs) for the rest, where the length of the chain does.
Num polynomial(Num x, llvm::ArrayRef<double> c);

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

/// a * b for pairs; relative error about 2^-104.
inline Pair times(Pair a, Pair b) {
  Pair product = twoProduct(a.hi, b.hi);
  return {product.hi, product.lo + fma(a.hi, b.lo, a.lo * b.hi)};
}

/// (a.hi + a.lo) / (b.hi + b.lo), one division and one Newton correction.
inline Num divide(Pair a, Pair b) {
  Num reciprocal = 1.0 / b.hi;
  Num quotient = a.hi * reciprocal;
  Num remainder = fma(-quotient, b.hi, a.hi) + a.lo;
  return fma(fma(-quotient, b.lo, remainder), reciprocal, quotient);
}

/// floor(log2(a)) of a positive normal number.
Num exponent(Num a);
/// 2^n for a whole n in [-1022, 1023].
Num wholePowerOfTwo(Num n);

// Expansions shared between families; each states its range.

constexpr double kLn2Hi = 0x1.62e42fefa39efp-1, kLn2Lo = 0x1.abc9e3b39803fp-56;

/// x = n ln2 + r with |r| <= ln2 / 2; `counted` is n + Format::counting().
struct ExpReduction {
  Num r, counted;
  /// Its low bits are those of n + 2 bias.
  Int count() const { return bits(counted); }
};
/// r to its last bit, for |x| < 1100, in f32 < 150.
ExpReduction reduceExp(Num x);
/// The reduction with r unevaluated, r + tail, for x + xTail.
struct ExpPairReduction {
  Num r, tail, counted;
  Int count() const { return bits(counted); }
};
ExpPairReduction reduceExpPair(Num x);
ExpPairReduction reduceExpPair(Num x, Num xTail);
/// e^(r + tail) as a pair, relative error 2^-57, in f32 2^-27.
Pair expOfReduced(const ExpPairReduction& reduced);
/// (e^r - 1 - r) / r^2 on |r| <= ln2 / 2: relative error of e^r - 1 below 2^-57, in f32 2^-31.
Num expRemainder(Num r);
/// e^r - 1, to the accuracy of e^r only.
Num expm1Reduced(Num r);
/// 2^(n + more), a normal number.
Num powerOfTwo(Int count, int64_t more = 0);
/// y 2^n, `counted` as above: one rounding where y 2^(n/2) is normal, |n| < 2 bias - 1.
Num ldexp(Num y, Num counted);

/// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)).
struct LogReduction {
  Num e, f;
};
LogReduction reduceLog(Num x);       // x > 0, denormals included
LogReduction reduceNormalLog(Num x); // x normal
/// log(1 + f) - f on [sqrt(1/2) - 1, sqrt(2) - 1] in f32: relative error of the logarithm 2^-27.
Num logTailNarrow(Num f);
/// The result of a logarithm with its pole at `pole`, given `value` on the open domain.
Num logSpecials(Num x, Num value, double pole);

/// log(x), f64: below 0.9 ulp, with its special values.
Num logCore(Num x);
/// log(1 + x), f64: below 0.9 ulp.
Num log1pCore(Num x);
/// log(x) as a pair for finite x > 0, relative error below 2^-64, in f32 2^-36.
Pair logPair(Num x);
/// x^y with the special values of C99, below 0.9 ulp.
Num powFull(Num x, Num y);
/// erf(x) for |x| <= 1: below 1.2 ulp.
Num erfNear(Num x);

/// Applies `wide` to f64 and `narrow` to f32; each returns its operands' type.
using UnaryExpansion = Num (*)(Num);
mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, UnaryExpansion wide,
                   UnaryExpansion narrow);
inline mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x,
                          UnaryExpansion both) {
  return expand(builder, loc, x, both, both);
}
using BinaryExpansion = Num (*)(Num, Num);
mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                   BinaryExpansion wide, BinaryExpansion narrow);
inline mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x,
                          mlir::Value y, BinaryExpansion both) {
  return expand(builder, loc, x, y, both, both);
}

/// f32 by way of f64, rounded once more at the end.
template <UnaryExpansion Wide> Num inDouble(Num x) { return narrow(Wide(widen(x))); }
template <BinaryExpansion Wide> Num inDouble(Num x, Num y) {
  return narrow(Wide(widen(x), widen(y)));
}

} // namespace diptych::codegen::math
