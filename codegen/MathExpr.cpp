// Creates one MLIR operation per operator of MathExpr.h. No fast-math flag is ever set here.
#include "codegen/MathExpr.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace diptych::codegen::math {

namespace arith = mlir::arith;

mlir::Type Scope::laned(mlir::Type element) const {
  return shape ? mlir::VectorType::get(shape.getShape(), element) : element;
}

static mlir::Value splat(const Scope& scope, mlir::TypedAttr element) {
  mlir::Type type = scope.laned(element.getType());
  if (auto vector = mlir::dyn_cast<mlir::VectorType>(type))
    element = mlir::DenseElementsAttr::get(vector, mlir::Attribute(element));
  return arith::ConstantOp::create(scope.builder, scope.loc, element);
}

mlir::Value Scope::constant(double value) const {
  return splat(*this, builder.getF64FloatAttr(value));
}

mlir::Value Scope::constant(int64_t value) const {
  return splat(*this, builder.getI64IntegerAttr(value));
}

/// Result of an operation whose operands are a and b in a's scope.
template <typename Op, typename Left, typename Right> static Left binary(Left a, const Right& b) {
  const Scope& scope = *a.scope;
  return {&scope, Op::create(scope.builder, scope.loc, a.value, b.in(scope))};
}

template <typename Op> static Num unary(Num a) {
  return {a.scope, Op::create(a.scope->builder, a.scope->loc, a.value)};
}

static Num literal(const Scope* scope, double value) { return {scope, scope->constant(value)}; }

Num operator+(Num a, NumArg b) { return binary<arith::AddFOp>(a, b); }
Num operator-(Num a, NumArg b) { return binary<arith::SubFOp>(a, b); }
Num operator*(Num a, NumArg b) { return binary<arith::MulFOp>(a, b); }
Num operator/(Num a, NumArg b) { return binary<arith::DivFOp>(a, b); }
Num operator-(double a, Num b) { return literal(b.scope, a) - b; }
Num operator/(double a, Num b) { return literal(b.scope, a) / b; }
Num operator-(Num a) { return unary<arith::NegFOp>(a); }

Num fma(Num a, NumArg b, NumArg c) {
  const Scope& scope = *a.scope;
  return {&scope,
          mlir::math::FmaOp::create(scope.builder, scope.loc, a.value, b.in(scope), c.in(scope))};
}

Num sqrt(Num a) { return unary<mlir::math::SqrtOp>(a); }
Num floor(Num a) { return unary<mlir::math::FloorOp>(a); }
Num abs(Num a) { return unary<mlir::math::AbsFOp>(a); }
Num copysign(Num a, Num b) { return binary<mlir::math::CopySignOp>(a, NumArg(b)); }

static Mask compare(arith::CmpFPredicate predicate, Num a, NumArg b) {
  const Scope& scope = *a.scope;
  return {&scope, arith::CmpFOp::create(scope.builder, scope.loc, predicate, a.value, b.in(scope))};
}

Mask operator<(Num a, NumArg b) { return compare(arith::CmpFPredicate::OLT, a, b); }
Mask operator<=(Num a, NumArg b) { return compare(arith::CmpFPredicate::OLE, a, b); }
Mask operator>(Num a, NumArg b) { return compare(arith::CmpFPredicate::OGT, a, b); }
Mask operator>=(Num a, NumArg b) { return compare(arith::CmpFPredicate::OGE, a, b); }
Mask operator==(Num a, NumArg b) { return compare(arith::CmpFPredicate::OEQ, a, b); }
Mask isNan(Num a) { return compare(arith::CmpFPredicate::UNO, a, a); }

template <typename Op> static Mask logical(Mask a, Mask b) {
  return {a.scope, Op::create(a.scope->builder, a.scope->loc, a.value, b.value)};
}

Mask operator&(Mask a, Mask b) { return logical<arith::AndIOp>(a, b); }
Mask operator|(Mask a, Mask b) { return logical<arith::OrIOp>(a, b); }
Mask operator^(Mask a, Mask b) { return logical<arith::XOrIOp>(a, b); }
Mask operator!(Mask a) {
  return logical<arith::XOrIOp>(a, {a.scope, splat(*a.scope, a.scope->builder.getBoolAttr(true))});
}

Num select(Mask which, NumArg a, NumArg b) {
  const Scope& scope = *which.scope;
  return {&scope,
          arith::SelectOp::create(scope.builder, scope.loc, which.value, a.in(scope), b.in(scope))};
}

Int operator+(Int a, IntArg b) { return binary<arith::AddIOp>(a, b); }
Int operator-(Int a, IntArg b) { return binary<arith::SubIOp>(a, b); }
Int operator&(Int a, IntArg b) { return binary<arith::AndIOp>(a, b); }
Int operator|(Int a, IntArg b) { return binary<arith::OrIOp>(a, b); }
Int operator^(Int a, IntArg b) { return binary<arith::XOrIOp>(a, b); }
Int operator<<(Int a, int64_t count) { return binary<arith::ShLIOp>(a, IntArg(count)); }
Int operator>>(Int a, int64_t count) { return binary<arith::ShRUIOp>(a, IntArg(count)); }

Mask operator!=(Int a, IntArg b) {
  const Scope& scope = *a.scope;
  return {&scope, arith::CmpIOp::create(scope.builder, scope.loc, arith::CmpIPredicate::ne, a.value,
                                        b.in(scope))};
}

static mlir::Value bitcast(const Scope& scope, mlir::Value value, mlir::Type element) {
  return arith::BitcastOp::create(scope.builder, scope.loc, scope.laned(element), value);
}

Int bits(Num a) { return {a.scope, bitcast(*a.scope, a.value, a.scope->builder.getI64Type())}; }
Num number(Int a) { return {a.scope, bitcast(*a.scope, a.value, a.scope->builder.getF64Type())}; }

/// Evaluates `body` on the f64 values of `operands`; f32 operands are widened and the result is
/// rounded.
template <typename Body>
static mlir::Value expandWith(mlir::OpBuilder& builder, mlir::Location loc,
                              mlir::ValueRange operands, Body body) {
  mlir::Type type = operands.front().getType();
  Scope scope{builder, loc, mlir::dyn_cast<mlir::VectorType>(type)};
  bool narrow = mlir::getElementTypeOrSelf(type).isF32();
  llvm::SmallVector<Num, 2> nums;
  for (mlir::Value operand : operands) {
    if (narrow)
      operand = arith::ExtFOp::create(builder, loc, scope.laned(builder.getF64Type()), operand);
    nums.push_back({&scope, operand});
  }
  mlir::Value result = body(nums, narrow).value;
  return narrow ? arith::TruncFOp::create(builder, loc, type, result) : result;
}

mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, UnaryExpansion wide,
                   UnaryExpansion narrow) {
  return expandWith(builder, loc, x, [&](llvm::ArrayRef<Num> nums, bool isNarrow) {
    return isNarrow ? narrow(nums[0]) : wide(nums[0]);
  });
}

mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                   BinaryExpansion wide, BinaryExpansion narrow) {
  return expandWith(builder, loc, {x, y}, [&](llvm::ArrayRef<Num> nums, bool isNarrow) {
    return isNarrow ? narrow(nums[0], nums[1]) : wide(nums[0], nums[1]);
  });
}

} // namespace diptych::codegen::math
