// Operations of StableHLO as text, by their spellings.
#include "passes/StableHloWriter.h"

#include <cmath>

namespace diptych::passes::hlo {

std::string text(mlir::Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

std::string listOf(llvm::ArrayRef<int64_t> list) {
  std::string result = "[";
  for (int64_t number : list)
    result += (result.size() > 1 ? ", " : "") + std::to_string(number);
  return result + "]";
}

llvm::SmallVector<int64_t> counted(int64_t from, int64_t count) {
  llvm::SmallVector<int64_t> list;
  for (int64_t i = 0; i < count; ++i)
    list.push_back(from + i);
  return list;
}

llvm::SmallVector<int64_t> allBut(int64_t axis, int64_t rank) {
  llvm::SmallVector<int64_t> list = counted(0, rank);
  list.erase(list.begin() + axis);
  return list;
}

Term Writer::line(const std::string& operation, mlir::RankedTensorType type) {
  Term made{fresh(), type};
  body_ += margin_ + made.name + " = " + operation + "\n";
  return made;
}

Term Writer::full(const std::string& name, const Terms& operands, const std::string& options,
                  mlir::RankedTensorType type) {
  std::string names, types;
  for (const Term& term : operands) {
    names += (names.empty() ? "" : ", ") + term.name;
    types += (types.empty() ? "" : ", ") + text(term.type);
  }
  return line("stablehlo." + name + " " + names + options + " : (" + types + ") -> " + text(type),
              type);
}

Terms Writer::withRegions(const std::string& name, const Terms& operands,
                          const std::string& attributes,
                          llvm::ArrayRef<mlir::RankedTensorType> arguments,
                          llvm::ArrayRef<Region> regions,
                          llvm::ArrayRef<mlir::RankedTensorType> results) {
  const std::string made = fresh(), outer = margin_;
  std::string names, types, resultTypes;
  for (const Term& term : operands) {
    names += (names.empty() ? "" : ", ") + term.name;
    types += (types.empty() ? "" : ", ") + text(term.type);
  }
  for (const mlir::RankedTensorType type : results)
    resultTypes += (resultTypes.empty() ? "" : ", ") + text(type);
  body_ += outer + made + (results.size() == 1 ? "" : ":" + std::to_string(results.size())) +
           " = \"stablehlo." + name + "\"(" + names + ")" + attributes + " (";
  for (size_t r = 0; r < regions.size(); ++r) {
    body_ += r ? ", {\n" : "{\n";
    Terms own;
    std::string head;
    for (const mlir::RankedTensorType type : arguments) {
      own.push_back({fresh(), type});
      head += (head.empty() ? "" : ", ") + own.back().name + ": " + text(type);
    }
    if (!own.empty())
      body_ += outer + "^bb0(" + head + "):\n";
    margin_ = outer + "  ";
    std::string returned, returnedTypes;
    for (const Term& term : regions[r](own)) {
      returned += (returned.empty() ? " " : ", ") + term.name;
      returnedTypes += (returnedTypes.empty() ? " : " : ", ") + text(term.type);
    }
    body_ += margin_ + "stablehlo.return" + returned + returnedTypes + "\n" + outer + "}";
    margin_ = outer;
  }
  const bool one = results.size() == 1;
  body_ += ") : (" + types + ") -> " + (one ? resultTypes : "(" + resultTypes + ")") + "\n";
  Terms all;
  for (size_t i = 0; i < results.size(); ++i)
    all.push_back({one ? made : made + "#" + std::to_string(i), results[i]});
  return all;
}

Term Writer::constant(mlir::ElementsAttr value) {
  std::string elements;
  llvm::raw_string_ostream(elements) << value; // "dense<...> : type"
  return line("stablehlo.constant " + elements,
              llvm::cast<mlir::RankedTensorType>(value.getShapedType()));
}

Term Writer::splat(mlir::RankedTensorType type, const Scalar& value) {
  const TensorType own = ir::tensorTypeOf(type);
  return constant(ir::splatAttr(own, castTo(own.dtype, value), function_.getContext()));
}

Term Writer::iota(Shape64 shape, int64_t axis) {
  const mlir::RankedTensorType type = typeWith(i64(), shape);
  return line("stablehlo.iota dim = " + std::to_string(axis) + " : " + text(type), type);
}

Term Writer::unary(const char* name, const Term& x) {
  return line("stablehlo." + std::string(name) + " " + x.name + " : " + text(x.type), x.type);
}

Term Writer::binary(const char* name, const Term& x, const Term& y) {
  return line("stablehlo." + std::string(name) + " " + x.name + ", " + y.name + " : " +
                  text(x.type),
              x.type);
}

Term Writer::compare(const char* direction, const Term& x, const Term& y) {
  const char* kind = x.isFloat() ? "FLOAT" : x.element().isInteger(1) ? "UNSIGNED" : "SIGNED";
  const mlir::RankedTensorType type = typeWith(i1(), x.type.getShape());
  return line("stablehlo.compare " + std::string(direction) + ", " + x.name + ", " + y.name + ", " +
                  kind + " : (" + text(x.type) + ", " + text(y.type) + ") -> " + text(type),
              type);
}

Term Writer::select(const Term& condition, const Term& x, const Term& y) {
  return line("stablehlo.select " + condition.name + ", " + x.name + ", " + y.name + " : " +
                  text(condition.type) + ", " + text(x.type),
              x.type);
}

Term Writer::convert(const Term& x, mlir::Type element) {
  if (x.element() == element)
    return x;
  return full("convert", {x}, "", typeWith(element, x.type.getShape()));
}

Term Writer::reshape(const Term& x, Shape64 shape) {
  return full("reshape", {x}, "", typeWith(x.element(), shape));
}

Term Writer::broadcast(const Term& x, Shape64 dims, Shape64 shape) {
  return full("broadcast_in_dim", {x}, ", dims = " + listOf(dims), typeWith(x.element(), shape));
}

Term Writer::transpose(const Term& x, Shape64 axes) {
  llvm::SmallVector<int64_t> shape;
  for (int64_t axis : axes)
    shape.push_back(x.dim(axis));
  return full("transpose", {x}, ", dims = " + listOf(axes), typeWith(x.element(), shape));
}

Term Writer::slice(const Term& x, Shape64 starts, Shape64 limits, Shape64 strides) {
  std::string ranges;
  llvm::SmallVector<int64_t> shape;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t step = strides.empty() ? 1 : strides[i];
    ranges += (i ? ", " : "") + std::to_string(starts[i]) + ":" + std::to_string(limits[i]);
    if (step != 1)
      ranges += ":" + std::to_string(step);
    shape.push_back((limits[i] - starts[i] + step - 1) / step);
  }
  return full("slice", {x}, " [" + ranges + "]", typeWith(x.element(), shape));
}

Term Writer::pad(const Term& x, const Scalar& value, Shape64 low, Shape64 high, Shape64 interior) {
  llvm::SmallVector<int64_t> shape;
  for (int64_t i = 0; i < x.rank(); ++i)
    shape.push_back(low[i] + x.dim(i) + std::max<int64_t>(0, x.dim(i) - 1) * interior[i] + high[i]);
  return full("pad", {x, number(x.element(), value)},
              ", low = " + listOf(low) + ", high = " + listOf(high) +
                  ", interior = " + listOf(interior),
              typeWith(x.element(), shape));
}

/// The value that a reduction begins with: it changes nothing.
static Scalar neutral(OpCode combiner, DType dtype) {
  const bool isLargest = combiner == OpCode::Minimum;
  if (combiner == OpCode::Add || combiner == OpCode::Mul)
    return Scalar(int64_t{combiner == OpCode::Mul});
  if (isFloat(dtype))
    return Scalar(isLargest ? INFINITY : -INFINITY);
  if (dtype == DType::i32)
    return Scalar(int64_t{isLargest ? INT32_MAX : INT32_MIN});
  return Scalar(isLargest ? INT64_MAX : INT64_MIN);
}

Term Writer::reduce(const Term& x, OpCode combiner, Shape64 axes) {
  llvm::SmallVector<int64_t> shape;
  for (int64_t i = 0; i < x.rank(); ++i)
    if (!llvm::is_contained(axes, i))
      shape.push_back(x.dim(i));
  const Term init = number(x.element(), neutral(combiner, ir::tensorTypeOf(x.type).dtype));
  const mlir::RankedTensorType type = typeWith(x.element(), shape);
  return line("stablehlo.reduce(" + x.name + " init: " + init.name + ") applies stablehlo." +
                  sameName(combiner) + " across dimensions = " + listOf(axes) + " : (" +
                  text(x.type) + ", " + text(init.type) + ") -> " + text(type),
              type);
}

Term Writer::shifted(const Term& x, int64_t axis, int64_t step) {
  llvm::SmallVector<int64_t> none(x.rank(), 0), limits = x.shape(), low(x.rank(), 0);
  limits[axis] -= step;
  low[axis] = step;
  return pad(slice(x, none, limits), Scalar(int64_t{0}), low, none, none);
}

} // namespace diptych::passes::hlo
