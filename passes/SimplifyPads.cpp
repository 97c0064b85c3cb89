// Pads whose fill nobody reads: derivatives of derivatives of recurrences shift one way and back.
#include "passes/SimplifyAlgebra.h"

#include "llvm/ADT/STLExtras.h"

namespace diptych::passes {

namespace {
using namespace ir;
using mlir::PatternRewriter;

// A slice that lies within what is padded, also from its end.
struct SliceWithinPad : mlir::OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(SliceOp op, PatternRewriter& rewriter) const override {
    auto reverse = op.getX().getDefiningOp<ReverseOp>();
    auto pad = (reverse ? reverse.getX() : op.getX()).getDefiningOp<PadOp>();
    if (!pad)
      return rewriter.notifyMatchFailure(op, "no slice of a pad");
    const Attrs padding = attrsOf(pad);
    Attrs slice = attrsOf(op);
    const Shape inner = shapeOf(pad.getX()), outer = shapeOf(op.getX()), own = shapeOf(op);
    for (int axis = 0; axis < outer.size(); ++axis) {
      if (own[axis] == 0 || padding.interior[axis] != 0)
        return rewriter.notifyMatchFailure(op, "no places, or places between elements");
      int64_t first = slice.starts[axis], reach = slice.strides[axis] * (own[axis] - 1);
      if (reverse && llvm::is_contained(reverse.getAxes(), axis))
        first = outer[axis] - 1 - first - reach;
      slice.starts[axis] = first - padding.low[axis];
      slice.limits[axis] = slice.starts[axis] + reach + 1;
      if (slice.starts[axis] < 0 || slice.limits[axis] > inner[axis])
        return rewriter.notifyMatchFailure(op, "reads what the pad adds");
    }
    mlir::Value value = pad.getX();
    if (own != inner)
      value = make(rewriter, op.getLoc(), OpCode::Slice, value, slice);
    if (reverse)
      value = make(rewriter, op.getLoc(), OpCode::Reverse, value, attrsOf(reverse));
    rewriter.replaceOp(op, value);
    return mlir::success();
  }
};

// reverse(pad(reverse(x))) pads the other ends of x.
struct PadBetweenReversals : mlir::OpRewritePattern<ReverseOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(ReverseOp op, PatternRewriter& rewriter) const override {
    auto pad = op.getX().getDefiningOp<PadOp>();
    auto inner = pad ? pad.getX().getDefiningOp<ReverseOp>() : ReverseOp();
    if (!inner || inner.getAxes() != op.getAxes())
      return rewriter.notifyMatchFailure(op, "no pad of what is reversed alike");
    Attrs attrs = attrsOf(pad);
    for (const int64_t axis : op.getAxes())
      std::swap(attrs.low[axis], attrs.high[axis]);
    rewriter.replaceOp(op, make(rewriter, pad.getLoc(), OpCode::Pad, inner.getX(), attrs));
    return mlir::success();
  }
};

// The first factor of a recurrence is not looked at: what has another one there will do.
struct UnreadFactor : mlir::OpRewritePattern<LinearRecurrenceOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(LinearRecurrenceOp op,
                                      PatternRewriter& rewriter) const override {
    const int64_t axis = attrsOf(op).axis;
    auto pad = op->getOperand(0).getDefiningOp<PadOp>();
    auto slice = pad ? pad.getX().getDefiningOp<SliceOp>() : SliceOp();
    if (!slice || shapeOf(slice.getX()) != shapeOf(pad))
      return rewriter.notifyMatchFailure(op, "no factors that were sliced and padded");
    const Attrs padding = attrsOf(pad), from = attrsOf(slice);
    for (int i = 0; i < shapeOf(pad).size(); ++i)
      if (padding.low[i] != (i == axis) || padding.high[i] != 0 || padding.interior[i] != 0 ||
          from.starts[i] != (i == axis) || from.strides[i] != 1)
        return rewriter.notifyMatchFailure(op, "more than the first factor is padded");
    rewriter.modifyOpInPlace(op, [&] { op->setOperand(0, slice.getX()); });
    return mlir::success();
  }
};
} // namespace

void populatePads(mlir::RewritePatternSet& patterns) {
  patterns.add<SliceWithinPad, PadBetweenReversals, UnreadFactor>(patterns.getContext());
}

} // namespace diptych::passes
