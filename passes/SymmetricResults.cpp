// A result that equals its transpose need not be turned. One half of it is enough, and so it is of
// the products of matrices that it is made of.
#include "passes/Passes.h"

#include "ir/DialectHalves.h"

namespace diptych::passes {

#define GEN_PASS_DEF_USESYMMETRY
#include "passes/Passes.h.inc"

namespace {
using namespace ir;

// Fewer rows have few tiles below the diagonal; shorter sums take no longer than to turn them.
constexpr int64_t kLeastRows = 32, kLeastDepth = 64;

Shape shapeOf(mlir::Value value) { return tensorTypeOf(value.getType()).shape; }

// Text that somebody wrote may say anything of anything.
bool isSquare(mlir::Value value) {
  const Shape shape = shapeOf(value);
  return shape.size() == 2 && shape[0] == shape[1];
}

class SymmetricResult {
public:
  explicit SymmetricResult(mlir::OpOperand& result) : result_(result) {}

  bool run() {
    bool changed = false;
    while (auto turned = result_.get().getDefiningOp<TransposeOp>()) {
      result_.set(turned.getX());
      if (turned->use_empty())
        turned->erase();
      changed = true;
    }
    follow(result_.get(), true);
    for (mlir::Operation* product : products_)
      markUpper(product);
    if (!products_.empty())
      mirror();
    return changed || !products_.empty();
  }

private:
  // `same`: the value's upper half is the result's, not its lower one. What others read is whole.
  void follow(mlir::Value value, bool same) {
    mlir::Operation* op = value.getDefiningOp();
    const auto code = op ? opCodeOf(op) : std::nullopt;
    if (!code || !value.hasOneUse())
      return;
    if (auto product = llvm::dyn_cast<MatmulOp>(op))
      return take(product, same);
    if (llvm::isa<TransposeOp>(op))
      return follow(op->getOperand(0), !same);
    if (info(*code).isPointwise())
      for (mlir::Value operand : op->getOperands())
        follow(operand, same);
  }

  // Products compute upper halves: the first one decides which half of the result is made of them.
  void take(MatmulOp product, bool same) {
    if (shapeOf(product)[0] < kLeastRows || shapeOf(product.getX())[1] < kLeastDepth ||
        (!products_.empty() && same != isUpper_))
      return;
    isUpper_ = same;
    products_.push_back(product);
  }

  void mirror() {
    mlir::OpBuilder builder(result_.getOwner());
    const mlir::Value half = result_.get();
    const auto make = [&](OpCode code, mlir::ValueRange operands, const Attrs& attrs) {
      return createOp(builder, half.getLoc(), code, operands, attrs)->getResult(0);
    };
    const auto place = [&](int64_t axis) {
      Attrs attrs;
      attrs.shape = shapeOf(half);
      attrs.dtype = DType::i64;
      attrs.axis = axis;
      return make(OpCode::Iota, {}, attrs);
    };
    const mlir::Value row = place(0), column = place(1);
    const mlir::Value known = make(isUpper_ ? OpCode::Le : OpCode::Ge, {row, column}, {});
    Attrs turn;
    turn.axes = {1, 0};
    const mlir::Value turned = make(OpCode::Transpose, half, turn);
    result_.set(make(OpCode::Where, {known, half, turned}, {}));
  }

  mlir::OpOperand& result_;
  llvm::SmallVector<mlir::Operation*, 2> products_;
  bool isUpper_ = true;
};

} // namespace

bool useSymmetry(mlir::func::FuncOp function) {
  bool changed = false;
  for (mlir::OpOperand& result : function.getBody().front().getTerminator()->getOpOperands())
    if (isSymmetric(function, result.getOperandNumber()) && isSquare(result.get()))
      changed |= SymmetricResult(result).run();
  if (changed)
    eraseDeadOperations(function);
  return changed;
}

namespace {
struct UseSymmetry : impl::UseSymmetryBase<UseSymmetry> {
  void runOnOperation() override { useSymmetry(getOperation()); }
};
} // namespace

} // namespace diptych::passes
