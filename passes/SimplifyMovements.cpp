// Movements that cancel, and products that only repeat: what batched tangents and scalar
// cotangents leave between operators that could share a kernel.
#include "passes/SimplifyAlgebra.h"

#include "ir/DialectMovements.h"

#include "llvm/ADT/STLExtras.h"

namespace diptych::passes {

namespace {
using namespace ir;
using mlir::PatternRewriter;
using Axes = llvm::SmallVector<int64_t>;

// A chain of transposes and unit reshapes: one transpose, then one reshape, as far as needed.
template <class Op> struct ShorterChain : mlir::OpRewritePattern<Op> {
  using mlir::OpRewritePattern<Op>::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    const Origin origin(op.getResult());
    const Shape before = shapeOf(origin.value()), after = shapeOf(op.getResult());
    const Axes units = unitAxes(before);
    Attrs turn, reshape;
    for (int64_t axis : turned(origin.axes(), units, after))
      turn.axes.push_back(axis);
    Shape between;
    for (int64_t axis : turn.axes)
      between.push_back(before[axis]);
    reshape.shape = after;
    const bool turns = !llvm::is_sorted(turn.axes), reshapes = between != after;
    if (origin.steps() <= turns + reshapes)
      return rewriter.notifyMatchFailure(op, "no shorter chain moves the same axes");
    mlir::Value value = origin.value();
    if (turns)
      value = make(rewriter, op.getLoc(), OpCode::Transpose, value, turn);
    if (reshapes)
      value = make(rewriter, op.getLoc(), OpCode::Reshape, value, reshape);
    rewriter.replaceOp(op, value);
    return mlir::success();
  }

  static Axes unitAxes(const Shape& shape) {
    Axes axes;
    for (int axis = 0; axis < shape.size(); ++axis)
      if (shape[axis] == 1)
        axes.push_back(axis);
    return axes;
  }

  // All axes of the origin. Where ranks agree, axes of one element go where the result has them;
  // else, and where nothing turns, they stay where a reshape finds them.
  static Axes turned(llvm::ArrayRef<int64_t> proper, const Axes& units, const Shape& after) {
    Axes axes;
    if (llvm::is_sorted(proper)) {
      axes.append(proper.begin(), proper.end());
      axes.append(units.begin(), units.end());
      llvm::sort(axes);
      return axes;
    }
    size_t nextProper = 0, nextUnit = 0;
    if (proper.size() + units.size() == static_cast<size_t>(after.size())) {
      for (int64_t extent : after)
        axes.push_back(extent == 1 ? units[nextUnit++] : proper[nextProper++]);
      return axes;
    }
    axes.append(units.begin(), units.end());
    axes.append(proper.begin(), proper.end());
    return axes;
  }
};

mlir::Value splatLike(PatternRewriter& rewriter, mlir::Value splat, const Shape& shape) {
  return makeSplat(rewriter, splat.getLoc(), {tensorTypeOf(splat.getType()).dtype, shape},
                   *splatOf(splat));
}

// reshape(f(reshape(x), splat)) = f(x, splat) where the reshapes are each other's inverse
struct ReshapedForNothing : mlir::OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter& rewriter) const override {
    mlir::Operation* inner = op.getX().getDefiningOp();
    const auto code = inner ? opCodeOf(inner) : std::nullopt;
    if (!code || !info(*code).isPointwise() || !inner->hasOneUse())
      return rewriter.notifyMatchFailure(op, "no pointwise operator of its own");
    const Shape shape = shapeOf(op.getResult());
    llvm::SmallVector<mlir::Value> operands;
    bool reshaped = false;
    for (mlir::Value operand : inner->getOperands()) {
      auto same = operand.getDefiningOp<ReshapeOp>();
      if (same ? shapeOf(same.getX()) != shape : !splatOf(operand))
        return rewriter.notifyMatchFailure(op, "an operand has another shape");
      reshaped |= static_cast<bool>(same);
      operands.push_back(same ? same.getX() : operand);
    }
    if (!reshaped)
      return rewriter.notifyMatchFailure(op, "no operand is reshaped");
    for (mlir::Value& operand : operands)
      if (shapeOf(operand) != shape || splatOf(operand))
        operand = splatLike(rewriter, operand, shape);
    rewriter.replaceOp(op, make(rewriter, inner->getLoc(), *code, operands, attrsOf(inner)));
    return mlir::success();
  }
};

// A product over one element, x y', is an outer product, element by element; but a factor of a
// chain of products stays one: A (x y') = (A x) y'. By a constant it is a scale, wherever it
// stands.
struct OuterProduct : mlir::OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter& rewriter) const override {
    const Shape shape = shapeOf(op.getResult());
    const int64_t last = shape.size() - 1;
    if (shapeOf(op.getX())[last] != 1)
      return rewriter.notifyMatchFailure(op, "sums over more than one element");
    const bool scales = splatOf(op.getX()) || splatOf(op.getY());
    if (isInteger(tensorTypeOf(op.getType()).dtype) || (!scales && isFactor(op.getResult())))
      return rewriter.notifyMatchFailure(op, "a factor of another product");
    const mlir::Value x = spread(op.getX(), last, shape, rewriter);
    const mlir::Value y = spread(op.getY(), last - 1, shape, rewriter);
    rewriter.replaceOp(op, make(rewriter, op.getLoc(), OpCode::Mul, {x, y}));
    return mlir::success();
  }

  static bool isFactor(mlir::Value value) {
    return llvm::any_of(value.getUsers(), [](mlir::Operation* user) {
      return llvm::isa<MatmulOp>(user) ||
             (llvm::isa<TransposeOp, ReshapeOp>(user) && isFactor(user->getResult(0)));
    });
  }

  // Repeated along an axis on which it has one element.
  static mlir::Value spread(mlir::Value value, int64_t axis, const Shape& shape,
                            PatternRewriter& rewriter) {
    if (splatOf(value))
      return splatLike(rewriter, value, shape);
    if (shapeOf(value) == shape)
      return value;
    Attrs narrow, wide;
    for (int i = 0; i < shape.size(); ++i)
      if (i != axis) {
        narrow.shape.push_back(shape[i]);
        wide.axes.push_back(i);
      }
    wide.shape = shape;
    value = make(rewriter, value.getLoc(), OpCode::Reshape, value, narrow);
    return make(rewriter, value.getLoc(), OpCode::Broadcast, value, wide);
  }
};
} // namespace

void populateMovements(mlir::RewritePatternSet& patterns) {
  patterns
      .add<ShorterChain<TransposeOp>, ShorterChain<ReshapeOp>, ReshapedForNothing, OuterProduct>(
          patterns.getContext());
}

} // namespace diptych::passes
