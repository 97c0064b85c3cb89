// A program as StableHLO: the frame, blocks, and which operator becomes what. Most have a
// counterpart of their own; the others are written with several operations.
#include "passes/StableHlo.h"

#include "passes/StableHloWriter.h"

namespace diptych::passes {

namespace hlo {

using mlir::Operation;

// Operators that differ in nothing but their name.
static constexpr std::pair<OpCode, const char*> kSame[] = {
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

// Of CHLO, the dialect of compositions beside StableHLO: "chlo.erf %x : type -> type".
static constexpr std::pair<OpCode, const char*> kComposed[] = {
    {OpCode::Sinh, "sinh"},          {OpCode::Cosh, "cosh"},     {OpCode::Asin, "asin"},
    {OpCode::Acos, "acos"},          {OpCode::Erf, "erf"},       {OpCode::Erfc, "erfc"},
    {OpCode::Erfinv, "erf_inv"},     {OpCode::Lgamma, "lgamma"}, {OpCode::Digamma, "digamma"},
    {OpCode::Polygamma, "polygamma"}};

static constexpr std::pair<OpCode, const char*> kDirections[] = {
    {OpCode::Eq, "EQ"}, {OpCode::Ne, "NE"}, {OpCode::Lt, "LT"},
    {OpCode::Le, "LE"}, {OpCode::Gt, "GT"}, {OpCode::Ge, "GE"}};

template <class Table> static const char* nameIn(const Table& table, OpCode code) {
  for (const auto& [own, name] : table)
    if (own == code)
      return name;
  return nullptr;
}

const char* sameName(OpCode code) { return nameIn(kSame, code); }

std::string Writer::write() {
  const size_t given = function_.getNumArguments() - last_.size();
  std::string head = "module @diptych {\n  func.func public @main(";
  for (auto [i, argument] : llvm::enumerate(function_.getArguments())) {
    const Term own{"%arg" + std::to_string(i), typeOf(argument)};
    if (i < given)
      head += (i ? ", " : "") + own.name + ": " + text(own.type);
    names_[argument] = i < given ? own : constant(last_[i - given]);
  }
  const Terms results = block(function_.getBody().front());
  head += ") -> (";
  body_ += "    return";
  std::string types;
  for (auto [i, result] : llvm::enumerate(results)) {
    head += (i ? ", " : "") + text(result.type);
    body_ += (i ? ", " : " ") + result.name;
    types += (i ? ", " : " : ") + text(result.type);
  }
  return head + ") {\n" + body_ + types + "\n  }\n}\n";
}

void Writer::refuse(Operation* op) const {
  const std::string name = op->getName().getStringRef().str();
  const SourceLocation where = ir::sourceLocationOf(op->getLoc());
  const std::string what = "stablehlo: expected operators that StableHLO has, got " + name +
                           "; leave it out of what is exported, or write it with others";
  if (where.known())
    throw Error(where, what);
  throw Error(what);
}

Terms Writer::block(mlir::Block& block) {
  for (Operation& op : block.without_terminator())
    operation(&op);
  Terms results;
  for (mlir::Value value : block.getTerminator()->getOperands())
    results.push_back(names_.at(value));
  return results;
}

const Term& Writer::operand(Operation* op, unsigned index) const {
  return names_.at(op->getOperand(index));
}

void Writer::operation(Operation* op) {
  if (ir::isControl(op))
    return control(op);
  if (llvm::isa<ir::BarrierOp>(op)) {
    names_[op->getResult(0)] = unary("optimization_barrier", operand(op, 0));
    return;
  }
  const std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code)
    refuse(op);
  Term made = operatorOf(op, *code);
  if (made.type != op->getResult(0).getType())
    throw Error("internal: stablehlo: " + op->getName().getStringRef().str() + " gives " +
                text(made.type));
  names_[op->getResult(0)] = std::move(made);
}

Term Writer::operatorOf(Operation* op, OpCode code) {
  const mlir::RankedTensorType type = typeOf(op->getResult(0));
  const Attrs attrs = ir::attrsOf(op);
  Terms operands;
  for (mlir::Value value : op->getOperands())
    operands.push_back(names_.at(value));
  const auto joined = [&] {
    std::string list;
    for (const Term& term : operands)
      list += (list.empty() ? "" : ", ") + term.name;
    return list;
  };
  if (const char* same = nameIn(kSame, code))
    return line("stablehlo." + std::string(same) + " " + joined() + " : " + text(type), type);
  if (const char* composed = nameIn(kComposed, code)) {
    std::string types;
    for (const Term& term : operands)
      types += (types.empty() ? "" : ", ") + text(term.type);
    return line("chlo." + std::string(composed) + " " + joined() + " : " + types + " -> " +
                    text(type),
                type);
  }
  if (const char* direction = nameIn(kDirections, code))
    return compare(direction, operands[0], operands[1]);
  if (info(code).isReduction())
    return reduce(operands[0], info(code).combiner, Shape64(attrs.axes.begin(), attrs.axes.end()));
  if (std::optional<Term> made = composite(op, code))
    return *made;
  const std::string axis = std::to_string(attrs.axis);
  const std::string axes = listOf(llvm::ArrayRef(attrs.axes.begin(), attrs.axes.end()));
  switch (code) {
  case OpCode::Constant: return constant(llvm::cast<ir::ConstantOp>(op).getValue());
  case OpCode::Iota: return line("stablehlo.iota dim = " + axis + " : " + text(type), type);
  case OpCode::StopGradient: return operands[0];
  case OpCode::Convert: return full("convert", operands, "", type);
  case OpCode::Reshape: return full("reshape", operands, "", type);
  case OpCode::Broadcast: return full("broadcast_in_dim", operands, ", dims = " + axes, type);
  case OpCode::Transpose: return full("transpose", operands, ", dims = " + axes, type);
  case OpCode::Concatenate: return full("concatenate", operands, ", dim = " + axis, type);
  case OpCode::Reverse:
    return line("stablehlo.reverse " + operands[0].name + ", dims = " + axes + " : " + text(type),
                type);
  case OpCode::Where: return select(operands[0], operands[1], operands[2]);
  case OpCode::Slice: return slice(op, attrs);
  case OpCode::Pad:
    return pad(operands[0], attrs.value, Shape64(attrs.low.begin(), attrs.low.end()),
               Shape64(attrs.high.begin(), attrs.high.end()),
               Shape64(attrs.interior.begin(), attrs.interior.end()));
  case OpCode::Windows: return windows(op, attrs);
  case OpCode::OverlapAdd: return overlapAdd(op, attrs);
  case OpCode::Matmul: return matmul(op);
  case OpCode::Convolution: return convolution(op, attrs);
  case OpCode::Gather: return gather(operands[0], operands[1], attrs.axis);
  case OpCode::ScatterAdd:
    return scattered(operands[0], operands[1], operands[2], attrs.axis, "add");
  case OpCode::Scatter: return scatter(op, attrs);
  case OpCode::Argmax: return argReduction(operands[0], attrs.axis, true);
  case OpCode::Argmin: return argReduction(operands[0], attrs.axis, false);
  case OpCode::Cumsum: return cumulativeSum(operands[0], attrs.axis);
  case OpCode::LinearRecurrence: return recurrence(operands[0], operands[1], attrs.axis);
  case OpCode::Argcummax: return argCumulative(operands[0], attrs.axis, true);
  case OpCode::Argcummin: return argCumulative(operands[0], attrs.axis, false);
  case OpCode::Argsort:
    return sorted(operands[0], iota(operands[0].type.getShape(), attrs.axis), attrs.axis,
                  attrs.flag(AttrField::descending))[1];
  case OpCode::RollingArgmax: return rollingExtreme(operands[0], attrs, true);
  case OpCode::RollingArgmin: return rollingExtreme(operands[0], attrs, false);
  case OpCode::RollingRank: return rollingRank(operands[0], attrs);
  case OpCode::RollingArgselect: return rollingSelect(operands[0], operands[1], attrs);
  case OpCode::Searchsorted: return searchsorted(op, attrs);
  case OpCode::Cholesky: return cholesky(operands[0]);
  case OpCode::TriangularSolve: return triangularSolve(op, attrs);
  default: refuse(op);
  }
}

} // namespace hlo

std::string stableHlo(mlir::func::FuncOp function, llvm::ArrayRef<mlir::DenseElementsAttr> last) {
  return hlo::Writer(function, last).write();
}

} // namespace diptych::passes
