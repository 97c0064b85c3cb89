// Elementary functions as inline arithmetic. Owns the public face of the expansions and their
// accuracy contract; refuses calls to any math library, fast-math flags and everything that depends
// on the vector width.
#pragma once

#include "mlir/IR/Builders.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/Value.h"

namespace diptych::codegen {

/// Expands elementary functions to arith, math and (sin, cos only) scf and vector operations.
///
/// Operands are f32, f64 or one-dimensional vectors of them; the result has the operand's type.
/// Every expansion is a fixed sequence of IEEE operations on each lane, so scalars and vectors of
/// any width give the same bits. Results lie within 1.5 ulp, or within the bound stated at the
/// function. The functions that models are made of (exp, log, tanh, sigmoid, softplus, erf, pow,
/// sin and their families) are evaluated in their own format; the others in f64 for f32 too,
/// rounded once, within 0.51 ulp. Special values follow C99 Annex F. The payload of a NaN is not
/// part of the contract. sin, cos, tan, fmod and polygamma leave the insertion point behind an
/// scf.if or scf.for: large angles, long divisions and sums take the steps that the neediest lane
/// asks for.
class MathBuilder {
public:
  MathBuilder(mlir::OpBuilder& builder, mlir::Location loc) : builder_(builder), loc_(loc) {}

  mlir::Value exp(mlir::Value x);
  mlir::Value exp2(mlir::Value x);
  mlir::Value expm1(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value log2(mlir::Value x);
  mlir::Value log10(mlir::Value x);
  mlir::Value log1p(mlir::Value x);
  mlir::Value pow(mlir::Value x, mlir::Value y);
  mlir::Value sqrt(mlir::Value x);
  /// 1 / sqrt(x): two correctly rounded operations, 1.5 ulp in all.
  mlir::Value rsqrt(mlir::Value x);
  mlir::Value cbrt(mlir::Value x);
  mlir::Value sinh(mlir::Value x);
  mlir::Value cosh(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  /// 1 / (1 + exp(-x)), denormal results included.
  mlir::Value sigmoid(mlir::Value x);
  /// log(1 + exp(x)) without overflow; f64 within 1.6 ulp.
  mlir::Value softplus(mlir::Value x);
  mlir::Value sin(mlir::Value x);
  mlir::Value cos(mlir::Value x);
  mlir::Value tan(mlir::Value x);
  mlir::Value asin(mlir::Value x);
  mlir::Value acos(mlir::Value x);
  mlir::Value atan(mlir::Value x);
  mlir::Value atan2(mlir::Value y, mlir::Value x);
  /// Exact, as C's: the sign of x, less than |y|.
  mlir::Value fmod(mlir::Value x, mlir::Value y);
  mlir::Value erf(mlir::Value x);
  mlir::Value erfc(mlir::Value x);
  /// Within 3 ulp.
  mlir::Value erfinv(mlir::Value x);
  /// The standard normal distribution function, its lower tail relative to itself.
  mlir::Value normalCdf(mlir::Value x);
  /// log|Gamma(x)|: within 3 ulp for x > 0; for x < 0, where it has zeros, of 1 + |lgamma(-x)|.
  mlir::Value lgamma(mlir::Value x);
  /// Within 4 ulp for x > 0; for x < 0, where it has zeros, 5 ulp of max(|result|, 1 + log(1 - x)).
  mlir::Value digamma(mlir::Value x);
  /// The derivative of digamma of order n, rounded to a whole number from 1 to 170, else NaN.
  /// Within 4 ulp where n <= 8; for x < 0 and even n, where it has zeros, of the sum without its
  /// signs.
  mlir::Value polygamma(mlir::Value n, mlir::Value x);

private:
  mlir::OpBuilder& builder_;
  mlir::Location loc_;
};

} // namespace diptych::codegen
