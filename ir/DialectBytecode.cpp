// The dialect's part of MLIR's bytecode, and the guard in front of MLIR's parser.
#include "ir/DialectBytecode.h"

#include "ir/Dialect.h"

#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

namespace diptych::ir {

namespace {

struct Version final : mlir::DialectVersion {
  explicit Version(uint64_t number) : number(number) {}
  uint64_t number;
};

struct BytecodeInterface final : mlir::BytecodeDialectInterface {
  explicit BytecodeInterface(mlir::Dialect* dialect) : BytecodeDialectInterface(dialect) {}

  void writeVersion(mlir::DialectBytecodeWriter& writer) const override {
    writer.writeVarInt(kDialectVersion);
  }

  std::unique_ptr<mlir::DialectVersion>
  readVersion(mlir::DialectBytecodeReader& reader) const override {
    uint64_t number = 0;
    if (mlir::failed(reader.readVarInt(number)))
      return nullptr;
    if (number >= 1 && number <= kDialectVersion)
      return std::make_unique<Version>(number);
    reader.emitError("version ")
        << number << " of the diptych dialect, this library reads 1 to " << kDialectVersion
        << "; load it with the version of Diptych that wrote it, or a later one";
    return nullptr;
  }
};

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

// What MLIR's bytecode has looked like since LLVM 17; later readers promise to read it.
constexpr int64_t kEncoding = 6;

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

void registerBytecode(mlir::DialectRegistry& registry) {
  registry.addExtension(+[](mlir::MLIRContext*, DiptychDialect* dialect) {
    dialect->addInterfaces<BytecodeInterface>();
  });
}

std::string bytecodeOf(mlir::ModuleOp module) {
  mlir::BytecodeWriterConfig config("diptych");
  config.setDesiredBytecodeVersion(kEncoding);
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  if (mlir::failed(mlir::writeBytecodeToFile(module, stream, config)))
    throw Error("internal: the program could not be written as bytecode");
  return bytes;
}

mlir::OwningOpRef<mlir::ModuleOp> parseBytecode(std::string_view bytes,
                                                mlir::MLIRContext& context) {
  const FirstError error(context);
  // A copy is aligned; a part of a file is not.
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy({bytes.data(), bytes.size()}, "program");
  if (!mlir::isBytecode(*buffer))
    throw Error("expected MLIR bytecode, got something else");
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    throw Error(error.text().empty() ? "no valid bytecode" : error.text());
  return module;
}

mlir::OwningOpRef<mlir::ModuleOp> parseText(llvm::SourceMgr& sources, mlir::MLIRContext& context) {
  const llvm::MemoryBuffer* buffer = sources.getMemoryBuffer(sources.getMainFileID());
  if (mlir::isBytecode(*buffer))
    throw Error("expected textual IR, got MLIR bytecode; save it with save_function, which adds "
                "what protects it");
  if (const size_t line = tooDeep(buffer->getBuffer()))
    throw Error("expected brackets nested at most " + std::to_string(kDeepest) +
                " deep, got more in line " + std::to_string(line));
  return mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
}

} // namespace diptych::ir
