// What is the same in every step. Costly work on consts moves in front of the loop; constants, and
// values that are repeated for every step, move into it, where they cost no memory. A carry that
// never changes becomes a const.
#include "passes/SimplifyLoops.h"

#include "mlir/IR/IRMapping.h"

namespace diptych::passes {

using namespace mlir;

namespace {

// Pointwise work dearer than this an element is worth a load.
constexpr int kCheap = 4;

SmallVector<Region*> regionsOf(Operation* op) {
  SmallVector<Region*> regions;
  for (Region& region : op->getRegions())
    regions.push_back(&region);
  return regions;
}

size_t constsOf(Operation* op) {
  if (auto scan = dyn_cast<ir::ScanOp>(op))
    return scan.getConsts().size();
  return cast<ir::WhileOp>(op).getConsts().size();
}

// A new last const: its argument in each region.
void addConst(Operation* op, Value value, SmallVectorImpl<Value>& arguments) {
  const auto at = static_cast<unsigned>(constsOf(op));
  for (Region* region : regionsOf(op))
    arguments.push_back(region->insertArgument(at, value.getType(), value.getLoc()));
  if (auto scan = dyn_cast<ir::ScanOp>(op))
    scan.getConstsMutable().append(value);
  else
    cast<ir::WhileOp>(op).getConstsMutable().append(value);
}

//===-- Into the loop ------------------------------------------------------------------------===//

void cloneConstant(Operation* op, unsigned argument, const Scalar& value) {
  for (Region* region : regionsOf(op)) {
    BlockArgument inside = region->getArgument(argument);
    if (inside.use_empty())
      continue;
    OpBuilder builder(&region->front(), region->front().begin());
    const TensorType type = ir::tensorTypeOf(inside.getType());
    Attrs attrs;
    attrs.shape = type.shape;
    attrs.dtype = type.dtype;
    attrs.value = value;
    inside.replaceAllUsesWith(
        ir::createOp(builder, op->getLoc(), OpCode::Constant, {}, attrs)->getResult(0));
  }
}

// xs that repeat one value for every step: the value is a const, the rest of the broadcast is the
// body's.
void takeBroadcast(ir::ScanOp scan, unsigned operand) {
  Operation* source = scan->getOperand(operand).getDefiningOp();
  if (!source || ir::opCodeOf(source) != OpCode::Broadcast ||
      scan.getBody().getArgument(operand).use_empty())
    return;
  Attrs attrs = ir::attrsOf(source);
  if (llvm::is_contained(attrs.axes, 0))
    return;
  for (int64_t& axis : attrs.axes)
    --axis;
  attrs.shape.erase(0);
  SmallVector<Value> arguments;
  addConst(scan, source->getOperand(0), arguments);
  // The new const stands in front.
  BlockArgument row = scan.getBody().getArgument(operand + 1);
  OpBuilder builder(&scan.getBody().front(), scan.getBody().front().begin());
  row.replaceAllUsesWith(
      ir::createOp(builder, source->getLoc(), OpCode::Broadcast, arguments[0], attrs)
          ->getResult(0));
}

// A carry that never changes is a const.
void fixCarries(Operation* op) {
  Region& body = *ir::bodyOf(op);
  const size_t carries = isa<ir::ScanOp>(op) ? cast<ir::ScanOp>(op).getCarry().size()
                                             : cast<ir::WhileOp>(op).getCarry().size();
  for (size_t j = 0; j < carries; ++j) {
    auto at = static_cast<unsigned>(constsOf(op) + j);
    Operation* yield = body.front().getTerminator();
    if (yield->getOperand(static_cast<unsigned>(j)) != body.getArgument(at))
      continue;
    Value init = op->getOperand(at);
    op->getResult(static_cast<unsigned>(j)).replaceAllUsesWith(init);
    const bool read = llvm::any_of(regionsOf(op), [&](Region* region) {
      return llvm::any_of(region->getArgument(at).getUses(), [&](OpOperand& use) {
        return use.getOwner() != yield || use.getOperandNumber() != j;
      });
    });
    if (!read)
      continue;
    SmallVector<Value> arguments;
    addConst(op, init, arguments);
    ++at;
    for (auto [region, argument] : llvm::zip_equal(regionsOf(op), arguments))
      region->getArgument(at).replaceAllUsesWith(argument);
    yield->setOperand(static_cast<unsigned>(j), body.getArgument(at));
    if (auto scan = dyn_cast<ir::ScanOp>(op))
      scan.setKept(0);
  }
}

void moveIn(Operation* op) {
  const unsigned offset = isa<ir::CondOp>(op) ? 1 : 0;
  auto isCarry = [&](unsigned operand) {
    if (auto scan = dyn_cast<ir::ScanOp>(op))
      return operand >= scan.getConsts().size() &&
             operand < scan.getConsts().size() + scan.getCarry().size();
    return isa<ir::WhileOp>(op) && operand >= constsOf(op);
  };
  for (unsigned i = offset; i < op->getNumOperands(); ++i)
    if (!isCarry(i))
      if (const auto value = ir::splatOf(op->getOperand(i)))
        cloneConstant(op, i - offset, *value);
  if (auto scan = dyn_cast<ir::ScanOp>(op))
    for (unsigned x = 0; x < scan.getXs().size(); ++x)
      takeBroadcast(scan,
                    static_cast<unsigned>(scan.getConsts().size() + scan.getCarry().size()) + x);
}

//===-- Out of the loop ----------------------------------------------------------------------===//

/// Operations of one region that depend on consts alone.
class Hoisting {
public:
  Hoisting(Operation* loop, Region& region) : loop_(loop), region_(region) {}

