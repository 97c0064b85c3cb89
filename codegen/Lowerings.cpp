// One line for each pointwise operator: its scalar meaning in fixed IEEE operations.
#include "codegen/Lowerings.h"

namespace diptych::codegen {

using namespace mlir;
using FloatPredicate = arith::CmpFPredicate;
using IntegerPredicate = arith::CmpIPredicate;

static Value lowerConversion(ScalarBuilder& b, Value x);

LOWERING(Neg) {
  if (ScalarBuilder::isFloatLike(x[0]))
    return b.create<arith::NegFOp>(x[0]);
  return b.create<arith::SubIOp>(b.integer(x[0], 0), x[0]);
}
LOWERING(Add) { return b.arith<arith::AddFOp, arith::AddIOp>(x); }
LOWERING(Sub) { return b.arith<arith::SubFOp, arith::SubIOp>(x); }
LOWERING(Mul) { return b.arith<arith::MulFOp, arith::MulIOp>(x); }
LOWERING(Div) { return b.create<arith::DivFOp>(x[0], x[1]); }
LOWERING(Pow) { return b.math.pow(x[0], x[1]); }
LOWERING(Fmod) { return b.math.fmod(x[0], x[1]); }
LOWERING(Maximum) { return b.arith<arith::MaximumFOp, arith::MaxSIOp>(x); }
LOWERING(Minimum) { return b.arith<arith::MinimumFOp, arith::MinSIOp>(x); }

LOWERING(Exp) { return b.math.exp(x[0]); }
LOWERING(Exp2) { return b.math.exp2(x[0]); }
LOWERING(Expm1) { return b.math.expm1(x[0]); }
LOWERING(Log) { return b.math.log(x[0]); }
LOWERING(Log2) { return b.math.log2(x[0]); }
LOWERING(Log10) { return b.math.log10(x[0]); }
LOWERING(Log1p) { return b.math.log1p(x[0]); }
LOWERING(Sqrt) { return b.math.sqrt(x[0]); }
LOWERING(Rsqrt) { return b.math.rsqrt(x[0]); }
LOWERING(Cbrt) { return b.math.cbrt(x[0]); }
LOWERING(Sinh) { return b.math.sinh(x[0]); }
LOWERING(Cosh) { return b.math.cosh(x[0]); }
LOWERING(Tanh) { return b.math.tanh(x[0]); }
LOWERING(Sigmoid) { return b.math.sigmoid(x[0]); }
LOWERING(Softplus) { return b.math.softplus(x[0]); }
LOWERING(Sin) { return b.math.sin(x[0]); }
LOWERING(Cos) { return b.math.cos(x[0]); }
LOWERING(Tan) { return b.math.tan(x[0]); }
LOWERING(Asin) { return b.math.asin(x[0]); }
LOWERING(Acos) { return b.math.acos(x[0]); }
LOWERING(Atan) { return b.math.atan(x[0]); }
LOWERING(Atan2) { return b.math.atan2(x[0], x[1]); }
LOWERING(Erf) { return b.math.erf(x[0]); }
LOWERING(Erfc) { return b.math.erfc(x[0]); }
LOWERING(Erfinv) { return b.math.erfinv(x[0]); }
LOWERING(NormalCdf) { return b.math.normalCdf(x[0]); }
LOWERING(Lgamma) { return b.math.lgamma(x[0]); }
LOWERING(Digamma) { return b.math.digamma(x[0]); }
LOWERING(Polygamma) { return b.math.polygamma(x[0], x[1]); }

// The comparison is false on NaN, so NaN takes the side that keeps it.
LOWERING(Relu) {
  Value zero = b.constant(x[0], 0.0);
  return b.select(b.create<arith::CmpFOp>(FloatPredicate::OLE, x[0], zero), zero, x[0]);
}
LOWERING(Abs) {
  if (ScalarBuilder::isFloatLike(x[0]))
    return b.create<math::AbsFOp>(x[0]);
  Value negative = b.create<arith::CmpIOp>(IntegerPredicate::slt, x[0], b.integer(x[0], 0));
  return b.select(negative, b.create<arith::SubIOp>(b.integer(x[0], 0), x[0]), x[0]);
}
// Zeros and NaN fall through unchanged.
LOWERING(Sign) {
  Value zero = b.constant(x[0], 0.0);
  Value positive = b.compare(FloatPredicate::OGT, IntegerPredicate::sgt, x[0], zero);
  Value negative = b.compare(FloatPredicate::OLT, IntegerPredicate::slt, x[0], zero);
  return b.select(positive, b.constant(x[0], 1.0),
                  b.select(negative, b.constant(x[0], -1.0), x[0]));
}
LOWERING(Floor) { return b.create<math::FloorOp>(x[0]); }
LOWERING(Ceil) { return b.create<math::CeilOp>(x[0]); }
LOWERING(Trunc) { return b.create<math::TruncOp>(x[0]); }
LOWERING(Round) { return b.create<math::RoundEvenOp>(x[0]); }

LOWERING(Eq) { return b.compare(FloatPredicate::OEQ, IntegerPredicate::eq, x[0], x[1]); }
LOWERING(Ne) { return b.compare(FloatPredicate::UNE, IntegerPredicate::ne, x[0], x[1]); }
LOWERING(Lt) { return b.compare(FloatPredicate::OLT, IntegerPredicate::slt, x[0], x[1]); }
LOWERING(Le) { return b.compare(FloatPredicate::OLE, IntegerPredicate::sle, x[0], x[1]); }
LOWERING(Gt) { return b.compare(FloatPredicate::OGT, IntegerPredicate::sgt, x[0], x[1]); }
LOWERING(Ge) { return b.compare(FloatPredicate::OGE, IntegerPredicate::sge, x[0], x[1]); }

LOWERING(LogicalAnd) { return b.create<arith::AndIOp>(x[0], x[1]); }
LOWERING(LogicalOr) { return b.create<arith::OrIOp>(x[0], x[1]); }
LOWERING(LogicalXor) { return b.create<arith::XOrIOp>(x[0], x[1]); }
LOWERING(LogicalNot) { return b.create<arith::XOrIOp>(x[0], b.integer(x[0], 1)); }

LOWERING(Where) { return b.select(x[0], x[1], x[2]); }
LOWERING(Convert) { return lowerConversion(b, x[0]); }
LOWERING(StopGradient) { return x[0]; }

// Truncates towards zero and saturates; NaN gives 0. A float out of range must not reach fptosi,
// whose result there is undefined.
static Value floatToInteger(ScalarBuilder& b, Value x, Type type) {
  const unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  const double limit = width == 32 ? 0x1p31 : 0x1p63;
  Value above = b.create<arith::CmpFOp>(FloatPredicate::OGE, x, b.constant(x, limit));
  Value below = b.create<arith::CmpFOp>(FloatPredicate::OLT, x, b.constant(x, -limit));
  Value within = b.create<arith::AndIOp>(
      b.create<arith::CmpFOp>(FloatPredicate::OLT, x, b.constant(x, limit)),
      b.create<arith::CmpFOp>(FloatPredicate::OGE, x, b.constant(x, -limit)));
  Value safe = b.select(within, x, b.constant(x, 0.0));
  Value converted = b.create<arith::FPToSIOp>(type, safe);
  const int64_t most = width == 32 ? INT32_MAX : INT64_MAX;
  Value clipped = b.select(above, b.integer(converted, most), converted);
  return b.select(below, b.integer(converted, -most - 1), clipped);
}

static Type typeLike(Value x, Type element) {
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

// An f64 as an f32 on the same side of every number of fewer digits, so that rounding it again
// rounds once: where it is not exact and even, its odd neighbour towards x.
static Value roundedToOdd(ScalarBuilder& b, Value x) {
  MLIRContext* context = x.getContext();
  Value near = b.create<arith::TruncFOp>(typeLike(x, Float32Type::get(context)), x);
  Value wide = b.create<arith::ExtFOp>(x.getType(), near);
  Value bits = b.create<arith::BitcastOp>(typeLike(x, IntegerType::get(context, 32)), near);
  Value even = b.create<arith::CmpIOp>(
      IntegerPredicate::eq, b.create<arith::AndIOp>(bits, b.integer(bits, 1)), b.integer(bits, 0));
  Value inexact = b.create<arith::CmpFOp>(FloatPredicate::ONE, wide, x);
  Value below = b.create<arith::CmpFOp>(FloatPredicate::OLT, b.create<math::AbsFOp>(wide),
                                        b.create<math::AbsFOp>(x));
  Value step = b.select(below, b.integer(bits, 1), b.integer(bits, -1));
  Value odd = b.create<arith::AddIOp>(bits, step);
  Value moved = b.select(b.create<arith::AndIOp>(even, inexact), odd, bits);
  return b.create<arith::BitcastOp>(near.getType(), moved);
}

// Integers of more digits than f64 keep, on the same side of every number of fewer.
static Value integerToDouble(ScalarBuilder& b, Value x) {
  Type type = typeLike(x, Float64Type::get(x.getContext()));
  if (getElementTypeOrSelf(x.getType()).isInteger(1))
    return b.create<arith::UIToFPOp>(type, x);
  if (getElementTypeOrSelf(x.getType()).isInteger(64)) {
    Value low = b.create<arith::AndIOp>(x, b.integer(x, 0x7ff));
    Value some = b.create<arith::CmpIOp>(IntegerPredicate::ne, low, b.integer(x, 0));
    Value wide = b.create<arith::OrIOp>(b.create<arith::AndIOp>(x, b.integer(x, ~int64_t{0x7ff})),
                                        b.select(some, b.integer(x, 0x800), b.integer(x, 0)));
    // Below 2^52 all digits fit.
    Value small = b.create<arith::CmpIOp>(
        IntegerPredicate::ult, b.create<arith::AddIOp>(x, b.integer(x, int64_t{1} << 52)),
        b.integer(x, int64_t{1} << 53));
    x = b.select(small, x, wide);
  }
  return b.create<arith::SIToFPOp>(type, x);
}

// To bf16 or f16, held in f32: rounded once, whatever it comes from.
static Value roundedToHalf(ScalarBuilder& b, Value x) {
  if (!ScalarBuilder::isFloatLike(x))
    x = integerToDouble(b, x);
  if (getElementTypeOrSelf(x.getType()).isF64())
    x = roundedToOdd(b, x);
  return b.create<arith::ExtFOp>(x.getType(), b.narrowed(x));
}

static Value lowerConversion(ScalarBuilder& b, Value x) {
  if (isHalf(b.result()))
    return roundedToHalf(b, x);
  Type type = b.resultTypeLike(x);
  Type from = getElementTypeOrSelf(x.getType()), to = getElementTypeOrSelf(type);
  if (from == to)
    return x;
  if (b.result() == DType::boolean)
    return b.compare(FloatPredicate::UNE, IntegerPredicate::ne, x, b.constant(x, 0.0));
  const bool fromBoolean = from.isInteger(1);
  if (isa<FloatType>(from)) {
    if (isa<IntegerType>(to))
      return floatToInteger(b, x, type);
    return to.isF64() ? b.create<arith::ExtFOp>(type, x) : b.create<arith::TruncFOp>(type, x);
  }
  if (isa<FloatType>(to))
    return fromBoolean ? b.create<arith::UIToFPOp>(type, x) : b.create<arith::SIToFPOp>(type, x);
  if (from.getIntOrFloatBitWidth() > to.getIntOrFloatBitWidth())
    return b.create<arith::TruncIOp>(type, x);
  return fromBoolean ? b.create<arith::ExtUIOp>(type, x) : b.create<arith::ExtSIOp>(type, x);
}

} // namespace diptych::codegen
