// The one place that knows StableHLO's names and spellings. Most operators have a counterpart of
// their own; a few are written with several.
#include "passes/StableHlo.h"

#include "ir/Dialect.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <map>

namespace diptych::passes {

namespace {

using mlir::Operation;

/// Operators that differ in nothing but their name.
constexpr std::pair<OpCode, const char*> kSame[] = {
    {OpCode::Neg, "negate"},
    {OpCode::Add, "add"},
    {OpCode::Sub, "subtract"},
    {OpCode::Mul, "multiply"},
    {OpCode::Div, "divide"},
    {OpCode::Pow, "power"},
    {OpCode::Fmod, "remainder"},
    {OpCode::Maximum, "maximum"},
    {OpCode::Minimum, "minimum"},
    {OpCode::Exp, "exponential"},
    {OpCode::Expm1, "exponential_minus_one"},
    {OpCode::Log, "log"},
    {OpCode::Log1p, "log_plus_one"},
    {OpCode::Sqrt, "sqrt"},
    {OpCode::Rsqrt, "rsqrt"},
    {OpCode::Cbrt, "cbrt"},
    {OpCode::Tanh, "tanh"},
    {OpCode::Sigmoid, "logistic"},
    {OpCode::Sin, "sine"},
    {OpCode::Cos, "cosine"},
    {OpCode::Tan, "tan"},
    {OpCode::Atan2, "atan2"},
    {OpCode::Abs, "abs"},
    {OpCode::Sign, "sign"},
    {OpCode::Floor, "floor"},
    {OpCode::Ceil, "ceil"},
    {OpCode::Round, "round_nearest_even"},
    {OpCode::LogicalAnd, "and"},
    {OpCode::LogicalOr, "or"},
    {OpCode::LogicalXor, "xor"},
    {OpCode::LogicalNot, "not"},
};

constexpr std::pair<OpCode, const char*> kDirections[] = {{OpCode::Eq, "EQ"}, {OpCode::Ne, "NE"},
                                                          {OpCode::Lt, "LT"}, {OpCode::Le, "LE"},
                                                          {OpCode::Gt, "GT"}, {OpCode::Ge, "GE"}};

template <class Table> const char* nameIn(const Table& table, OpCode code) {
  for (const auto& [own, name] : table)
    if (own == code)
      return name;
  return nullptr;
}

std::string text(mlir::Type type) {
  std::string result;
  llvm::raw_string_ostream(result) << type;
  return result;
}

template <class List> std::string listOf(const List& list) {
  std::string result = "[";
  for (int64_t number : list)
    result += (result.size() > 1 ? ", " : "") + std::to_string(number);
  return result + "]";
}

std::string counted(int64_t from, int64_t count) {
  llvm::SmallVector<int64_t> list;
  for (int64_t i = 0; i < count; ++i)
    list.push_back(from + i);
  return listOf(list);
}

mlir::RankedTensorType withShape(mlir::Type type, llvm::ArrayRef<int64_t> shape) {
  return mlir::RankedTensorType::get(shape, mlir::getElementTypeOrSelf(type));
}

class Writer {
public:
  Writer(mlir::func::FuncOp function, llvm::ArrayRef<mlir::DenseElementsAttr> last)
      : function_(function), last_(last) {}

  std::string write() {
    const size_t given = function_.getNumArguments() - last_.size();
    std::string head = "module @diptych {\n  func.func public @main(";
    for (auto [i, argument] : llvm::enumerate(function_.getArguments())) {
      names_[argument] = "%arg" + std::to_string(i);
      if (i < given)
        head += (i ? ", " : "") + names_[argument] + ": " + text(argument.getType());
      else
        names_[argument] = constant(last_[i - given]);
    }
    for (Operation& op : function_.getBody().front().without_terminator())
      if (!writeStructure(&op))
        writeOperator(&op, ir::opCodeOf(&op));
    auto results = function_.getBody().front().getTerminator()->getOperands();
    head += ") -> (";
    for (auto [i, result] : llvm::enumerate(results))
      head += (i ? ", " : "") + text(result.getType());
    body_ += "    return";
    for (auto [i, result] : llvm::enumerate(results))
      body_ += (i ? ", " : " ") + names_.at(result);
    for (auto [i, result] : llvm::enumerate(results))
      body_ += (i ? ", " : " : ") + text(result.getType());
    return head + ") {\n" + body_ + "\n  }\n}\n";
  }

private:
  [[noreturn]] void refuse(Operation* op) const {
    const std::string name = op->getName().getStringRef().str();
    const SourceLocation where = ir::sourceLocationOf(op->getLoc());
    const std::string what = "stablehlo: expected operators that StableHLO has, got " + name +
                             "; leave it out of what is exported, or write it with others";
    if (where.known())
      throw Error(where, what);
    throw Error(what);
  }

