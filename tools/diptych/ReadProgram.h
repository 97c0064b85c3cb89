// A program from a file of the user's: textual IR, or a saved function with its weights.
#pragma once

#include "tools/diptych/Commands.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <diptych/diptych.h>

#include <optional>

namespace diptych::cli {

/// The program's or the command's fault, not ours: how the command ends.
struct Refusal {
  ExitCode code;
  std::string message;
};

struct ReadProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Values weights;                   ///< the last arguments of a saved function's @main
  std::optional<Numerics> numerics; ///< that it was saved with
};

/// Reads `path`, or stdin for "-". Diagnostics of the parser and the verifier go to stderr as MLIR
/// words them. Throws Refusal or Error. The caller holds traceMutex() as long as it has the module.
ReadProgram readProgram(const std::string& path);

/// The function of that name; `file` is for the message where there is none. Throws Refusal.
mlir::func::FuncOp findFunction(mlir::ModuleOp module, const std::string& function,
                                const std::string& file);
/// Gives the function the name that JitProgram runs, @main, and drops what it does not need.
void makeMain(mlir::ModuleOp module, mlir::func::FuncOp function);

} // namespace diptych::cli
