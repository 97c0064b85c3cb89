// Creates one MLIR operation per operator of MathExpr.h. No fast-math flag is ever set here.
#include "codegen/MathExpr.h"

#include <bit>

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

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

mlir::Value Scope::constant(int64_t value) const {
  return splat(*this, builder.getI64IntegerAttr(value));
}

mlir::Value Scope::integer(mlir::Type type, int64_t value) const {
  mlir::Type element = mlir::getElementTypeOrSelf(type);
  const llvm::APInt bits(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), true, true);
  return splat(*this, builder.getIntegerAttr(element, bits));
}

mlir::Value Scope::constant(mlir::Type type, double value) const {
  return splat(*this, builder.getFloatAttr(mlir::getElementTypeOrSelf(type), value));
}

/// Result of an operation whose operands are a and b in a's scope.
template <typename Op, typename Left, typename Right> static Left binary(Left a, const Right& b) {
  const Scope& scope = *a.scope;
  return {&scope, Op::create(scope.builder, scope.loc, a.value, b.beside(a))};
}

template <typename Op> static Num unary(Num a) {
  return {a.scope, Op::create(a.scope->builder, a.scope->loc, a.value)};
}

Num constantLike(Num like, double value) {
  return {like.scope, like.scope->constant(like.value.getType(), value)};
}

std::optional<double> literal(Num a) {
  auto broadcast = a.value.getDefiningOp<mlir::vector::BroadcastOp>();
  llvm::APFloat value(0.0);
  if (!mlir::matchPattern(broadcast ? broadcast.getSource() : a.value,
                          mlir::m_ConstantFloat(&value)))
    return std::nullopt;
  return value.convertToDouble();
}

Num operator+(Num a, NumArg b) { return binary<arith::AddFOp>(a, b); }
Num operator-(Num a, NumArg b) { return binary<arith::SubFOp>(a, b); }
Num operator*(Num a, NumArg b) { return binary<arith::MulFOp>(a, b); }
Num operator/(Num a, NumArg b) { return binary<arith::DivFOp>(a, b); }
Num operator-(double a, Num b) { return constantLike(b, a) - b; }
Num operator/(double a, Num b) { return constantLike(b, a) / b; }
Num operator-(Num a) { return unary<arith::NegFOp>(a); }

Num fma(Num a, NumArg b, NumArg c) {
  const Scope& scope = *a.scope;
  return {&scope,
          mlir::math::FmaOp::create(scope.builder, scope.loc, a.value, b.beside(a), c.beside(a))};
}

Num sqrt(Num a) { return unary<mlir::math::SqrtOp>(a); }
Num floor(Num a) { return unary<mlir::math::FloorOp>(a); }
Num abs(Num a) { return unary<mlir::math::AbsFOp>(a); }
Num copysign(Num a, Num b) { return binary<mlir::math::CopySignOp>(a, NumArg(b)); }

static Mask compare(arith::CmpFPredicate predicate, Num a, NumArg b) {
  const Scope& scope = *a.scope;
  return {&scope, arith::CmpFOp::create(scope.builder, scope.loc, predicate, a.value, b.beside(a))};
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

static Num selectValues(Mask which, mlir::Value a, mlir::Value b) {
  const Scope& scope = *which.scope;
  return {&scope, arith::SelectOp::create(scope.builder, scope.loc, which.value, a, b)};
}

Num select(Mask which, Num a, NumArg b) { return selectValues(which, a.value, b.beside(a)); }
Num select(Mask which, double a, Num b) {
  return selectValues(which, constantLike(b, a).value, b.value);
}

Num widen(Num a) {
  const Scope& scope = *a.scope;
  mlir::Type type = scope.laned(scope.builder.getF64Type());
  return {&scope, scope.builder.createOrFold<arith::ExtFOp>(scope.loc, type, a.value)};
}

Num narrow(Num a) {
  const Scope& scope = *a.scope;
  mlir::Type type = scope.laned(scope.builder.getF32Type());
  return {&scope, arith::TruncFOp::create(scope.builder, scope.loc, type, a.value)};
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
                                        b.beside(a))};
}

static mlir::Value bitcast(const Scope& scope, mlir::Value value, mlir::Type element) {
  return arith::BitcastOp::create(scope.builder, scope.loc, scope.laned(element), value);
}

static unsigned widthOf(mlir::Value value) {
  return mlir::getElementTypeOrSelf(value).getIntOrFloatBitWidth();
}

Int bits(Num a) {
  return {a.scope, bitcast(*a.scope, a.value, a.scope->builder.getIntegerType(widthOf(a.value)))};
}
Num number(Int a) {
  mlir::OpBuilder& builder = a.scope->builder;
  const bool wide = widthOf(a.value) == 64;
  return {a.scope, bitcast(*a.scope, a.value,
                           wide ? mlir::Type(builder.getF64Type()) : builder.getF32Type())};
}

