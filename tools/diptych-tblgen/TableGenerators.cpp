// OpCode enumerators, the rows of the table, and the functions that rules and users call.
#include "Generators.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

using llvm::raw_ostream;

namespace diptych::tblgen {

static void banner(raw_ostream& os) { os << "// Generated from ir/Ops.td by diptych-tblgen.\n"; }

static std::string quoted(const std::string& text) {
  std::string out;
  llvm::raw_string_ostream stream(out);
  stream << '"';
  stream.write_escaped(text);
  stream << '"';
  return out;
}

void genOpCodes(const Operators& operators, raw_ostream& os) {
  banner(os);
  for (const OperatorRecord& op : operators)
    os << "DIPTYCH_OPCODE(" << op.code << ")\n";
  os << "#undef DIPTYCH_OPCODE\n";
}

static void genRow(const OperatorRecord& op, raw_ostream& os) {
  const char* all[] = {"f32", "f64", "i32", "i64", "boolean", "bf16", "f16"};
  int mask = 0;
  for (size_t i = 0; i < std::size(all); ++i)
    for (const std::string& dtype : op.dtypes)
      mask |= (dtype == all[i]) << i;
  std::string low = op.domain.empty() ? "-2.0" : llvm::formatv("{0}", op.domain[0]).str();
  std::string high = op.domain.empty() ? "2.0" : llvm::formatv("{0}", op.domain[1]).str();
  os << "{OpCode::" << op.code << ", " << quoted(op.mnemonic) << ", Family::" << op.family
     << ", DerivativeKind::" << op.derivative << ", " << op.operands.size() << ", "
     << (op.variadic ? "true" : "false") << ", " << mask << ", "
     << (op.attributes.empty() ? std::string("{}") : "attributesOf" + op.code)
     << ", OpCode::" << (op.combiner.empty() ? op.code : op.combiner) << ", " << op.cost << ", "
     << low << ", " << high << ",\n  " << quoted(op.summary) << ",\n  " << quoted(op.convention)
     << ", " << quoted(op.reason) << ", &typerules::" << op.typeRule << "},\n";
}

void genOpTable(const Operators& operators, raw_ostream& os) {
  banner(os);
  os << "#ifdef DIPTYCH_OPTABLE_ATTRIBUTES\n";
  for (const OperatorRecord& op : operators) {
    if (op.attributes.empty())
      continue;
    os << "constexpr AttrField attributesOf" << op.code << "[] = {";
    for (const std::string& attribute : op.attributes)
      os << "AttrField::" << attribute << ", ";
    os << "};\n";
  }
  os << "#endif\n#ifdef DIPTYCH_OPTABLE_ROWS\n";
  for (const OperatorRecord& op : operators)
    genRow(op, os);
  os << "#endif\n";
}

static std::string parameters(const OperatorRecord& op, const char* type) {
  std::string text;
  for (const std::string& operand : op.operands)
    text += (text.empty() ? "" : ", ") + std::string(type) + " " + operand;
  return text;
}

static std::string arguments(const OperatorRecord& op) { return llvm::join(op.operands, ", "); }

void genEmitted(const Operators& operators, raw_ostream& os) {
  banner(os);
  for (const OperatorRecord& op : operators)
    if (op.family == "Pointwise" && op.attributes.empty() && op.code != "Convert")
      os << "inline Value " << op.mnemonic << "(" << parameters(op, "const Value&")
         << ") { return emit(OpCode::" << op.code << ", {" << arguments(op) << "}); }\n";
}

static bool hasDslFunction(const OperatorRecord& op) {
  return op.family == "Pointwise" && !op.dslName.empty();
}

void genDslDecls(const Operators& operators, raw_ostream& os) {
  banner(os);
  for (const OperatorRecord& op : operators)
    if (hasDslFunction(op))
      os << "/// " << op.summary
         << ".\n/// Operands broadcast; dtypes: " << llvm::join(op.dtypes, ", ") << "."
         << (op.convention.empty() ? "" : "\n/// Convention: " + op.convention + ".") << "\nTensor "
         << op.dslName << "(" << parameters(op, "const Arg&") << ");\n";
}

void genDslDefs(const Operators& operators, raw_ostream& os) {
  banner(os);
  for (const OperatorRecord& op : operators)
    if (hasDslFunction(op))
      os << "Tensor " << op.dslName << "(" << parameters(op, "const Arg&")
         << ") { return detail::pointwise(OpCode::" << op.code << ", {" << arguments(op)
         << "}); }\n";
}

} // namespace diptych::tblgen
