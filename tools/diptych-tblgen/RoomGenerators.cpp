// What the rooms need from the table: rules, lowerings, the test suite's rows, the docs page.
#include "Generators.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TableGen/Error.h"

using llvm::raw_ostream;
using llvm::StringRef;

namespace diptych::tblgen {

// A missing definition of what is declared here fails at link time, by name.
void genRuleDecls(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen.\n";
  for (const OperatorRecord& op : operators) {
    if (op.derivative == "Pointwise")
      os << "struct " << op.code << "Partials : RuleContext { Partials rule() const; };\n";
    if (op.derivative == "Linear" || op.derivative == "Bilinear")
      os << "struct " << op.code << "Transpose : RuleContext { Cotangents rule() const; };\n";
    if (op.derivative == "Custom")
      os << "struct " << op.code << "Vjp : RuleContext { Cotangents rule() const; };\n"
         << "struct " << op.code << "Jvp : RuleContext { Value rule() const; };\n";
  }
}

void genRuleTable(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen: {partials, cotangents, tangent, "
        "batching}.\n";
  for (const OperatorRecord& op : operators) {
    std::string partials = "nullptr", cotangents = "nullptr", tangent = "nullptr";
    if (op.derivative == "Pointwise")
      partials = "&run<" + op.code + "Partials>";
    if (op.derivative == "Linear" || op.derivative == "Bilinear")
      cotangents = "&run<" + op.code + "Transpose>";
    if (op.derivative == "Custom") {
      cotangents = "&run<" + op.code + "Vjp>";
      tangent = "&run<" + op.code + "Jvp>";
    }
    // Operators of one shape law are batched alike; what has no operands is never batched.
    std::string batching = "&batching::" + (op.batching.empty() ? op.typeRule : op.batching);
    if (op.family == "Pointwise")
      batching = "&batching::pointwise";
    if (op.family == "Creation")
      batching = "nullptr";
    os << "{" << partials << ", " << cotangents << ", " << tangent << ", " << batching << "}, // "
       << op.code << "\n";
  }
}

void genLoweringDecls(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen.\n";
  for (const OperatorRecord& op : operators)
    if (op.family == "Pointwise")
      os << "mlir::Value lower" << op.code
         << "(ScalarBuilder& b, llvm::ArrayRef<mlir::Value> operands);\n";
}

void genLoweringTable(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen.\n";
  for (const OperatorRecord& op : operators)
    os << (op.family == "Pointwise" ? "&lower" + op.code : std::string("nullptr")) << ",\n";
}

void genLibraryDecls(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen.\n";
  for (const OperatorRecord& op : operators)
    if (op.family == "Library")
      os << "LibraryCall library" << op.code << "(const LibraryProblem& p);\n";
}

void genLibraryTable(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen.\n";
  for (const OperatorRecord& op : operators)
    os << (op.family == "Library" ? "&library" + op.code : std::string("nullptr")) << ",\n";
}

void genSuite(const Operators& operators, raw_ostream& os) {
  os << "// Generated from ir/Ops.td by diptych-tblgen: one row for each operator and dtype.\n";
  for (const OperatorRecord& op : operators)
    for (const std::string& dtype : op.dtypes)
      os << "DIPTYCH_SUITE_ROW(" << op.code << ", " << dtype << ")\n";
  os << "#undef DIPTYCH_SUITE_ROW\n";
}

namespace {
// Largest errors by operator, "0.51 (f32), 0.52 (f64)", from the file that diptych-accuracy wrote.
llvm::cl::opt<std::string> accuracyFile("accuracy",
                                        llvm::cl::desc("table of errors for -gen-docs"));

using Errors = llvm::StringMap<std::string>;

std::string errorText(StringRef ulp) {
  double value = 0;
  ulp.getAsDouble(value);
  return value == 0 ? "exact" : value <= 0.5 ? "0.5 ulp" : (ulp + " ulp").str();
}

Errors readErrors() {
  Errors errors;
  if (accuracyFile.empty())
    return errors;
  auto buffer = llvm::MemoryBuffer::getFile(accuracyFile);
  if (!buffer)
    llvm::PrintFatalError("cannot read " + accuracyFile);
  for (llvm::line_iterator line(**buffer, true, '#'); !line.is_at_end(); ++line) {
    llvm::SmallVector<StringRef> fields;
    line->split(fields, ' ', -1, false);
    if (fields.size() != 6)
      llvm::PrintFatalError(accuracyFile + ": expected six fields in " + *line);
    std::string& text = errors[fields[0]];
    text += (text.empty() ? "" : "; ") + fields[1].str() + " " + errorText(fields[2]);
    double ulp = 0;
    if (!fields[2].getAsDouble(ulp) && ulp > 0.5)
      text += " at " + fields[3].str() + (fields[4] == "0x0p+0" ? "" : ", " + fields[4].str());
  }
  return errors;
}
} // namespace

static void genDocsEntry(const OperatorRecord& op, const Errors& errors, raw_ostream& os) {
  os << "### " << op.mnemonic << "\n\n" << op.summary << ".\n";
  if (!op.description.empty())
    os << "\n" << op.description << "\n";
  os << "\n| operands | attributes | dtypes | derivative |\n|---|---|---|---|\n| "
     << llvm::join(op.operands, ", ") << (op.variadic ? ", ..." : "") << " | "
     << llvm::join(op.attributes, ", ") << " | " << llvm::join(op.dtypes, ", ") << " | "
     << op.derivative << (op.reason.empty() ? "" : ": " + op.reason) << " |\n\n";
  if (!op.convention.empty())
    os << "Convention: " << op.convention << ".\n\n";
  if (const auto found = errors.find(op.mnemonic); found != errors.end())
    os << "Largest error measured: " << found->second << ".\n\n";
}

void genDocs(const Operators& operators, raw_ostream& os) {
  os << "# Operators\n\nGenerated from `ir/Ops.td`; `./dev docs` writes it anew. Pointwise "
        "operands "
        "have equal shapes in the IR; the DSL broadcasts as NumPy does.\n\n"
        "Errors are in units in the last place (ulp) of the exact result, the largest among 2^24 "
        "arguments over the whole range (fewer for slow references), in f32 among all 2^32 for "
        "elementary functions of one variable, denormals included, against MPFR: `./dev accuracy` "
        "measures them, and a test measures samples. Below 0 lgamma, "
        "digamma and polygamma are differences that vanish between the poles; there errors are in "
        "ulp of what cancels (1 + |lgamma(-x)|; 1 + log(1 - x) or |pi cot(pi x)|; the sizes of the "
        "terms), so near such a zero they are larger relative to the result. polygamma was "
        "measured "
        "for x > -200.\n\n";
  const Errors errors = readErrors();
  std::string family;
  for (const OperatorRecord& op : operators) {
    if (op.family != family)
      os << "## " << (family = op.family) << "\n\n";
    genDocsEntry(op, errors, os);
  }
}

} // namespace diptych::tblgen
