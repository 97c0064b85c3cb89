// Modules of the dialect in MLIR's bytecode, which says in which version of the dialect it was
// written. Reads text too, with a bound on its nesting. Knows no operator.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

#include <string>
#include <string_view>

namespace diptych::ir {

/// Raised whenever what is written can't be read by the version before: an operator's name, its
/// attributes or their meaning changed. A reader takes its own version and all before.
constexpr uint64_t kDialectVersion = 1;

/// Makes the dialect write and check its version.
void registerBytecode(mlir::DialectRegistry& registry);

std::string bytecodeOf(mlir::ModuleOp module);
/// Throws Error with the reader's or the verifier's reason.
mlir::OwningOpRef<mlir::ModuleOp> parseBytecode(std::string_view bytes, mlir::MLIRContext& context);

/// Parses and verifies the main buffer of `sources`, textual IR; null where it is no valid module,
/// and then the context's diagnostic handler has been told why. Throws Error where brackets are
/// nested deeper than any program needs: MLIR's parser recurses.
mlir::OwningOpRef<mlir::ModuleOp> parseText(llvm::SourceMgr& sources, mlir::MLIRContext& context);

} // namespace diptych::ir
