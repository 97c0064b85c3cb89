// What a fold starts from and how it combines.
#include "codegen/Folds.h"

#include "codegen/Lowerings.h"

#include <cmath>

namespace diptych::codegen {

using namespace mlir;

// Value e with e op x = x for the combiners of the table.
static double identityOf(OpCode combiner) {
  switch (combiner) {
  case OpCode::Add: return 0.0;
  case OpCode::Mul: return 1.0;
  case OpCode::Maximum: return -std::numeric_limits<double>::infinity();
  case OpCode::Minimum: return std::numeric_limits<double>::infinity();
  default: throw Error(std::string("internal: no identity for ") + info(combiner).name);
  }
}

static int64_t integerIdentity(OpCode combiner, DType dtype) {
  const double value = identityOf(combiner);
  if (std::isfinite(value))
    return static_cast<int64_t>(value);
  const bool narrow = dtype == DType::i32;
  if (value < 0)
    return narrow ? INT32_MIN : INT64_MIN;
  return narrow ? INT32_MAX : INT64_MAX;
}

Value foldIdentity(KernelBuilder& k, OpCode combiner, DType dtype, int lanes) {
  Type type = computeType(k.builder().getContext(), dtype);
  TypedAttr attr;
  if (isFloat(dtype))
    attr = k.builder().getFloatAttr(type, identityOf(combiner));
  else
    attr = k.builder().getIntegerAttr(type, integerIdentity(combiner, dtype));
  if (lanes > 1)
    attr = DenseElementsAttr::get(k.vectorOf(type, lanes), Attribute(attr));
  return arith::ConstantOp::create(k.builder(), k.loc(), attr);
}

Value foldCombine(KernelBuilder& k, OpCode combiner, DType dtype, Value x, Value y) {
  ScalarBuilder b(k.builder(), k.loc(), dtype);
  return lowerPointwise(combiner, b, {x, y});
}

} // namespace diptych::codegen