  void run() {
    for (unsigned i = 0; i < constsOf(loop_); ++i)
      invariant_[region_.getArgument(i)] = loop_->getOperand(i);
    for (Operation& op : llvm::make_early_inc_range(region_.front().without_terminator()))
      if (isInvariant(&op)) {
        found_.insert(&op);
        if (isCostly(&op))
          take(&op);
      }
  }

private:
  // What may fail stays inside of a loop that may take no step.
  bool isInvariant(Operation* op) const {
    const auto code = ir::opCodeOf(op);
    if (!code || (mayFail(info(*code).family) && !takesSteps()))
      return false;
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      return invariant_.contains(operand) || found_.contains(operand.getDefiningOp());
    });
  }

  static bool mayFail(Family family) {
    return family == Family::Gather || family == Family::ScatterAdd || family == Family::Library;
  }
  bool takesSteps() const {
    auto scan = dyn_cast<ir::ScanOp>(loop_);
    return scan && scan.getLength() > 0;
  }

  static bool isCostly(Operation* op) {
    const OpInfo& row = info(*ir::opCodeOf(op));
    return op->getNumOperands() > 0 && row.family != Family::Movement &&
           (row.family != Family::Pointwise || row.cost > kCheap);
  }

  // A copy in front of the loop, with what it needs; inside, a const.
  void take(Operation* op) {
    Value outside = copied(op);
    SmallVector<Value> arguments;
    addConst(loop_, outside, arguments);
    Value inside = arguments[&region_ == &loop_->getRegion(0) ? 0 : 1];
    invariant_[inside] = outside;
    op->getResult(0).replaceAllUsesWith(inside);
  }

  Value copied(Operation* op) {
    OpBuilder builder(loop_);
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      const auto known = invariant_.find(operand);
      mapping.map(operand,
                  known != invariant_.end() ? known->second : copied(operand.getDefiningOp()));
    }
    return builder.clone(*op, mapping)->getResult(0);
  }

  Operation* loop_;
  Region& region_;
  DenseMap<Value, Value> invariant_; // of the region, to what it is outside
  DenseSet<Operation*> found_;
};

// Inner loops first: what leaves them may leave the next one too.
void move(Block& block) {
  for (Operation& op : llvm::make_early_inc_range(block)) {
    if (!ir::isControl(&op))
      continue;
    for (Region* region : regionsOf(&op))
      move(region->front());
    if (!isa<ir::CondOp>(op))
      fixCarries(&op);
    moveIn(&op);
    if (!isa<ir::CondOp>(op))
      for (Region* region : regionsOf(&op))
        Hoisting(&op, *region).run();
  }
}

} // namespace

void moveInvariants(func::FuncOp function) { move(function.getBody().front()); }

} // namespace diptych::passes
