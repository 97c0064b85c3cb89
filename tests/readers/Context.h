// A context for fuzzing: renewed now and then, since it keeps every type and attribute it has seen.
#pragma once

#include "ir/Dialect.h"

#include "mlir/IR/MLIRContext.h"

namespace diptych::test {

/// To be asked for once an input: what was made in it may not outlive the next call.
inline mlir::MLIRContext& fuzzContext() {
  static std::unique_ptr<mlir::MLIRContext> context;
  static int uses = 0;
  if (uses++ % 2000 == 0) {
    context = std::make_unique<mlir::MLIRContext>(mlir::MLIRContext::Threading::DISABLED);
    ir::loadDialects(*context);
    // Diagnostics are part of refusing; nobody is to read thousands.
    context->getDiagEngine().registerHandler([](mlir::Diagnostic&) { return mlir::success(); });
  }
  return *context;
}

} // namespace diptych::test
