// Folds of pointwise operators. Only rewrites that keep every bit stand here, since strict mode
// uses them too; arithmetic that would make a NaN is left to the machine, whose payload we can't
// know.
#include "ir/Dialect.h"

#include <cmath>

namespace diptych::ir {

namespace {
bool isFloatZero(mlir::Attribute value, bool negative) {
  const auto splat = splatOf(value);
  return splat && !splat->isInteger && splat->floating == 0.0 &&
         std::signbit(splat->floating) == negative;
}
bool isInteger(mlir::Attribute value, int64_t integer) {
  const auto splat = splatOf(value);
  return splat && splat->isInteger && splat->integer == integer;
}
bool isOne(mlir::Attribute value) {
  const auto splat = splatOf(value);
  return splat && (splat->isInteger ? splat->integer == 1 : splat->floating == 1.0);
}

mlir::OpFoldResult splatResult(mlir::Operation* op, const Scalar& value) {
  return splatAttr(tensorTypeOf(op->getResult(0).getType()), value, op->getContext());
}

// One IEEE operation in the operands' own precision, or in f32 and rounded; integers wrap.
template <class Arithmetic>
std::optional<Scalar> evaluate(DType dtype, const Scalar& x, const Scalar& y, Arithmetic apply) {
  if (dtype == DType::f32 || isHalf(dtype)) {
    const float result = apply(static_cast<float>(x.floating), static_cast<float>(y.floating));
    return std::isnan(result) ? std::nullopt : std::optional(castTo(dtype, Scalar(result)));
  }
  if (dtype == DType::f64) {
    const double result = apply(x.floating, y.floating);
    return std::isnan(result) ? std::nullopt : std::optional(Scalar(result));
  }
  return Scalar(static_cast<int64_t>(
      apply(static_cast<uint64_t>(x.integer), static_cast<uint64_t>(y.integer))));
}

template <class Arithmetic>
mlir::OpFoldResult foldSplats(mlir::Operation* op, mlir::Attribute x, mlir::Attribute y,
                              Arithmetic apply) {
  const auto left = splatOf(x), right = splatOf(y);
  if (!left || !right)
    return {};
  const auto result =
      evaluate(tensorTypeOf(op->getResult(0).getType()).dtype, *left, *right, apply);
  return result ? splatResult(op, *result) : mlir::OpFoldResult();
}

// Narrower floats widen to f64 exactly, so one comparison serves both.
template <class Comparison>
mlir::OpFoldResult foldComparison(mlir::Operation* op, mlir::Attribute x, mlir::Attribute y,
                                  Comparison compare) {
  const auto left = splatOf(x), right = splatOf(y);
  if (!left || !right)
    return {};
  return splatResult(op, Scalar(left->isInteger ? compare(left->integer, right->integer)
                                                : compare(left->floating, right->floating)));
}
} // namespace

//===-- Arithmetic ---------------------------------------------------------------------------===//

mlir::OpFoldResult NegOp::fold(FoldAdaptor adaptor) {
  if (auto inner = getX().getDefiningOp<NegOp>())
    return inner.getX();
  return foldSplats(*this, adaptor.getX(), adaptor.getX(), [](auto x, auto) { return -x; });
}

// x + (+0) is no identity: -0 + +0 = +0.
mlir::OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (isFloatZero(adaptor.getY(), /*negative=*/true) || isInteger(adaptor.getY(), 0))
    return getX();
  return foldSplats(*this, adaptor.getX(), adaptor.getY(), [](auto x, auto y) { return x + y; });
}

mlir::OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  if (isFloatZero(adaptor.getY(), /*negative=*/false) || isInteger(adaptor.getY(), 0))
    return getX();
  return foldSplats(*this, adaptor.getX(), adaptor.getY(), [](auto x, auto y) { return x - y; });
}

// x * 0 is no zero for floats: x may be an infinity.
mlir::OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (isOne(adaptor.getY()))
    return getX();
  if (isInteger(adaptor.getY(), 0))
    return adaptor.getY();
  return foldSplats(*this, adaptor.getX(), adaptor.getY(), [](auto x, auto y) { return x * y; });
}

mlir::OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  if (isOne(adaptor.getY()))
    return getX();
  const auto left = splatOf(adaptor.getX()), right = splatOf(adaptor.getY());
  if (!left || !right || left->isInteger || right->floating == 0.0)
    return {};
  return foldSplats(*this, adaptor.getX(), adaptor.getY(),
                    [](auto x, auto y) { return y == 0 ? x : x / y; });
}

