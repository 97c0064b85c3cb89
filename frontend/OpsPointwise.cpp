// Operands that fit, axes in range, and the pointwise operators on top of them.
#include "frontend/Ops.h"
#include "frontend/TensorImpl.h"

#include <diptych/Factories.h>
#include <diptych/Ops.h>

#include <algorithm>

namespace diptych {

#include "frontend/Ops.cpp.inc"

namespace detail {

void misuse(const char* op, const std::string& expected, const std::string& got,
            const std::string& remedy) {
  throw Error(std::string(op) + ": expected " + expected + ", got " + got + "; " + remedy);
}

// Of the pointwise operators in the table, `where` has the most.
constexpr size_t kMaxOperands = 4;

static DType dtypeOfNumber(const Scalar& number, bool isBoolean) {
  if (isBoolean)
    return DType::boolean;
  return number.isInteger ? DType::i64 : default_dtype();
}

// Eager operators take numbers as they are: one is no operator of its own.
static Value constant(const TensorType& type, const Scalar& number) {
  return emitsEagerly() ? splat(type, castTo(type.dtype, number)) : emitted::constant(type, number);
}

Value valueOf(const Arg& arg) {
  if (arg.tensor())
    return arg.tensor()->value();
  return constant({dtypeOfNumber(arg.number(), arg.isBoolean()), {}}, arg.number());
}

Tensor tensorOf(const Arg& arg) { return arg.tensor() ? *arg.tensor() : Tensor(valueOf(arg)); }

DType commonDType(const char* op, std::span<const Arg* const> args) {
  const Value* first = nullptr;
  for (const Arg* arg : args) {
    if (!arg->tensor())
      continue;
    const Value& value = arg->tensor()->value();
    if (!first)
      first = &value;
    else if (value.dtype() != first->dtype())
      misuse(op, "operands of one dtype", first->type().str() + " and " + value.type().str(),
             std::string("convert one, as in x.astype(") + name(first->dtype()) + ")");
  }
  if (first)
    return first->dtype();
  DType dtype = dtypeOfNumber(args[0]->number(), args[0]->isBoolean());
  for (const Arg* arg : args)
    if (!arg->number().isInteger)
      dtype = default_dtype();
  return dtype;
}

Shape commonShape(const char* op, std::span<const Shape> shapes) {
  Shape common;
  for (const Shape& shape : shapes) {
    while (common.size() < shape.size())
      common.insert(0, 1);
    for (int i = 0; i < shape.size(); ++i) {
      int64_t& extent = common[common.size() - shape.size() + i];
      if (extent != shape[i] && extent != 1 && shape[i] != 1) {
        std::string all;
        for (const Shape& each : shapes)
          all += (all.empty() ? "" : " and ") + each.str();
        misuse(op, "shapes that broadcast (equal or 1, aligned at the last axis)", all,
               "reshape one, or add an axis with unsqueeze");
      }
      extent = extent == 1 ? shape[i] : extent;
    }
  }
  return common;
}

Value broadcastTo(const char* op, const Value& x, const Shape& shape) {
  if (x.shape() == shape)
    return x;
  const int offset = shape.size() - x.rank();
  Shape kept;
  Dims axes;
  for (int i = 0; i < x.rank(); ++i) {
    const int64_t extent = x.shape()[i];
    const bool fits = offset + i >= 0 && (extent == shape[offset + i] || extent == 1);
    if (!fits)
      misuse(op, "a tensor that broadcasts to " + shape.str(), x.type().str(),
             "extents are equal or 1, aligned at the last axis");
    if (extent != shape[offset + i])
      continue;
    kept.push_back(extent);
    axes.push_back(offset + i);
  }
  return emitted::broadcast(emitted::reshape(x, kept), shape, axes);
}

int64_t axisOf(const char* op, int64_t axis, int rank) {
  const int64_t counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank)
    misuse(op,
           rank == 0 ? std::string("a tensor with axes")
                     : "an axis from " + std::to_string(-rank) + " to " + std::to_string(rank - 1),
           rank == 0 ? "rank 0 and axis " + std::to_string(axis) : std::to_string(axis),
           "a tensor of rank " + std::to_string(rank) + " has " + std::to_string(rank) + " axes");
  return counted;
}

Dims axesOf(const char* op, const Axes& axes, int rank) {
  Dims result;
  if (axes.all())
    for (int i = 0; i < rank; ++i)
      result.push_back(i);
  for (int64_t axis : axes.list()) {
    const int64_t counted = axisOf(op, axis, rank);
    if (result.contains(counted))
      misuse(op, "every axis once", axes.list().str(), "name each axis a single time");
    result.push_back(counted);
  }
  std::sort(result.begin(), result.end());
  return result;
}

Shape keptShape(const Shape& shape, const Dims& axes) {
  Shape kept = shape;
  for (int64_t axis : axes)
    kept[axis] = 1;
  return kept;
}

void requireFloat(const char* op, const Value& x) {
  if (!isFloat(x.dtype()))
    misuse(op, "f32, f64, bf16 or f16", x.type().str(), "convert it with astype(f64)");
}

Tensor widened(const Tensor& x) { return isHalf(x.dtype()) ? x.astype(DType::f32) : x; }

// One dtype and no broadcasting: what most calls in a program look like.
static bool alreadyFits(std::span<const Arg* const> args) {
  for (const Arg* arg : args)
    if (!arg->tensor() || !(arg->tensor()->type() == args[0]->tensor()->type()))
      return false;
  return true;
}

// The tensors' common shape, which numbers take too.
static Shape shapeOf(const char* op, std::span<const Arg* const> args) {
  std::array<Shape, kMaxOperands> shapes;
  size_t count = 0;
  for (const Arg* arg : args)
    if (arg->tensor() && (count == 0 || arg->tensor()->shape() != shapes[count - 1]))
      shapes[count++] = arg->tensor()->shape();
  return count == 1 ? shapes[0] : commonShape(op, {shapes.data(), count});
}

static Tensor emitPointwise(const OpInfo& op, std::span<const Arg* const> args) {
  std::array<Value, kMaxOperands> values;
  const std::span<Value> operands(values.data(), args.size());
  if (alreadyFits(args)) {
    for (size_t i = 0; i < args.size(); ++i)
      operands[i] = args[i]->tensor()->value();
    return wrap(currentEmitter().emit(op.code, operands, emitted::kNoAttrs));
  }
  // The condition of `where` has a dtype of its own.
  const size_t own = op.code == OpCode::Where ? 1 : 0;
  const DType dtype = commonDType(op.name, args.subspan(own));
  const Shape shape = shapeOf(op.name, args);
  for (size_t i = 0; i < args.size(); ++i) {
    const Arg& arg = *args[i];
    const DType wanted = i < own ? dtypeOfNumber(arg.number(), arg.isBoolean()) : dtype;
    operands[i] = arg.tensor() ? broadcastTo(op.name, arg.tensor()->value(), shape)
                               : constant({wanted, shape}, arg.number());
  }
  return wrap(currentEmitter().emit(op.code, operands, emitted::kNoAttrs));
}

Tensor pointwise(OpCode code, std::initializer_list<std::reference_wrapper<const Arg>> args) {
  std::array<const Arg*, kMaxOperands> pointers{};
  size_t count = 0;
  for (const Arg& arg : args)
    pointers.at(count++) = &arg;
  return located(pointers[0]->where(), [&] {
    return emitPointwise(info(code), std::span<const Arg* const>(pointers.data(), count));
  });
}

} // namespace detail
} // namespace diptych