  /// Writes "%n = <line>" and gives the name.
  std::string line(const std::string& operation) {
    std::string name = "%" + std::to_string(next_++);
    body_ += "    " + name + " = stablehlo." + operation + "\n";
    return name;
  }

  std::string constant(mlir::ElementsAttr value) {
    std::string elements;
    llvm::raw_string_ostream(elements) << value; // "dense<...> : type"
    return line("constant " + elements);
  }
  std::string splat(mlir::Type type, const Scalar& value) {
    return constant(ir::splatAttr(ir::tensorTypeOf(type), value, function_.getContext()));
  }
  std::string number(mlir::Type type, const Scalar& value) {
    return splat(withShape(type, {}), value);
  }

  std::string unary(const char* name, const std::string& x, mlir::Type type) {
    return line(std::string(name) + " " + x + " : " + text(type));
  }
  std::string binary(const char* name, const std::string& x, const std::string& y,
                     mlir::Type type) {
    return line(std::string(name) + " " + x + ", " + y + " : " + text(type));
  }
  std::string reshaped(const std::string& x, mlir::Type from, mlir::Type to) {
    return line("reshape " + x + " : (" + text(from) + ") -> " + text(to));
  }

  const std::string& operand(Operation* op, unsigned index) const {
    return names_.at(op->getOperand(index));
  }
  /// ", "-joined, and "(types) -> type".
  std::string operands(Operation* op) const {
    std::string list;
    for (mlir::Value value : op->getOperands())
      list += (list.empty() ? "" : ", ") + names_.at(value);
    return list;
  }
  static std::string signature(Operation* op) {
    std::string list;
    for (mlir::Type type : op->getOperandTypes())
      list += (list.empty() ? "" : ", ") + text(type);
    return "(" + list + ") -> " + text(op->getResult(0).getType());
  }

  /// Operations of the dialect around operators.
  bool writeStructure(Operation* op) {
    if (llvm::isa<ir::BarrierOp>(op)) {
      names_[op->getResult(0)] =
          unary("optimization_barrier", operand(op, 0), op->getResult(0).getType());
      return true;
    }
    if (ir::opCodeOf(op))
      return false;
    refuse(op);
  }

  void writeOperator(Operation* op, std::optional<OpCode> code) {
    const mlir::Type type = op->getResult(0).getType();
    std::string& name = names_[op->getResult(0)];
    if (const char* same = nameIn(kSame, *code)) {
      name = line(std::string(same) + " " + operands(op) + " : " + text(type));
      return;
    }
    if (const char* direction = nameIn(kDirections, *code)) {
      name = comparison(op, direction);
      return;
    }
    name = info(*code).isReduction() ? reduction(op, *code) : special(op, *code);
  }

