// Patterns of standard numerics. Each opens with the identity it uses.
#include "passes/SimplifyAlgebra.h"

#include <cmath>

namespace diptych::passes {

using namespace ir;
using mlir::PatternRewriter;

mlir::Value make(PatternRewriter& rewriter, mlir::Location location, OpCode code,
                 mlir::ValueRange operands, const Attrs& attrs) {
  return createOp(rewriter, location, code, operands, attrs)->getResult(0);
}

mlir::Value makeSplat(PatternRewriter& rewriter, mlir::Location location, const TensorType& type,
                      const Scalar& value) {
  Attrs attrs;
  attrs.dtype = type.dtype;
  attrs.shape = type.shape;
  attrs.value = castTo(type.dtype, value);
  return make(rewriter, location, OpCode::Constant, {}, attrs);
}

namespace {
bool isZero(mlir::Value value) {
  const auto splat = splatOf(value);
  return splat && splat->asDouble() == 0.0;
}

// x + 0 = x; x + (-y) = x - y
struct SimplerSum : mlir::OpRewritePattern<AddOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(AddOp op, PatternRewriter& rewriter) const override {
    for (const auto& [x, y] : {std::pair(op.getX(), op.getY()), std::pair(op.getY(), op.getX())}) {
      if (isZero(y))
        return rewriter.replaceOp(op, x), mlir::success();
      if (auto negated = y.getDefiningOp<NegOp>())
        return rewriter.replaceOpWithNewOp<SubOp>(op, op.getType(), x, negated.getX()),
               mlir::success();
    }
    return rewriter.notifyMatchFailure(op, "neither operand is zero or negated");
  }
};

// 0 - x = -x; x - (-y) = x + y
struct SimplerDifference : mlir::OpRewritePattern<SubOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(SubOp op, PatternRewriter& rewriter) const override {
    if (isZero(op.getX()))
      return rewriter.replaceOpWithNewOp<NegOp>(op, op.getType(), op.getY()), mlir::success();
    if (auto negated = op.getY().getDefiningOp<NegOp>())
      return rewriter.replaceOpWithNewOp<AddOp>(op, op.getType(), op.getX(), negated.getX()),
             mlir::success();
    return rewriter.notifyMatchFailure(op, "neither zero on the left nor negated on the right");
  }
};

double leastNormal(DType dtype) {
  switch (dtype) {
  case DType::f64: return std::numeric_limits<double>::min();
  case DType::f16: return std::numeric_limits<float16>::min();
  default: return std::numeric_limits<float>::min(); // bf16's too
  }
}

// (x a) b = x (a b); (-x) a = x (-a)
struct SimplerScale : mlir::OpRewritePattern<MulOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(MulOp op, PatternRewriter& rewriter) const override {
    const auto outer = splatOf(op.getY());
    if (!outer || outer->isInteger)
      return rewriter.notifyMatchFailure(op, "not scaled by a number");
    const TensorType type = tensorTypeOf(op.getType());
    if (auto negated = op.getX().getDefiningOp<NegOp>())
      return scale(op, negated.getX(), type, -outer->floating, rewriter);
    auto inner = op.getX().getDefiningOp<MulOp>();
    const auto factor = inner ? splatOf(inner.getY()) : std::nullopt;
    if (!factor)
      return rewriter.notifyMatchFailure(op, "not scaled before");
    const double product = castTo(type.dtype, Scalar(factor->floating * outer->floating)).floating;
    const double least = leastNormal(type.dtype);
    if (!std::isfinite(product) || std::abs(product) < least)
      return rewriter.notifyMatchFailure(op, "the product of the factors is out of range");
    return scale(op, inner.getX(), type, product, rewriter);
  }

  static mlir::LogicalResult scale(MulOp op, mlir::Value x, const TensorType& type, double factor,
                                   PatternRewriter& rewriter) {
    const mlir::Value y = makeSplat(rewriter, op.getLoc(), type, factor);
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), x, y);
    return mlir::success();
  }
};

