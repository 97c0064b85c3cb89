// The bytes decide what a file is; its name does not.
#include "tools/diptych/ReadProgram.h"

#include "frontend/SavedFile.h"
#include "frontend/Trace.h"
#include "ir/DialectBytecode.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/SourceMgr.h"

namespace diptych::cli {

static ReadProgram readSavedProgram(const std::string& path, std::string_view bytes) {
  SavedFile file = unpackSaved(path, bytes);
  ReadProgram program{ir::parseBytecode(file.program, traceContext()), {}, file.numerics};
  for (const Tensor& weight : file.weights)
    program.weights.push_back(weight.value());
  return program;
}

ReadProgram readProgram(const std::string& path) {
  std::string message;
  auto buffer = mlir::openInputFile(path, &message);
  if (!buffer)
    throw Refusal{badInput, message};
  const llvm::StringRef bytes = buffer->getBuffer();
  if (isSavedFile({bytes.data(), bytes.size()}))
    return readSavedProgram(path, {bytes.data(), bytes.size()});
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  const mlir::SourceMgrDiagnosticHandler handler(sources, &traceContext());
  try {
    ReadProgram program{ir::parseText(sources, traceContext()), {}, {}};
    if (!program.module)
      throw Refusal{badInput, path + ": no valid program of the diptych dialect, see above"};
    return program;
  } catch (const Error& error) {
    throw Refusal{badInput, path + ": " + error.what()};
  }
}

} // namespace diptych::cli
