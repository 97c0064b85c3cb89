// Slices of what is joined: nothing is computed of parts that nobody reads.
#include "passes/SimplifyAlgebra.h"

namespace diptych::passes {

namespace {
using namespace ir;
using mlir::PatternRewriter;

// What lies in several parts of a concatenation is a concatenation of slices.
struct SliceOfParts : mlir::OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(SliceOp op, PatternRewriter& rewriter) const override {
    auto joined = op.getX().getDefiningOp<ConcatenateOp>();
    const Attrs attrs = attrsOf(op);
    const auto axis = joined ? static_cast<int64_t>(joined.getAxis()) : 0;
    if (!joined || !joined->hasOneUse() || attrs.strides[axis] != 1)
      return rewriter.notifyMatchFailure(op, "no concatenation that is read in one piece");
    llvm::SmallVector<mlir::Value> parts;
    int64_t at = 0;
    for (mlir::Value part : joined.getOperands()) {
      Attrs own = attrs;
      const int64_t extent = shapeOf(part)[axis];
      own.starts[axis] = std::clamp<int64_t>(attrs.starts[axis] - at, 0, extent);
      own.limits[axis] = std::clamp<int64_t>(attrs.limits[axis] - at, 0, extent);
      at += extent;
      if (own.starts[axis] < own.limits[axis])
        parts.push_back(make(rewriter, op.getLoc(), OpCode::Slice, part, own));
    }
    if (parts.empty())
      return rewriter.notifyMatchFailure(op, "a slice without elements");
    Attrs concatenation;
    concatenation.axis = axis;
    rewriter.replaceOp(op, make(rewriter, op.getLoc(), OpCode::Concatenate, parts, concatenation));
    return mlir::success();
  }
};

// A sum of what is joined and something else: the slice of each.
struct SliceOfPointwise : mlir::OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(SliceOp op, PatternRewriter& rewriter) const override {
    mlir::Operation* inner = op.getX().getDefiningOp();
    const auto code = inner ? opCodeOf(inner) : std::nullopt;
    if (!code || !info(*code).isPointwise() || !inner->hasOneUse() ||
        llvm::none_of(inner->getOperands(), [](mlir::Value operand) {
          return operand.hasOneUse() && operand.getDefiningOp<ConcatenateOp>();
        }))
      return rewriter.notifyMatchFailure(op, "nothing of what is joined");
    llvm::SmallVector<mlir::Value> operands;
    for (mlir::Value operand : inner->getOperands())
      operands.push_back(make(rewriter, op.getLoc(), OpCode::Slice, operand, attrsOf(op)));
    rewriter.replaceOp(op, make(rewriter, inner->getLoc(), *code, operands, attrsOf(inner)));
    return mlir::success();
  }
};
} // namespace

void populateSlices(mlir::RewritePatternSet& patterns) {
  patterns.add<SliceOfParts, SliceOfPointwise>(patterns.getContext());
}

} // namespace diptych::passes