//===-- Comparison and logic -----------------------------------------------------------------===//

#define COMPARISON(OP, EXPRESSION)                                                                 \
  mlir::OpFoldResult OP::fold(FoldAdaptor adaptor) {                                               \
    return foldComparison(*this, adaptor.getX(), adaptor.getY(),                                   \
                          [](auto x, auto y) { return EXPRESSION; });                              \
  }
COMPARISON(EqOp, x == y)
COMPARISON(NeOp, x != y)
COMPARISON(LtOp, x < y)
COMPARISON(LeOp, x <= y)
COMPARISON(GtOp, x > y)
COMPARISON(GeOp, x >= y)
#undef COMPARISON

namespace {
struct Sides {
  mlir::Value x, y;
  mlir::Attribute constantX, constantY;
};

// The side that `neutral` leaves as it is, if one side is that constant.
mlir::OpFoldResult withoutNeutral(const Sides& sides, int64_t neutral) {
  if (isInteger(sides.constantY, neutral))
    return sides.x;
  if (isInteger(sides.constantX, neutral))
    return sides.y;
  return {};
}

// `and` and `or`: a neutral element, its opposite decides, equal sides are the result.
mlir::OpFoldResult foldLattice(const Sides& sides, int64_t neutral) {
  if (sides.x == sides.y)
    return sides.x;
  if (isInteger(sides.constantY, 1 - neutral))
    return sides.constantY;
  if (isInteger(sides.constantX, 1 - neutral))
    return sides.constantX;
  return withoutNeutral(sides, neutral);
}
} // namespace

mlir::OpFoldResult LogicalAndOp::fold(FoldAdaptor adaptor) {
  return foldLattice({getX(), getY(), adaptor.getX(), adaptor.getY()}, 1);
}

mlir::OpFoldResult LogicalOrOp::fold(FoldAdaptor adaptor) {
  return foldLattice({getX(), getY(), adaptor.getX(), adaptor.getY()}, 0);
}

mlir::OpFoldResult LogicalXorOp::fold(FoldAdaptor adaptor) {
  if (const auto kept = withoutNeutral({getX(), getY(), adaptor.getX(), adaptor.getY()}, 0))
    return kept;
  return foldComparison(*this, adaptor.getX(), adaptor.getY(),
                        [](auto x, auto y) { return x != y; });
}

mlir::OpFoldResult LogicalNotOp::fold(FoldAdaptor adaptor) {
  if (auto inner = getX().getDefiningOp<LogicalNotOp>())
    return inner.getX();
  return foldComparison(*this, adaptor.getX(), adaptor.getX(), [](auto x, auto) { return x == 0; });
}

//===-- Selection and conversion -------------------------------------------------------------===//

mlir::OpFoldResult WhereOp::fold(FoldAdaptor adaptor) {
  if (getX() == getY())
    return getX();
  if (isInteger(adaptor.getCondition(), 1))
    return getX();
  if (isInteger(adaptor.getCondition(), 0))
    return getY();
  return {};
}

// None where the number changes; what it becomes then is the kernel's to say.
static std::optional<Scalar> convertedExactly(const Scalar& value, DType to) {
  if (to == DType::boolean)
    return Scalar(value.isInteger ? value.integer != 0 : value.floating != 0.0);
  if (isFloat(to)) {
    const double number = value.asDouble();
    if (value.isInteger &&
        (std::abs(number) > 9.0e18 || static_cast<int64_t>(number) != value.integer))
      return std::nullopt;
    if (std::isnan(number) || castTo(to, Scalar(number)).floating != number)
      return std::nullopt;
    return Scalar(number);
  }
  if (!value.isInteger &&
      !(std::abs(value.floating) < 9.0e18 && std::floor(value.floating) == value.floating))
    return std::nullopt;
  const int64_t integer = value.asInteger();
  if (to == DType::i32 && integer != static_cast<int32_t>(integer))
    return std::nullopt;
  return Scalar(integer);
}

mlir::OpFoldResult ConvertOp::fold(FoldAdaptor adaptor) {
  if (getX().getType() == getType())
    return getX();
  const auto splat = splatOf(adaptor.getX());
  if (!splat)
    return {};
  const auto converted = convertedExactly(*splat, tensorTypeOf(getType()).dtype);
  return converted ? splatResult(*this, *converted) : mlir::OpFoldResult();
}

} // namespace diptych::ir
