// Conversions of bf16 as integer arithmetic, as MLIR has it.
#include "codegen/Translate.h"

#include <diptych/Error.h>

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace diptych::codegen {

static bool hasBfloat(mlir::ModuleOp module) {
  auto is = [](mlir::Type type) { return mlir::getElementTypeOrSelf(type).isBF16(); };
  return module
      .walk([&](mlir::Operation* op) {
        return llvm::any_of(op->getResultTypes(), is) ? mlir::WalkResult::interrupt()
                                                      : mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

void expandBfloat(mlir::ModuleOp module) {
  if (!hasBfloat(module))
    return;
  mlir::RewritePatternSet patterns(module.getContext());
  mlir::arith::populateExpandBFloat16Patterns(patterns);
  if (failed(mlir::applyPatternsGreedily(module, std::move(patterns))))
    throw Error("internal: conversions of bf16 do not expand");
}

} // namespace diptych::codegen
