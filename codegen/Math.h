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
/// any width give the same bits. f64 results lie within 1.5 ulp; f32 is evaluated in f64 and
/// rounded once (square roots apart), within 0.501 ulp. Special values follow C99 Annex F. The
/// payload of a NaN is not part of the contract. sin and cos leave the insertion point
/// behind an scf.if that reduces large angles.
class MathBuilder {
public:
  MathBuilder(mlir::OpBuilder& builder, mlir::Location loc) : builder_(builder), loc_(loc) {}

  mlir::Value exp(mlir::Value x);
  mlir::Value expm1(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value log1p(mlir::Value x);
  mlir::Value pow(mlir::Value x, mlir::Value y);
  mlir::Value sqrt(mlir::Value x);
  /// 1 / sqrt(x): two correctly rounded operations, 1.5 ulp in all.
  mlir::Value rsqrt(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  /// 1 / (1 + exp(-x)), denormal results included.
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value sin(mlir::Value x);
  mlir::Value cos(mlir::Value x);
  mlir::Value erf(mlir::Value x);

private:
  mlir::OpBuilder& builder_;
  mlir::Location loc_;
};

} // namespace diptych::codegen
