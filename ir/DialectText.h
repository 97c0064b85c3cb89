// Modules of the dialect as text, and back, with a bound on nesting. Knows no operator.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

#include <string>
#include <string_view>

namespace diptych::ir {

/// In MLIR's generic form, with source positions: it depends on names and attributes alone.
std::string textOf(mlir::ModuleOp module);

/// Parses and verifies the main buffer of `sources`, textual IR; null where it is no valid module,
/// and then the context's diagnostic handler has been told why. Throws Error where brackets are
/// nested deeper than any program needs: MLIR's parser recurses.
mlir::OwningOpRef<mlir::ModuleOp> parseText(llvm::SourceMgr& sources, mlir::MLIRContext& context);
/// As above; where it is no valid module, the first reason is an Error.
mlir::OwningOpRef<mlir::ModuleOp> parseText(std::string_view text, mlir::MLIRContext& context);

} // namespace diptych::ir
