// Types, constants and the table behind the lowerings.
#include "codegen/Lowerings.h"

#include "mlir/IR/BuiltinAttributes.h"

namespace diptych::codegen {

using namespace mlir;

Type computeType(MLIRContext* context, DType dtype) {
  switch (dtype) {
  case DType::f32:
  case DType::bf16:
  case DType::f16: return Float32Type::get(context);
  case DType::f64: return Float64Type::get(context);
  case DType::i32: return IntegerType::get(context, 32);
  case DType::i64: return IntegerType::get(context, 64);
  case DType::boolean: return IntegerType::get(context, 1);
  }
  throw Error("internal: unknown dtype");
}

Type memoryType(MLIRContext* context, DType dtype) {
  if (dtype == DType::boolean)
    return IntegerType::get(context, 8);
  return isHalf(dtype) ? IntegerType::get(context, 16) : computeType(context, dtype);
}

Type halfType(MLIRContext* context, DType dtype) {
  return dtype == DType::bf16 ? Type(BFloat16Type::get(context)) : Float16Type::get(context);
}

Value narrowed(OpBuilder& builder, Location loc, Value x, DType dtype) {
  Type type = halfType(builder.getContext(), dtype);
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    type = VectorType::get(vector.getShape(), type);
  if (auto widened = x.getDefiningOp<arith::ExtFOp>(); widened && widened.getIn().getType() == type)
    return widened.getIn();
  return arith::TruncFOp::create(builder, loc, type, x);
}

Value ScalarBuilder::compare(arith::CmpFPredicate floats, arith::CmpIPredicate integers, Value x,
                             Value y) {
  if (isFloatLike(x))
    return create<arith::CmpFOp>(floats, x, y);
  // Booleans order false before true; as signed i1, true would be -1.
  const bool boolean = getElementTypeOrSelf(x.getType()).isInteger(1);
  if (boolean && integers >= arith::CmpIPredicate::slt && integers <= arith::CmpIPredicate::sge)
    std::swap(x, y);
  return create<arith::CmpIOp>(integers, x, y);
}

static TypedAttr splatAttr(Type type, TypedAttr element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return DenseElementsAttr::get(vector, Attribute(element));
  return element;
}

Value ScalarBuilder::constant(Value x, double value) {
  Type element = getElementTypeOrSelf(x.getType());
  if (!isa<FloatType>(element))
    return integer(x, static_cast<int64_t>(value));
  return create<arith::ConstantOp>(splatAttr(x.getType(), builder_.getFloatAttr(element, value)));
}

Value ScalarBuilder::integer(Value x, int64_t value) {
  Type element = getElementTypeOrSelf(x.getType());
  const APInt bits(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), true, true);
  return create<arith::ConstantOp>(splatAttr(x.getType(), builder_.getIntegerAttr(element, bits)));
}

Value ScalarBuilder::literal(const Scalar& value) {
  Type type = computeType(builder_.getContext(), result_);
  if (isFloat(result_))
    return create<arith::ConstantOp>(builder_.getFloatAttr(type, value.asDouble()));
  return create<arith::ConstantOp>(builder_.getIntegerAttr(type, value.asInteger()));
}

Type ScalarBuilder::resultTypeLike(Value x) {
  Type element = computeType(builder_.getContext(), result_);
  if (auto vector = dyn_cast<VectorType>(x.getType()))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value lowerPointwise(OpCode code, ScalarBuilder& b, ArrayRef<Value> operands) {
  using Lowering = Value (*)(ScalarBuilder&, ArrayRef<Value>);
  static const Lowering table[] = {
#include "codegen/Lowerings.cpp.inc"
  };
  Lowering lowering = table[static_cast<size_t>(code)];
  if (isHalf(b.result()) && info(code).widensHalves())
    throw Error(std::string("internal: ") + info(code).name + " was not widened to f32");
  if (!lowering)
    throw Error(std::string("internal: ") + info(code).name + " has no pointwise lowering");
  return lowering(b, operands);
}

} // namespace diptych::codegen
