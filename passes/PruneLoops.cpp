// Liveness through loops: a carry is alive if its result is, or if what is alive depends on it.
#include "passes/SimplifyLoops.h"

namespace diptych::passes {

using namespace mlir;

namespace {

/// A loop or branch: operand offset + i is argument i of each region, result j is value j that the
/// body yields, and result j of a loop follows operand consts + j.
class Pruning {
public:
  Pruning(Operation* op, Carries wish) : op_(op) {
    if (auto scan = dyn_cast<ir::ScanOp>(op)) {
      firstCarry_ = scan.getConsts().size();
      carries_ = scan.getCarry().size();
      kept_ = scan.getKept();
      keepAll_ = wish == Carries::wanted;
    } else if (auto loop = dyn_cast<ir::WhileOp>(op)) {
      firstCarry_ = loop.getConsts().size();
      carries_ = loop.getCarry().size();
    } else {
      offset_ = 1;
    }
    arguments_.assign(op->getNumOperands() - offset_, false);
    for (OpResult result : op->getResults())
      results_.push_back(!result.use_empty());
  }

  /// What stands in place of the operation then.
  Operation* run() {
    findLive();
    const auto isLive = [](bool live) { return live; };
    return llvm::all_of(arguments_, isLive) && llvm::all_of(results_, isLive) ? op_ : rebuild();
  }

private:
  static bool yieldsResults(Region& region) {
    Operation* op = region.getParentOp();
    return !isa<ir::WhileOp>(op) || &region == ir::bodyOf(op);
  }

  void findLive() {
    for (bool grown = true; grown;) {
      grown = false;
      for (Region& region : op_->getRegions())
        markRegion(region);
      // A carry whose result is read stays even where the body ignores it.
      for (size_t j = 0; j < carries_; ++j)
        if (results_[j] != arguments_[firstCarry_ + j])
          grown = results_[j] = arguments_[firstCarry_ + j] = true;
      if (keepAll_ && anyKept())
        for (size_t j = 0; j < kept_; ++j)
          if (results_[j] && !results_[keptAt(j)])
            grown = results_[keptAt(j)] = true;
    }
  }

  // Where the carry number j of every step is kept, if any is.
  size_t keptAt(size_t j) const { return results_.size() - kept_ + j; }
  bool anyKept() const {
    return std::find(results_.begin() + static_cast<std::ptrdiff_t>(keptAt(0)), results_.end(),
                     true) != results_.end();
  }

  void markRegion(Region& region) {
    DenseSet<Value> live;
    Operation* yield = region.front().getTerminator();
    for (OpOperand& operand : yield->getOpOperands())
      if (!yieldsResults(region) || results_[operand.getOperandNumber()])
        live.insert(operand.get());
    for (Operation& op : llvm::reverse(region.front().without_terminator()))
      if (llvm::any_of(op.getResults(), [&](Value result) { return live.contains(result); }))
        live.insert(op.operand_begin(), op.operand_end());
    for (BlockArgument argument : region.getArguments())
      if (live.contains(argument))
        arguments_[argument.getArgNumber()] = true;
  }

  // The same operation on what is alive.
  Operation* rebuild() {
    SmallVector<Value> operands(op_->getOperands().take_front(offset_));
    SmallVector<int32_t> segments;
    const size_t ends[] = {firstCarry_, firstCarry_ + carries_, arguments_.size()};
    size_t i = 0;
    for (size_t end : ends) {
      const size_t before = operands.size();
      for (; i < end; ++i)
        if (arguments_[i])
          operands.push_back(op_->getOperand(offset_ + i));
      segments.push_back(static_cast<int32_t>(operands.size() - before));
    }
    SmallVector<Type> types;
    for (OpResult result : op_->getResults())
      if (results_[result.getResultNumber()])
        types.push_back(result.getType());
    OpBuilder builder(op_);
    OperationState state(op_->getLoc(), op_->getName());
    state.addOperands(operands);
    state.addTypes(types);
    state.addAttributes(llvm::to_vector(op_->getDiscardableAttrs()));
    for (size_t region = 0; region < op_->getNumRegions(); ++region)
      state.addRegion();
    state.propertiesAttr = op_->getPropertiesAsAttribute();
    Operation* made = builder.create(state);
    if (auto scan = dyn_cast<ir::ScanOp>(made)) {
      scan.getProperties().setOperandSegmentSizes(segments);
      setKept(scan);
    } else if (auto loop = dyn_cast<ir::WhileOp>(made)) {
      loop.getProperties().setOperandSegmentSizes(ArrayRef(segments).take_front(2));
    }
    for (auto [from, to] : llvm::zip_equal(op_->getRegions(), made->getRegions())) {
      to.takeBody(from);
      shrink(to);
    }
    size_t next = 0;
    for (OpResult result : op_->getResults())
      if (results_[result.getResultNumber()])
        result.replaceAllUsesWith(made->getResult(next++));
    op_->erase();
    return made;
  }

  // The carries that are kept must be all that are left. (What is kept of a carry is alive only if
  // the carry is.)
  void setKept(ir::ScanOp scan) {
    bool whole = true;
    size_t left = 0;
    for (size_t j = 0; j < kept_; ++j) {
      left += results_[j];
      whole = whole && results_[j] == results_[keptAt(j)];
    }
    scan.setKept(whole ? left : 0);
  }

  void shrink(Region& region) {
    Block& block = region.front();
    if (yieldsResults(region))
      for (size_t j = results_.size(); j-- > 0;)
        if (!results_[j])
          block.getTerminator()->eraseOperand(static_cast<unsigned>(j));
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block)))
      if (isOpTriviallyDead(&op))
        op.erase();
    for (size_t i = arguments_.size(); i-- > 0;)
      if (!arguments_[i])
        block.eraseArgument(static_cast<unsigned>(i));
  }

  Operation* op_;
  unsigned offset_ = 0; // operands before the first argument
  size_t firstCarry_ = 0, carries_ = 0;
  size_t kept_ = 0; // 0 or carries_
  bool keepAll_ = false;
  std::vector<bool> arguments_, results_; // whether they are alive
};

// From the outside and from the end: what nobody takes any more frees what made it.
void prune(Block& block, Carries carries) {
  for (Operation& op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (ir::isControl(&op))
      for (Region& region : Pruning(&op, carries).run()->getRegions())
        prune(region.front(), carries);
}

} // namespace

void pruneLoops(func::FuncOp function, Carries carries) {
  prune(function.getBody().front(), carries);
}

} // namespace diptych::passes
