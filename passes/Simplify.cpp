// Folding, merging and dead code. The folds themselves belong to the dialect; algebra that changes
// bits is in SimplifyAlgebra.cpp and is used in standard numerics only.
#include "passes/Passes.h"

#include "passes/SimplifyAlgebra.h"
#include "passes/SimplifyLoops.h"
#include "passes/SumsOfPads.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace diptych::passes {

#define GEN_PASS_DEF_SIMPLIFY
#include "passes/Passes.h.inc"

// What is inside a dead operation goes with it; what is inside another may be dead itself.
static void eraseDeadIn(mlir::Block& block) {
  for (mlir::Operation& op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (mlir::isOpTriviallyDead(&op)) {
      op.erase();
    } else if (ir::isControl(&op)) {
      for (mlir::Region& region : op.getRegions())
        eraseDeadIn(region.front());
    }
  }
}

void eraseDeadOperations(mlir::func::FuncOp function, Carries carries) {
  mlir::Block& block = function.getBody().front();
  eraseDeadIn(block);
  pruneLoops(function, carries);
  eraseDeadIn(block); // what loops no longer take
}

void simplify(mlir::func::FuncOp function, Numerics numerics) {
  mlir::RewritePatternSet patterns(function.getContext());
  if (numerics != Numerics::strict) {
    populateAlgebra(patterns);
    populateReassociation(patterns);
  }
  mlir::GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(mlir::GreedySimplifyRegionLevel::Disabled);
  // Not converging is no failure: what was rewritten is right.
  (void)mlir::applyPatternsGreedily(function, std::move(patterns), config);
  joinPads(function);
  moveInvariants(function);
  mlir::IRRewriter rewriter(function.getContext());
  mlir::DominanceInfo dominance(function);
  mlir::eliminateCommonSubExpressions(rewriter, dominance, function);
  eraseDeadOperations(function);
}

namespace {
struct SimplifyPass : impl::SimplifyBase<SimplifyPass> {
  using SimplifyBase::SimplifyBase;
  void runOnOperation() override { simplify(getOperation(), numerics); }
};
} // namespace

} // namespace diptych::passes
