// The bytes decide what a file is; its name does not.
#include "tools/diptych/ReadProgram.h"

#include "frontend/SavedFile.h"
#include "frontend/Trace.h"
#include "ir/DialectText.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/SourceMgr.h"

namespace diptych::cli {

static ReadProgram readSavedProgram(const std::string& path, std::string_view bytes) {
  SavedFile file = unpackSaved(path, bytes);
  ReadProgram program{ir::parseText(file.program, traceContext()), {}, file.numerics};
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

mlir::func::FuncOp findFunction(mlir::ModuleOp module, const std::string& function,
                                const std::string& file) {
  std::string names;
  for (auto other : module.getOps<mlir::func::FuncOp>()) {
    if (other.getName() == function && !other.isExternal())
      return other;
    if (!other.isExternal())
      names += (names.empty() ? "@" : ", @") + other.getName().str();
  }
  throw Refusal{badInput, file + ": expected a function @" + function + " with a " + "body, got " +
                              (names.empty() ? "no function" : names) +
                              (names.empty() ? "" : "; choose one with --function")};
}

/// Leaves what the function needs: others may hold what can't be compiled.
static void keepReachable(mlir::ModuleOp module, mlir::func::FuncOp function) {
  mlir::SymbolTable symbols(module);
  llvm::SmallVector<mlir::Operation*> waiting{function};
  llvm::SmallPtrSet<mlir::Operation*, 8> kept{function.getOperation()};
  while (!waiting.empty())
    if (auto uses = mlir::SymbolTable::getSymbolUses(waiting.pop_back_val()))
      for (const mlir::SymbolTable::SymbolUse& use : *uses)
        if (auto* callee = symbols.lookup(use.getSymbolRef().getRootReference());
            callee && kept.insert(callee).second)
          waiting.push_back(callee);
  for (auto other : llvm::make_early_inc_range(module.getOps<mlir::func::FuncOp>()))
    if (!kept.contains(other))
      other.erase();
}

void makeMain(mlir::ModuleOp module, mlir::func::FuncOp function) {
  keepReachable(module, function);
  function.setPublic();
  if (function.getName() == "main")
    return;
  mlir::SymbolTable symbols(module);
  if (mlir::Operation* other = symbols.lookup("main"))
    if (mlir::failed(symbols.renameToUnique(other, {})))
      throw Error("internal: @main could not be renamed");
  if (mlir::failed(symbols.rename(function, "main")))
    throw Error("internal: the function could not be renamed");
}

} // namespace diptych::cli