// sum over new axes of size n: n x; over old ones: the broadcast of the sum
struct SumOfBroadcast : mlir::OpRewritePattern<SumOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(SumOp op, PatternRewriter& rewriter) const override {
    auto inner = op.getX().getDefiningOp<BroadcastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "does not sum a broadcast");
    const llvm::ArrayRef<int64_t> summed = op.getAxes(), placed = inner.getAxes();
    const TensorType result = tensorTypeOf(op.getType()), wide = tensorTypeOf(inner.getType());
    if (isInteger(result.dtype))
      return rewriter.notifyMatchFailure(op, "integers wrap");

    Attrs sums, repeats;
    int64_t copies = 1;
    for (int64_t axis : summed)
      if (!llvm::is_contained(placed, axis))
        copies *= wide.shape[axis];
    if (copies == 0)
      return rewriter.notifyMatchFailure(op, "a sum of nothing is 0 whatever x is");
    for (const auto& [index, axis] : llvm::enumerate(placed)) {
      if (llvm::is_contained(summed, axis))
        sums.axes.push_back(static_cast<int64_t>(index));
      else
        repeats.axes.push_back(
            axis - llvm::count_if(summed, [&, axis = axis](int64_t gone) { return gone < axis; }));
    }
    mlir::Value value = inner.getX();
    if (!sums.axes.empty())
      value = make(rewriter, op.getLoc(), OpCode::Sum, value, sums);
    if (copies != 1)
      value = make(rewriter, op.getLoc(), OpCode::Mul,
                   {value, makeSplat(rewriter, op.getLoc(), tensorTypeOf(value.getType()),
                                     static_cast<double>(copies))});
    repeats.shape = result.shape;
    if (value.getType() != op.getType())
      value = make(rewriter, op.getLoc(), OpCode::Broadcast, value, repeats);
    rewriter.replaceOp(op, value);
    return mlir::success();
  }
};

// f(broadcast x, broadcast y) = broadcast f(x, y); constants are broadcasts of anything
struct PointwiseOfBroadcasts : mlir::RewritePattern {
  explicit PointwiseOfBroadcasts(mlir::MLIRContext* context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  mlir::LogicalResult matchAndRewrite(mlir::Operation* op,
                                      PatternRewriter& rewriter) const override {
    const auto code = opCodeOf(op);
    if (!code || !info(*code).isPointwise())
      return rewriter.notifyMatchFailure(op, "not pointwise");
    BroadcastOp first;
    for (mlir::Value operand : op->getOperands()) {
      auto broadcast = operand.getDefiningOp<BroadcastOp>();
      if (!broadcast && !splatOf(operand))
        return rewriter.notifyMatchFailure(op, "an operand has values of its own");
      if (broadcast && first && !alike(first, broadcast))
        return rewriter.notifyMatchFailure(op, "operands are broadcast differently");
      if (broadcast && !first)
        first = broadcast;
    }
    if (!first)
      return rewriter.notifyMatchFailure(op, "no operand is broadcast");

    const Shape narrow = tensorTypeOf(first.getX().getType()).shape;
    llvm::SmallVector<mlir::Value> operands;
    for (mlir::Value operand : op->getOperands()) {
      auto broadcast = operand.getDefiningOp<BroadcastOp>();
      operands.push_back(broadcast ? broadcast.getX()
                                   : makeSplat(rewriter, op->getLoc(),
                                               {tensorTypeOf(operand.getType()).dtype, narrow},
                                               *splatOf(operand)));
    }
    const mlir::Value value = make(rewriter, op->getLoc(), *code, operands, attrsOf(op));
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op->getResult(0).getType(), value,
                                             first.getAxes());
    return mlir::success();
  }

  static bool alike(BroadcastOp a, BroadcastOp b) {
    return a.getAxes() == b.getAxes() &&
           llvm::cast<mlir::RankedTensorType>(a.getX().getType()).getShape() ==
               llvm::cast<mlir::RankedTensorType>(b.getX().getType()).getShape();
  }
};
} // namespace

void populateAlgebra(mlir::RewritePatternSet& patterns) {
  patterns.add<SimplerSum, SimplerDifference, SimplerScale, SumOfBroadcast, PointwiseOfBroadcasts>(
      patterns.getContext());
  populateDiagonals(patterns);
  populateMovements(patterns);
  populatePads(patterns);
  populateSlices(patterns);
}

} // namespace diptych::passes