  std::string comparison(Operation* op, const char* direction) {
    const mlir::Type element = mlir::getElementTypeOrSelf(op->getOperand(0).getType());
    const char* kind = llvm::isa<mlir::FloatType>(element) ? "FLOAT"
                       : element.isInteger(1)              ? "UNSIGNED"
                                                           : "SIGNED";
    return line(std::string("compare ") + direction + ", " + operands(op) + ", " + kind + " : " +
                signature(op));
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

  std::string reduction(Operation* op, OpCode code) {
    const OpCode combiner = info(code).combiner;
    const mlir::Type type = op->getResult(0).getType();
    const std::string init = number(type, castTo(ir::tensorTypeOf(type).dtype,
                                                 neutral(combiner, ir::tensorTypeOf(type).dtype)));
    return line("reduce(" + operand(op, 0) + " init: " + init + ") applies stablehlo." +
                nameIn(kSame, combiner) + " across dimensions = " + listOf(ir::attrsOf(op).axes) +
                " : (" + text(op->getOperand(0).getType()) + ", " + text(withShape(type, {})) +
                ") -> " + text(type));
  }

  /// What has a syntax of its own.
  std::string special(Operation* op, OpCode code) {
    const mlir::Type type = op->getResult(0).getType();
    const Attrs attrs = ir::attrsOf(op);
    const auto lined = [&](const std::string& name, const std::string& options) {
      return line(name + " " + operands(op) + options + " : " + signature(op));
    };
    switch (code) {
    case OpCode::Constant: return constant(llvm::cast<ir::ConstantOp>(op).getValue());
    case OpCode::Iota: return line("iota dim = " + std::to_string(attrs.axis) + " : " + text(type));
    case OpCode::StopGradient: return operand(op, 0);
    case OpCode::Convert: return lined("convert", "");
    case OpCode::Reshape: return lined("reshape", "");
    case OpCode::Broadcast: return lined("broadcast_in_dim", ", dims = " + listOf(attrs.axes));
    case OpCode::Transpose: return lined("transpose", ", dims = " + listOf(attrs.axes));
    case OpCode::Concatenate: return lined("concatenate", ", dim = " + std::to_string(attrs.axis));
    case OpCode::Reverse:
      return line("reverse " + operand(op, 0) + ", dims = " + listOf(attrs.axes) + " : " +
                  text(type));
    case OpCode::Where:
      return line("select " + operands(op) + " : " + text(op->getOperand(0).getType()) + ", " +
                  text(type));
    case OpCode::Slice: return slice(op, attrs);
    case OpCode::Pad: return pad(op, attrs);
    case OpCode::Matmul: return matmul(op);
    case OpCode::Convolution: return convolution(op, attrs);
    case OpCode::Gather: return gather(op, attrs);
    case OpCode::Relu: return binary("maximum", operand(op, 0), splat(type, Scalar(0.0)), type);
    case OpCode::Atan: return binary("atan2", operand(op, 0), splat(type, Scalar(1.0)), type);
    case OpCode::Softplus: return softplus(op, type);
    default: refuse(op);
    }
  }

  // log(1 + exp(-|x|)) + max(x, 0): no overflow.
  std::string softplus(Operation* op, mlir::Type type) {
    const std::string& x = operand(op, 0);
    const std::string tail =
        unary("log_plus_one",
              unary("exponential", unary("negate", unary("abs", x, type), type), type), type);
    return binary("add", tail, binary("maximum", x, splat(type, Scalar(0.0)), type), type);
  }

  std::string slice(Operation* op, const Attrs& attrs) {
    std::string ranges;
    for (int i = 0; i < attrs.starts.size(); ++i) {
      ranges +=
          (i ? ", " : "") + std::to_string(attrs.starts[i]) + ":" + std::to_string(attrs.limits[i]);
      if (attrs.strides[i] != 1)
        ranges += ":" + std::to_string(attrs.strides[i]);
    }
    return line("slice " + operand(op, 0) + " [" + ranges + "] : " + signature(op));
  }

  std::string pad(Operation* op, const Attrs& attrs) {
    const mlir::Type type = op->getResult(0).getType(), element = withShape(type, {});
    const std::string value = number(type, castTo(ir::tensorTypeOf(type).dtype, attrs.value));
    return line("pad " + operand(op, 0) + ", " + value + ", low = " + listOf(attrs.low) +
                ", high = " + listOf(attrs.high) + ", interior = " + listOf(attrs.interior) +
                " : (" + text(op->getOperand(0).getType()) + ", " + text(element) + ") -> " +
                text(type));
  }

  // [..., m, k] x [..., k, n]
  std::string matmul(Operation* op) {
    const int64_t batch =
        llvm::cast<mlir::RankedTensorType>(op->getResult(0).getType()).getRank() - 2;
    const std::string axes = counted(0, batch);
    return line("dot_general " + operands(op) +
                (batch ? ", batching_dims = " + axes + " x " + axes : "") +
                ", contracting_dims = [" + std::to_string(batch + 1) + "] x [" +
                std::to_string(batch) + "] : " + signature(op));
  }

  // [n, g, c, l...] x [g, o, c, k...] -> [n, g, o, p...]: there, groups are parts of the channels.
  std::string convolution(Operation* op, const Attrs& attrs) {
    const auto merged = [&](mlir::Type type, int at) {
      const auto shape = llvm::cast<mlir::RankedTensorType>(type).getShape();
      llvm::SmallVector<int64_t> result(shape);
      result[at] *= result[at + 1];
      result.erase(result.begin() + at + 1);
      return withShape(type, result);
    };
    const mlir::Type x = op->getOperand(0).getType(), w = op->getOperand(1).getType(),
                     y = op->getResult(0).getType();
    const std::string image = reshaped(operand(op, 0), x, merged(x, 1));
    const std::string kernel = reshaped(operand(op, 1), w, merged(w, 0));
    std::string spatial, padding;
    for (int i = 0; i < attrs.strides.size(); ++i) {
      spatial += ", " + std::to_string(i);
      padding += i ? ", [0, 0]" : "[0, 0]";
    }
    const std::string result = line(
        llvm::formatv("convolution({0}, {1}) dim_numbers = [b, f{2}]x[o, i{2}]->[b, f{2}], window "
                      "= {{stride = {3}, pad = [{4}], "
                      "rhs_dilate = {5}} {{batch_group_count = 1 : i64, feature_group_count = {6} "
                      ": i64} : ({7}, {8}) -> {9}",
                      image, kernel, spatial, listOf(attrs.strides), padding,
                      listOf(attrs.dilations), llvm::cast<mlir::RankedTensorType>(x).getDimSize(1),
                      text(merged(x, 1)), text(merged(w, 0)), text(merged(y, 1))));
    return reshaped(result, merged(y, 1), y);
  }

  // Rows of x along an axis: the indices' axes stand where that axis was.
  std::string gather(Operation* op, const Attrs& attrs) {
    const auto x = llvm::cast<mlir::RankedTensorType>(op->getOperand(0).getType());
    const auto indices = llvm::cast<mlir::RankedTensorType>(op->getOperand(1).getType());
    llvm::SmallVector<int64_t> offsets, sizes(x.getShape());
    sizes[attrs.axis] = 1;
    for (int64_t i = 0; i < x.getRank(); ++i)
      if (i != attrs.axis)
        offsets.push_back(i < attrs.axis ? i : i - 1 + indices.getRank());
    const std::string list = listOf(sizes);
    return named("\"stablehlo.gather\"(" + operands(op) +
                 ") <{dimension_numbers = #stablehlo.gather<offset_dims = " + listOf(offsets) +
                 ", collapsed_slice_dims = [" + std::to_string(attrs.axis) +
                 "], start_index_map = [" + std::to_string(attrs.axis) +
                 "], index_vector_dim = " + std::to_string(indices.getRank()) +
                 ">, indices_are_sorted = false, slice_sizes = array<i64: " +
                 list.substr(1, list.size() - 2) + ">}> : " + signature(op));
  }

  /// As line(), for the generic syntax.
  std::string named(const std::string& operation) {
    std::string name = "%" + std::to_string(next_++);
    body_ += "    " + name + " = " + operation + "\n";
    return name;
  }

  mlir::func::FuncOp function_;
  llvm::ArrayRef<mlir::DenseElementsAttr> last_;
  std::map<mlir::Value, std::string, bool (*)(mlir::Value, mlir::Value)> names_{
      [](mlir::Value a, mlir::Value b) { return a.getAsOpaquePointer() < b.getAsOpaquePointer(); }};
  std::string body_;
  int next_ = 0;
};

} // namespace

std::string stableHlo(mlir::func::FuncOp function, llvm::ArrayRef<mlir::DenseElementsAttr> last) {
  return Writer(function, last).write();
}

} // namespace diptych::passes
