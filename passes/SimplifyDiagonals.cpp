// Products with diagonal matrices scale rows or columns. Such matrices come from batched tangents:
// the seeds are the identity, and what multiplies elements multiplies its diagonal.
#include "passes/SimplifyAlgebra.h"

#include "ir/DialectMovements.h"

namespace diptych::passes {

namespace {
using namespace ir;
using mlir::PatternRewriter;

/// scale along[i] where i = j, 0 elsewhere; without `along`: scale.
struct Diagonal {
  double scale = 1;
  mlir::Value along; // one axis
};

bool isIota(mlir::Value index, int64_t axis) {
  auto iota = index.getDefiningOp<IotaOp>();
  return iota && static_cast<int64_t>(iota.getAxis()) == axis;
}

// Two axes of a value, followed through the operations that made it.
class Axes {
public:
  Axes(int64_t row, int64_t column) : row_(row), column_(column) {}

  /// Whether they are axes of the operand too; then of which.
  bool through(TransposeOp op) {
    row_ = op.getAxes()[row_], column_ = op.getAxes()[column_];
    return true;
  }
  bool through(BroadcastOp op) { return move(op.getAxes()); }
  bool through(ReshapeOp op) {
    const Shape before = shapeOf(op.getX()), after = shapeOf(op.getResult());
    if (!addsOnlyUnits(before, after) || !move(properAxes(after)))
      return false;
    const auto from = properAxes(before);
    row_ = from[row_], column_ = from[column_];
    return true;
  }
  bool equal(EqOp op) const {
    return (isIota(op.getX(), row_) && isIota(op.getY(), column_)) ||
           (isIota(op.getX(), column_) && isIota(op.getY(), row_));
  }
  bool include(int64_t axis) const { return axis == row_ || axis == column_; }
  bool areSquare(const Shape& shape) const {
    return shape[row_] == shape[column_] && shape[row_] > 1;
  }

private:
  // Axis list[i] comes from axis i.
  bool move(llvm::ArrayRef<int64_t> list) {
    const auto *row = llvm::find(list, row_), *column = llvm::find(list, column_);
    if (row == list.end() || column == list.end())
      return false;
    row_ = row - list.begin(), column_ = column - list.begin();
    return true;
  }

  int64_t row_, column_;
};

// One factor of a product of elements that the diagonal keeps; none: `other` is no such factor.
bool scaleBy(Diagonal& diagonal, mlir::Value other, const Axes& axes) {
  if (const auto splat = splatOf(other); splat && !splat->isInteger) {
    diagonal.scale *= splat->floating;
    return true;
  }
  auto wide = other.getDefiningOp<BroadcastOp>();
  if (!wide || diagonal.along || wide.getAxes().size() != 1 || !axes.include(wide.getAxes()[0]))
    return false;
  diagonal.along = wide.getX();
  return true;
}

std::optional<Diagonal> diagonalOf(mlir::Value value, int64_t row, int64_t column) {
  Axes axes(row, column);
  Diagonal diagonal;
  while (mlir::Operation* op = value.getDefiningOp()) {
    if (!axes.areSquare(shapeOf(value)))
      return std::nullopt;
    value = op->getOperands().empty() ? value : op->getOperand(0);
    bool follows = false;
    if (auto turned = llvm::dyn_cast<TransposeOp>(op))
      follows = axes.through(turned);
    else if (auto wide = llvm::dyn_cast<BroadcastOp>(op))
      follows = axes.through(wide);
    else if (auto same = llvm::dyn_cast<ReshapeOp>(op))
      follows = axes.through(same);
    else if (llvm::isa<NegOp>(op))
      diagonal.scale = -diagonal.scale, follows = true;
    else if (auto product = llvm::dyn_cast<MulOp>(op)) {
      follows = scaleBy(diagonal, product.getY(), axes);
      if (!follows && scaleBy(diagonal, product.getX(), axes))
        value = product.getY(), follows = true;
    } else if (auto number = llvm::dyn_cast<ConvertOp>(op)) {
      auto equal = number.getX().getDefiningOp<EqOp>();
      return equal && axes.equal(equal) ? std::optional(diagonal) : std::nullopt;
    }
    if (!follows)
      return std::nullopt;
  }
  return std::nullopt;
}

// x D = x scaled along its columns, D y = y along its rows; what is infinite stays where it is
struct ProductWithDiagonal : mlir::OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter& rewriter) const override {
    const int64_t last = shapeOf(op).size() - 1;
    if (op.getX().getType() == op.getType())
      if (const auto diagonal = diagonalOf(op.getY(), last - 1, last))
        return scale(op, op.getX(), *diagonal, last, rewriter);
    if (op.getY().getType() == op.getType())
      if (const auto diagonal = diagonalOf(op.getX(), last - 1, last))
        return scale(op, op.getY(), *diagonal, last - 1, rewriter);
    return rewriter.notifyMatchFailure(op, "neither operand is known to be diagonal");
  }

  static mlir::LogicalResult scale(MatmulOp op, mlir::Value x, const Diagonal& diagonal,
                                   int64_t axis, PatternRewriter& rewriter) {
    const TensorType type = tensorTypeOf(op.getType());
    Attrs attrs;
    attrs.shape = type.shape;
    if (diagonal.along) {
      attrs.axes = {axis};
      const mlir::Value wide =
          make(rewriter, op.getLoc(), OpCode::Broadcast, diagonal.along, attrs);
      x = make(rewriter, op.getLoc(), OpCode::Mul, {x, wide});
    }
    if (diagonal.scale != 1)
      x = make(rewriter, op.getLoc(), OpCode::Mul,
               {x, makeSplat(rewriter, op.getLoc(), type, diagonal.scale)});
    rewriter.replaceOp(op, x);
    return mlir::success();
  }
};
} // namespace

void populateDiagonals(mlir::RewritePatternSet& patterns) {
  patterns.add<ProductWithDiagonal>(patterns.getContext());
}

} // namespace diptych::passes
