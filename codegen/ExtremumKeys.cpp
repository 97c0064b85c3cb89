// key = bits where the sign is clear, else bits with all but the sign inverted: its own inverse.
#include "codegen/ExtremumKeys.h"

#include "codegen/Lowerings.h"

#include <bit>
#include <limits>

namespace diptych::codegen {

using namespace mlir;

bool foldsKeys(OpCode combiner, DType dtype) {
  return isFloat(dtype) && (combiner == OpCode::Maximum || combiner == OpCode::Minimum);
}

DType keyType(DType dtype) { return dtype == DType::f64 ? DType::i64 : DType::i32; }

static int64_t withSignKept(int64_t bits) { return bits ^ ((bits >> 63) & INT64_MAX); }
static int64_t withSignKept(int32_t bits) { return bits ^ ((bits >> 31) & INT32_MAX); }

/// The key of a double that f32 has too.
static int64_t keyOf(double x, DType dtype) {
  return keyType(dtype) == DType::i64 ? withSignKept(std::bit_cast<int64_t>(x))
                                      : withSignKept(std::bit_cast<int32_t>(static_cast<float>(x)));
}

static Value withSignKept(ScalarBuilder& b, Value bits) {
  const int64_t width = getElementTypeOrSelf(bits.getType()).getIntOrFloatBitWidth();
  Value sign = b.create<arith::ShRSIOp>(bits, b.integer(bits, width - 1));
  const int64_t rest = width == 64 ? INT64_MAX : INT32_MAX;
  return b.create<arith::XOrIOp>(bits, b.create<arith::AndIOp>(sign, b.integer(bits, rest)));
}

static Type withElement(Value like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value keyIdentity(KernelBuilder& k, OpCode combiner, DType dtype, int lanes) {
  const double infinity = std::numeric_limits<double>::infinity();
  Type type = computeType(k.builder().getContext(), keyType(dtype));
  TypedAttr attr = k.builder().getIntegerAttr(
      type, keyOf(combiner == OpCode::Maximum ? -infinity : infinity, dtype));
  if (lanes > 1)
    attr = DenseElementsAttr::get(k.vectorOf(type, lanes), Attribute(attr));
  return arith::ConstantOp::create(k.builder(), k.loc(), attr);
}

static DType floatType(Value x) {
  return getElementTypeOrSelf(x.getType()).isF64() ? DType::f64 : DType::f32;
}

Value orderedBits(KernelBuilder& k, Value x) {
  const DType dtype = keyType(floatType(x));
  ScalarBuilder b(k.builder(), k.loc(), dtype);
  Type type = withElement(x, computeType(k.builder().getContext(), dtype));
  return withSignKept(b, b.create<arith::BitcastOp>(type, x));
}

Value keyOf(KernelBuilder& k, OpCode combiner, Value x) {
  const DType dtype = floatType(x);
  ScalarBuilder b(k.builder(), k.loc(), keyType(dtype));
  Value key = orderedBits(k, x);
  const double nan = std::copysign(std::numeric_limits<double>::quiet_NaN(),
                                   combiner == OpCode::Maximum ? 1.0 : -1.0);
  Value isNan = b.create<arith::CmpFOp>(arith::CmpFPredicate::UNO, x, x);
  return b.select(isNan, b.integer(key, keyOf(nan, dtype)), key);
}

Value numberOfKey(KernelBuilder& k, DType dtype, Value key) {
  ScalarBuilder b(k.builder(), k.loc(), dtype);
  Type type = withElement(key, computeType(k.builder().getContext(), dtype));
  return b.create<arith::BitcastOp>(type, withSignKept(b, key));
}

} // namespace diptych::codegen
