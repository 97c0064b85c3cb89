// Makes the groups of FusionGroups.cpp visible as diptych.fusion operations.
#include "passes/FusionGroups.h"
#include "passes/Passes.h"

#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/IR/IRMapping.h"

namespace diptych::passes {

#define GEN_PASS_DEF_FORMFUSIONS
#include "passes/Passes.h.inc"

using namespace mlir;

// The canonical order reduces one axis at a time, innermost first.
static void splitReductions(Block& block) {
  for (Operation& op : llvm::make_early_inc_range(block)) {
    std::optional<OpCode> code = ir::opCodeOf(&op);
    if (!code || !info(*code).isReduction())
      continue;
    Attrs attrs = ir::attrsOf(&op);
    if (attrs.axes.size() == 1)
      continue;
    std::sort(attrs.axes.begin(), attrs.axes.end(), std::greater<>());
    OpBuilder builder(&op);
    Value value = op.getOperand(0);
    for (int64_t axis : attrs.axes) {
      Attrs single;
      single.axes = {axis};
      value = ir::createOp(builder, op.getLoc(), *code, value, single)->getResult(0);
    }
    op.getResult(0).replaceAllUsesWith(value);
    op.erase();
  }
}

static llvm::SetVector<Value> capturesOf(const FusionGroup& group) {
  llvm::SetVector<Value> captures;
  for (Operation* member : group.members)
    for (Value operand : member->getOperands())
      if (Operation* source = operand.getDefiningOp(); !source || !group.members.contains(source))
        captures.insert(operand);
  return captures;
}

// Clones the members into a fusion at the last one's place; the originals lose their uses.
static void build(const FusionGroup& group) {
  llvm::SetVector<Value> captures = capturesOf(group);
  Operation* last = group.members.back();
  OpBuilder builder(last);
  SmallVector<Type> results;
  for (Operation* stored : group.stored)
    results.push_back(stored->getResult(0).getType());
  auto fusion =
      ir::FusionOp::create(builder, last->getLoc(), results, captures.getArrayRef(),
                           builder.getStringAttr(group.reduction ? "reduction" : "pointwise"));
  Block& body = fusion.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value capture : captures)
    mapping.map(capture, body.addArgument(capture.getType(), capture.getLoc()));
  builder.setInsertionPointToEnd(&body);
  for (Operation* member : group.members)
    builder.clone(*member, mapping);
  SmallVector<Value> yielded;
  for (Operation* stored : group.stored)
    yielded.push_back(mapping.lookup(stored->getResult(0)));
  ir::YieldOp::create(builder, last->getLoc(), yielded);
  for (auto [stored, result] : llvm::zip(group.stored, fusion.getResults()))
    stored->getResult(0).replaceAllUsesWith(result);
}

// Operators of a body form kernels of their own: none reaches over the edge of a loop.
static void fuse(Block& block) {
  for (Operation& op : block)
    if (ir::isControl(&op))
      for (Region& region : op.getRegions())
        fuse(region.front());
  splitReductions(block);
  for (auto& group : groupOperators(block))
    build(*group);
}

void formFusions(func::FuncOp function) {
  eraseBarriers(function);
  widenHalves(function); // where nobody has: an axis at a time, sums would round at each
  fuse(function.getBody().front());
  // Order first: liveness goes from the end of a block to its beginning.
  function.walk([](Operation* op) {
    for (Region& region : op->getRegions())
      if (!isa<ir::FusionOp>(op) && !sortTopologically(&region.front()))
        throw Error("internal: fused kernels depend on each other in a circle");
  });
  eraseDeadOperations(function);
}

namespace {
struct FormFusions : impl::FormFusionsBase<FormFusions> {
  void runOnOperation() override { formFusions(getOperation()); }
};
} // namespace

} // namespace diptych::passes
