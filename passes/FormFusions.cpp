// Makes the groups of FusionGroups.cpp visible as diptych.fusion operations.
#include "passes/FusionGroups.h"
#include "passes/Passes.h"
#include "passes/TurnScans.h"

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
  auto fusion = ir::FusionOp::create(builder, last->getLoc(), results, captures.getArrayRef(),
                                     builder.getStringAttr(group.reduction ? "reduction"
                                                           : group.scanned ? "scan"
                                                           : group.pieced  ? "pieces"
                                                                           : "pointwise"));
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
static void fuse(Block& block, const FusionOptions& options) {
  for (Operation& op : block)
    if (ir::isControl(&op))
      for (Region& region : op.getRegions())
        fuse(region.front(), options);
  splitReductions(block);
  if (options.scans)
    turnScans(block, options);
  for (auto& group : groupOperators(block, options))
    build(*group);
}

namespace {

/// Operators that stand in front of an operand move behind it, as sweeps over the block would have
/// them that take whatever is ready, until all are taken; but without sweeping, since layer after
/// layer may move.
class Ordering {
public:
  explicit Ordering(Block& block) : block_(block) {
    for (Operation& op : block.without_terminator())
      place_[&op] = {static_cast<int>(place_.size())};
  }

  void run() {
    SmallVector<Operation*> ops;
    for (Operation& op : block_.without_terminator()) {
      findSweep(&op);
      ops.push_back(&op);
    }
    const auto bySweep = [&](Operation* a, Operation* b) {
      return place_.find(a)->second.sweep < place_.find(b)->second.sweep;
    };
    if (llvm::is_sorted(ops, bySweep))
      return;
    llvm::stable_sort(ops, bySweep);
    for (Operation* op : ops)
      op->moveBefore(&block_, block_.getTerminator()->getIterator());
  }

private:
  struct Place {
    int position, sweep = -1;
    bool begun = false;
  };
  struct Visit {
    Operation* op;
    SmallVector<Operation*> sources = {}; // not looked at yet
    int sweep = 0;
  };

  void findSweep(Operation* first) {
    SmallVector<Visit> path;
    for (Operation* next = first; next || !path.empty();) {
      if (next && place_.find(next)->second.sweep < 0)
        path.push_back(begin(next));
      next = nullptr;
      if (path.empty())
        return;
      Visit& last = path.back();
      if (last.sources.empty()) {
        place_.find(last.op)->second.sweep = last.sweep;
        path.pop_back();
        continue;
      }
      const Place& source = place_.find(last.sources.back())->second;
      if (source.sweep < 0) {
        next = last.sources.back();
        continue;
      }
      const bool behind = source.position > place_.find(last.op)->second.position;
      last.sweep = std::max(last.sweep, source.sweep + behind);
      last.sources.pop_back();
    }
  }

  Visit begin(Operation* op) {
    if (std::exchange(place_.find(op)->second.begun, true))
      throw Error("internal: fused kernels depend on each other in a circle");
    Visit visit{op};
    const auto read = [&](Operation* reader) {
      for (Value operand : reader->getOperands())
        if (Operation* source = operand.getDefiningOp())
          if (Operation* other = block_.findAncestorOpInBlock(*source); other && other != op)
            visit.sources.push_back(other);
    };
    if (isa<ir::FusionOp>(op)) // whose body sees its arguments alone
      read(op);
    else
      op->walk(read);
    return visit;
  }

  Block& block_;
  llvm::DenseMap<Operation*, Place> place_;
};

} // namespace

void formFusions(func::FuncOp function, const FusionOptions& options) {
  eraseBarriers(function);
  widenHalves(function); // where nobody has: an axis at a time, sums would round at each
  fuse(function.getBody().front(), options);
  // Order first: liveness goes from the end of a block to its beginning.
  function.walk([](Operation* op) {
    for (Region& region : op->getRegions())
      if (!isa<ir::FusionOp>(op))
        Ordering(region.front()).run();
  });
  eraseDeadOperations(function);
}

namespace {
struct FormFusions : impl::FormFusionsBase<FormFusions> {
  void runOnOperation() override { formFusions(getOperation()); }
};
} // namespace

} // namespace diptych::passes
