// A few diagonals are vectors: what is done to the zeros around them need not be computed.
//
//   I[k,n] a[n] + I[k,n+1] b[n] + ...    is written once, where k = n, k = n + 1, ...
//   sum over n of D[k,n]                 is a vector, each diagonal moved to its rows
//   D x                                  is a sum of rows of x, scaled and moved
//
// Sums leave out zeros, and what is infinite makes no NaN of them: for standard numerics.
#include "passes/Bands.h"
#include "passes/Passes.h"

namespace diptych::passes {

#define GEN_PASS_DEF_COLLECTDIAGONALS
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

class CollectingDiagonals {
public:
  explicit CollectingDiagonals(Block& block) : block_(block), builder_(&block, block.begin()) {}

  bool run() {
    bool changed = false;
    for (Operation& op : llvm::make_early_inc_range(block_)) {
      builder_.setInsertionPoint(&op);
      if (Value better = consumed(&op)) {
        op.getResult(0).replaceAllUsesWith(better);
        changed = true;
        continue;
      }
      for (OpOperand& operand : op.getOpOperands())
        changed |= writeOut(operand);
    }
    return changed;
  }

private:
  // Worth it where more is done to the matrix than its diagonals take to be written.
  std::optional<Banded> worthOf(Value value, int operations) {
    const auto banded = bands_.of(value);
    return banded && !banded->diagonals.empty() && banded->operations >= operations &&
                   banded->operations >= static_cast<int>(banded->diagonals.size())
               ? banded
               : std::nullopt;
  }

  Value consumed(Operation* op) {
    if (auto sum = dyn_cast<ir::SumOp>(op)) {
      const bool ofRows = sum.getAxes().size() == 1 && sum.getAxes()[0] == 1;
      const auto banded = ofRows ? worthOf(sum.getX(), 1) : std::nullopt;
      return banded ? bands_.sums(*banded) : nullptr;
    }
    auto product = dyn_cast<ir::MatmulOp>(op);
    if (!product || ir::tensorTypeOf(product.getType()).rank() != 2 ||
        ir::tensorTypeOf(product.getType()).numel() == 0)
      return nullptr;
    if (const auto banded = worthOf(product.getX(), 1))
      return bands_.product(*banded, product.getY());
    if (const auto banded = worthOf(product.getY(), 1))
      return bands_.product(product.getX(), *banded);
    return nullptr;
  }

  // For a reader that would have to see the zeros too.
  bool writeOut(OpOperand& operand) {
    Operation* reader = operand.getOwner();
    if (reader->getNumResults() == 1 && bands_.of(reader->getResult(0)))
      return false;
    const auto banded = worthOf(operand.get(), 2);
    if (!banded)
      return false;
    Value& written = written_[operand.get()];
    if (!written)
      written = bands_.matrix(*banded);
    operand.set(written);
    return true;
  }

  Block& block_;
  OpBuilder builder_;
  Bands bands_{builder_};
  llvm::DenseMap<Value, Value> written_;
};

} // namespace

bool collectDiagonals(func::FuncOp function) {
  bool changed = false;
  for (Block& block : function.getBody())
    changed |= CollectingDiagonals(block).run();
  eraseDeadOperations(function);
  return changed;
}

namespace {
struct CollectDiagonals : impl::CollectDiagonalsBase<CollectDiagonals> {
  void runOnOperation() override { collectDiagonals(getOperation()); }
};
} // namespace

} // namespace diptych::passes