static const Format& formatOf(mlir::Value value) {
  static constexpr Format wide{52,
                               1023,
                               0x1.8p52,
                               0x1p-1022,
                               -746,
                               710,
                               0x1.71547652b82fep+0,
                               kLn2Hi,
                               kLn2Lo,
                               0x1.62e42fefa3800p-1,
                               0x1.ef35793c76730p-45};
  static constexpr Format narrow{23,
                                 127,
                                 0x1.8p23,
                                 0x1p-126,
                                 -104,
                                 89,
                                 0x1.715476p+0,
                                 0x1.62e430p-1,
                                 -0x1.05c610p-29,
                                 0x1.62e4p-1,
                                 0x1.7f7d1cp-20};
  return widthOf(value) == 64 ? wide : narrow;
}
const Format& formatOf(Num a) { return formatOf(a.value); }
const Format& formatOf(Int a) { return formatOf(a.value); }

Num exponent(Num a) {
  return number((bits(a) >> 52) | std::bit_cast<int64_t>(0x1p52)) - (0x1p52 + 1023);
}

// Both numbers' last place is 1, so n is the difference of their bits.
Num ldexp(Num y, Num counted) {
  const Scope& scope = *y.scope;
  Int zero = bits(constantLike(y, formatOf(y).counting()));
  Int n = bits(counted) - zero;
  auto call = mlir::LLVM::CallIntrinsicOp::create(scope.builder, scope.loc, y.value.getType(),
                                                  scope.builder.getStringAttr("llvm.ldexp"),
                                                  mlir::ValueRange{y.value, n.value});
  return {&scope, call.getResult(0)};
}

// The sum with 1.5 * 2^52 has n in its low bits.
Num wholePowerOfTwo(Num n) {
  return number((bits(n + 0x1.8p52) << 52) + std::bit_cast<int64_t>(1.0));
}

llvm::SmallVector<Num>
repeat(Num count, llvm::ArrayRef<Num> state,
       llvm::function_ref<llvm::SmallVector<Num>(llvm::ArrayRef<Num>)> body) {
  const Scope& scope = *count.scope;
  mlir::OpBuilder& builder = scope.builder;
  const Scope one{builder, scope.loc, nullptr};
  mlir::Value most = (bits(count + 0x1p52) - std::bit_cast<int64_t>(0x1p52)).value;
  if (scope.shape)
    most = mlir::vector::ReductionOp::create(builder, scope.loc, mlir::vector::CombiningKind::MAXSI,
                                             most);
  const auto values = [](llvm::ArrayRef<Num> nums) {
    return llvm::map_to_vector(nums, [](Num num) { return num.value; });
  };
  const auto nums = [&scope](mlir::ValueRange values) {
    return llvm::map_to_vector(values, [&](mlir::Value value) { return Num{&scope, value}; });
  };
  auto loop = mlir::scf::ForOp::create(builder, scope.loc, one.constant(int64_t(0)), most,
                                       one.constant(int64_t(1)), values(state));
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(loop.getBody());
  const llvm::SmallVector<Num> carried = nums(loop.getRegionIterArgs());
  mlir::scf::YieldOp::create(builder, scope.loc, values(body(carried)));
  return nums(loop.getResults());
}

static Num estrin(Num x, llvm::ArrayRef<double> c) {
  llvm::SmallVector<Num> terms;
  for (size_t i = 0; i + 1 < c.size(); i += 2)
    terms.push_back(fma(x, c[i + 1], c[i]));
  if (c.size() % 2)
    terms.push_back(constantLike(x, c.back()));
  for (Num power = x; terms.size() > 1;) {
    power = power * power;
    size_t half = terms.size() / 2, odd = terms.size() % 2;
    for (size_t i = 0; i < half; ++i)
      terms[i] = fma(terms[2 * i + 1], power, terms[2 * i]);
    if (odd)
      terms[half] = terms.back();
    terms.truncate(half + odd);
  }
  return terms.front();
}

Num polynomial(Num x, llvm::ArrayRef<double> c) {
  size_t leading = std::min<size_t>(3, c.size() - 1);
  Num sum = estrin(x, c.drop_front(leading));
  for (size_t i = leading; i-- > 0;)
    sum = fma(sum, x, c[i]);
  return sum;
}

mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, UnaryExpansion wide,
                   UnaryExpansion narrow) {
  Scope scope{builder, loc, mlir::dyn_cast<mlir::VectorType>(x.getType())};
  bool isNarrow = mlir::getElementTypeOrSelf(x.getType()).isF32();
  return (isNarrow ? narrow : wide)({&scope, x}).value;
}

mlir::Value expand(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value x, mlir::Value y,
                   BinaryExpansion wide, BinaryExpansion narrow) {
  Scope scope{builder, loc, mlir::dyn_cast<mlir::VectorType>(x.getType())};
  bool isNarrow = mlir::getElementTypeOrSelf(x.getType()).isF32();
  return (isNarrow ? narrow : wide)({&scope, x}, {&scope, y}).value;
}

} // namespace diptych::codegen::math
