// Rules for pointwise operators and creation, and what all rules share.
#include "ir/TypeRules.h"

#include <cmath>
#include <sstream>

namespace diptych {

TensorType inferType(OpCode code, std::span<const TensorType> operands, const Attrs& attrs) {
  const OpInfo& op = info(code);
  const auto expected = static_cast<size_t>(op.operandCount);
  if (op.variadic ? operands.size() < expected : operands.size() != expected)
    typerules::fail(
        op, std::string(op.variadic ? "at least " : "") + std::to_string(expected) + " operand(s)",
        std::to_string(operands.size()), "see the operator page");
  TensorType result = op.typeRule(op, operands, attrs);
  typerules::checkExtents(op, result.shape);
  return result;
}

// std::to_string writes 1e-7 as 0.000000, and 1e300 in full.
static std::string text(double number) {
  std::ostringstream out;
  out << number;
  return out.str();
}

Scalar castTo(DType dtype, Scalar value) {
  if (isFloat(dtype)) {
    const double number = value.asDouble();
    switch (dtype) {
    case DType::f32: return Scalar(static_cast<float>(number));
    case DType::bf16: return Scalar(static_cast<float>(bfloat16(number)));
    case DType::f16: return Scalar(static_cast<float>(float16(number)));
    default: return Scalar(number);
    }
  }
  if (!value.isInteger && value.floating != std::floor(value.floating))
    throw Error(
        "a " + std::string(name(dtype)) + " tensor cannot take the number " + text(value.floating) +
        ": a number does not change a tensor's dtype; convert the tensor with astype first");
  if (!value.isInteger && !(std::abs(value.floating) < 9.2e18))
    throw Error("the number " + text(value.floating) + " does not fit " + name(dtype));
  const int64_t integer = value.asInteger();
  if (dtype == DType::boolean)
    return Scalar(static_cast<int64_t>(integer != 0));
  if (dtype == DType::i32 && integer != static_cast<int32_t>(integer))
    throw Error("the number " + std::to_string(integer) + " does not fit i32");
  return Scalar(integer);
}

namespace typerules {

void fail(const OpInfo& op, const std::string& expected, const std::string& got,
          const std::string& remedy) {
  throw Error(std::string(op.name) + ": expected " + expected + ", got " + got + "; " + remedy);
}

static std::string dtypeList(const OpInfo& op) {
  std::vector<std::string> names;
  for (int i = 0; i < kDTypeCount; ++i)
    if (op.takes(static_cast<DType>(i)))
      names.emplace_back(name(static_cast<DType>(i)));
  std::string text = names[0];
  for (size_t i = 1; i < names.size(); ++i)
    text += (i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
}

void checkDType(const OpInfo& op, const TensorType& type) {
  if (!op.takes(type.dtype))
    fail(op, "an operand of " + dtypeList(op), type.str(), "convert it with astype");
}

// c1: allowed dtype; c2: equal dtypes; c3: equal shapes.
static void checkSame(const OpInfo& op, Types operands) {
  for (const TensorType& type : operands) {
    checkDType(op, type);
    if (type.dtype != operands[0].dtype)
      fail(op, "operands of one dtype", operands[0].str() + " and " + type.str(),
           "convert one with astype");
    if (!(type.shape == operands[0].shape))
      fail(op, "operands of one shape", operands[0].str() + " and " + type.str(),
           "broadcast or reshape one of them");
  }
}

void checkAxes(const OpInfo& op, const Dims& axes, int rank) {
  for (int i = 0; i < axes.size(); ++i) {
    if (axes[i] < 0 || axes[i] >= rank)
      fail(op, "axes within rank " + std::to_string(rank), axes.str(), "count axes from 0");
    for (int j = 0; j < i; ++j)
      if (axes[i] == axes[j])
        fail(op, "axes without repetition", axes.str(), "name each axis once");
  }
}

TensorType sameType(const OpInfo& op, Types operands, const Attrs&) {
  checkSame(op, operands);
  return operands[0];
}

TensorType comparison(const OpInfo& op, Types operands, const Attrs&) {
  checkSame(op, operands);
  return {DType::boolean, operands[0].shape};
}

TensorType where(const OpInfo& op, Types operands, const Attrs&) {
  if (operands[0].dtype != DType::boolean)
    fail(op, "a boolean condition", operands[0].str(), "compare it with something first");
  checkSame(op, operands.subspan(1));
  if (!(operands[0].shape == operands[1].shape))
    fail(op, "a condition of the operands' shape",
         operands[0].shape.str() + " and " + operands[1].shape.str(), "broadcast it");
  return operands[1];
}

TensorType convert(const OpInfo&, Types operands, const Attrs& attrs) {
  return {attrs.dtype, operands[0].shape};
}

void checkExtents(const OpInfo& op, const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(count, extent ? extent : 1, &count) ||
        count > (int64_t{1} << 48))
      fail(op, "extents that are not negative and below 2^48 elements", shape.str(),
           "check the sizes");
}

TensorType creation(const OpInfo& op, Types, const Attrs& attrs) {
  checkExtents(op, attrs.shape);
  if (attrs.literal)
    return attrs.literal->type;
  return {attrs.dtype, attrs.shape};
}

TensorType iota(const OpInfo& op, Types, const Attrs& attrs) {
  checkExtents(op, attrs.shape);
  checkAxes(op, {attrs.axis}, attrs.shape.size());
  if (attrs.dtype == DType::boolean)
    fail(op, "a numeric dtype", "boolean", "use i64");
  return {attrs.dtype, attrs.shape};
}

TensorType reduction(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkDType(op, x);
  checkAxes(op, attrs.axes, x.rank());
  TensorType result{x.dtype, {}};
  for (int i = 0; i < x.rank(); ++i) {
    if (!attrs.axes.contains(i)) {
      result.shape.push_back(x.shape[i]);
      continue;
    }
    const bool hasIdentity = op.combiner == OpCode::Add || op.combiner == OpCode::Mul;
    if (x.shape[i] == 0 && !hasIdentity)
      fail(op, "at least one element along axis " + std::to_string(i), x.str(),
           "an empty set has no such value");
  }
  return result;
}

TensorType argReduction(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType& x = operands[0];
  checkDType(op, x);
  checkAxes(op, {attrs.axis}, x.rank());
  if (x.shape[attrs.axis] == 0)
    fail(op, "at least one element along axis " + std::to_string(attrs.axis), x.str(),
         "an empty set has no such index");
  TensorType result{DType::i64, x.shape};
  result.shape.erase(attrs.axis);
  return result;
}

TensorType argsort(const OpInfo& op, Types operands, const Attrs& attrs) {
  checkDType(op, operands[0]);
  checkAxes(op, {attrs.axis}, operands[0].rank());
  return {DType::i64, operands[0].shape};
}

TensorType cumulative(const OpInfo& op, Types operands, const Attrs& attrs) {
  checkSame(op, operands);
  checkAxes(op, {attrs.axis}, operands[0].rank());
  return operands[0];
}

TensorType argCumulative(const OpInfo& op, Types operands, const Attrs& attrs) {
  return {DType::i64, cumulative(op, operands, attrs).shape};
}

TensorType matmul(const OpInfo& op, Types operands, const Attrs&) {
  const TensorType &x = operands[0], &y = operands[1];
  checkDType(op, x);
  if (x.dtype != y.dtype)
    fail(op, "operands of one dtype", x.str() + " and " + y.str(), "convert one with astype");
  const int rank = x.rank();
  if (rank < 2 || y.rank() != rank)
    fail(op, "two matrices [..., m, k] and [..., k, n] of one rank", x.str() + " and " + y.str(),
         "reshape or broadcast");
  for (int i = 0; i + 2 < rank; ++i)
    if (x.shape[i] != y.shape[i])
      fail(op, "equal batch axes", x.str() + " and " + y.str(), "broadcast one operand");
  if (x.shape[rank - 1] != y.shape[rank - 2])
    fail(op, "equal inner sizes", x.shape.str() + " and " + y.shape.str(),
         "did you mean to transpose one?");
  TensorType result = x;
  result.shape[rank - 1] = y.shape[rank - 1];
  return result;
}

static Shape gatheredShape(const OpInfo& op, const TensorType& x, const TensorType& indices,
                           int64_t axis) {
  checkAxes(op, {axis}, x.rank());
  if (!isInteger(indices.dtype))
    fail(op, "i32 or i64 indices", indices.str(), "convert them with astype");
  Shape shape;
  for (int64_t i = 0; i < axis; ++i)
    shape.push_back(x.shape[i]);
  for (int64_t extent : indices.shape)
    shape.push_back(extent);
  for (int64_t i = axis + 1; i < x.rank(); ++i)
    shape.push_back(x.shape[i]);
  return shape;
}

TensorType gather(const OpInfo& op, Types operands, const Attrs& attrs) {
  return {operands[0].dtype, gatheredShape(op, operands[0], operands[1], attrs.axis)};
}

TensorType scatterAdd(const OpInfo& op, Types operands, const Attrs& attrs) {
  const TensorType &x = operands[0], &updates = operands[2];
  checkDType(op, x);
  const TensorType expected{x.dtype, gatheredShape(op, x, operands[1], attrs.axis)};
  if (!(updates == expected))
    fail(op, "updates of type " + expected.str(), updates.str(),
         "updates have the shape gather(x, indices, axis) has");
  return x;
}

} // namespace typerules
} // namespace diptych
