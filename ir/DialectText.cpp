// The guard in front of MLIR's parser. Its bytecode is refused: made-up bytes crash MLIR's reader
// of it, while its parser of text stands them.
#include "ir/DialectText.h"

#include "ir/Dialect.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

namespace diptych::ir {

namespace {

/// The first error while it lives.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext& context)
      : handler_(&context, [this](mlir::Diagnostic& diagnostic) {
          if (text_.empty() && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
            text_ = diagnostic.str();
          return mlir::success();
        }) {}
  const std::string& text() const { return text_; }

private:
  std::string text_;
  mlir::ScopedDiagnosticHandler handler_;
};

// Far more than a program needs, far less than MLIR's recursive parser takes.
constexpr int kDeepest = 256;

/// Line of the bracket that is nested too deep, or 0. Strings and comments hold no brackets; '<' is
/// not counted where it can't be told from an arrow or a comparison, so types count by their own.
size_t tooDeep(llvm::StringRef text) {
  int depth = 0, angles = 0;
  size_t line = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
    } else if (c == '/' && text.substr(i).starts_with("//")) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '"') {
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        i += text[i] == '\\';
      line += i < text.size() && text[i] == '\n';
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      depth = std::max(depth - 1, 0);
    } else if (c == '<') {
      ++angles;
    } else if (c == '>' && (i == 0 || text[i - 1] != '-')) {
      angles = std::max(angles - 1, 0);
    }
    if (depth > kDeepest || angles > kDeepest)
      return line;
  }
  return 0;
}

} // namespace

std::string textOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, mlir::OpPrintingFlags().printGenericOpForm().enableDebugInfo());
  return text;
}

mlir::OwningOpRef<mlir::ModuleOp> parseText(llvm::SourceMgr& sources, mlir::MLIRContext& context) {
  const llvm::MemoryBuffer* buffer = sources.getMemoryBuffer(sources.getMainFileID());
  if (mlir::isBytecode(*buffer))
    throw Error("expected textual IR, got MLIR bytecode; print it as text, as diptych-opt does "
                "by default");
  if (const size_t line = tooDeep(buffer->getBuffer()))
    throw Error("expected brackets nested at most " + std::to_string(kDeepest) +
                " deep, got more in line " + std::to_string(line));
  return mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
}

mlir::OwningOpRef<mlir::ModuleOp> parseText(std::string_view text, mlir::MLIRContext& context) {
  const FirstError error(context);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBufferCopy({text.data(), text.size()}, "program"), llvm::SMLoc());
  auto module = parseText(sources, context);
  if (!module)
    throw Error(error.text().empty() ? "no valid textual IR" : error.text());
  return module;
}

} // namespace diptych::ir
