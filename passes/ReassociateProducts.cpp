// A chain of matrix products in the order that costs least: (A B) x reads A and B once where x is a
// vector, and A (B x) never makes their product.
#include "passes/SimplifyAlgebra.h"

#include "ir/Dialect.h"

namespace diptych::passes {

namespace {
using namespace ir;
using mlir::PatternRewriter;

/// The longest chain that is looked at: the search takes the third power of it.
constexpr size_t kLongest = 64;

bool swapsLastTwo(TransposeOp op) {
  const llvm::ArrayRef<int64_t> axes = op.getAxes();
  const auto rank = static_cast<int64_t>(axes.size());
  for (int64_t i = 0; i < rank; ++i)
    if (axes[static_cast<size_t>(i)] != (i < rank - 2 ? i : 2 * rank - 3 - i))
      return false;
  return rank >= 2;
}

/// The factors of a product, left to right, and what it costs as it is written.
class Chain {
public:
  explicit Chain(MatmulOp root) : root_(root) {
    collect(root.getX(), false);
    collect(root.getY(), false);
    cost_ = cost(root);
    for (const Factor& factor : factors_)
      extents_.push_back(extent(factor.value, factor.transposed ? 1 : 2));
    extents_.push_back(extent(factors_.back().value, factors_.back().transposed ? 2 : 1));
  }

  /// Whether another order multiplies less; finds it.
  bool improves() {
    const size_t n = factors_.size();
    if (n < 3 || n > kLongest)
      return false;
    best_.assign(n * n, {0.0, 0});
    for (size_t length = 2; length <= n; ++length)
      for (size_t begin = 0; begin + length <= n; ++begin)
        at(begin, begin + length) = cheapest(begin, begin + length);
    return at(0, n).cost < cost_;
  }

  mlir::Value rebuild(PatternRewriter& rewriter) { return build(rewriter, 0, factors_.size()); }

private:
  struct Factor {
    mlir::Value value;
    bool transposed;
  };
  struct Split {
    double cost;
    size_t where;
  };

  static double extent(mlir::Value value, int64_t fromTheEnd) {
    const Shape shape = tensorTypeOf(value.getType()).shape;
    return static_cast<double>(shape[shape.size() - fromTheEnd]);
  }
  static MatmulOp inner(mlir::Value value) {
    return value.hasOneUse() ? value.getDefiningOp<MatmulOp>() : MatmulOp();
  }
  static double cost(MatmulOp op) {
    double total = extent(op.getX(), 2) * extent(op.getX(), 1) * extent(op.getY(), 1);
    for (mlir::Value operand : op->getOperands()) {
      auto transpose = operand.hasOneUse() ? operand.getDefiningOp<TransposeOp>() : TransposeOp();
      const bool through = transpose && swapsLastTwo(transpose);
      if (MatmulOp part = inner(through ? transpose.getX() : operand))
        total += cost(part);
    }
    return total;
  }

  // (A B)' = B' A'
  void collect(mlir::Value value, bool transposed) {
    auto transpose = value.hasOneUse() ? value.getDefiningOp<TransposeOp>() : TransposeOp();
    if (transpose && swapsLastTwo(transpose) && inner(transpose.getX()))
      return collect(transpose.getX(), !transposed);
    if (MatmulOp product = inner(value)) {
      collect(transposed ? product.getY() : product.getX(), transposed);
      collect(transposed ? product.getX() : product.getY(), transposed);
      return;
    }
    factors_.push_back({value, transposed});
  }

  Split& at(size_t begin, size_t end) { return best_[begin * factors_.size() + end - 1]; }
  Split cheapest(size_t begin, size_t end) {
    Split best{std::numeric_limits<double>::infinity(), 0};
    for (size_t where = begin + 1; where < end; ++where) {
      const double product = extents_[begin] * extents_[where] * extents_[end];
      const double total = at(begin, where).cost + at(where, end).cost + product;
      if (total < best.cost)
        best = {total, where};
    }
    return best;
  }

  mlir::Value build(PatternRewriter& rewriter, size_t begin, size_t end) {
    if (end - begin == 1)
      return leaf(rewriter, factors_[begin]);
    const size_t where = at(begin, end).where;
    const mlir::Value left = build(rewriter, begin, where), right = build(rewriter, where, end);
    return createOp(rewriter, root_.getLoc(), OpCode::Matmul, {left, right}, {})->getResult(0);
  }
  mlir::Value leaf(PatternRewriter& rewriter, const Factor& factor) {
    if (!factor.transposed)
      return factor.value;
    const int rank = tensorTypeOf(factor.value.getType()).rank();
    Attrs attrs;
    for (int i = 0; i < rank; ++i)
      attrs.axes.push_back(i < rank - 2 ? i : 2 * rank - 3 - i);
    return createOp(rewriter, root_.getLoc(), OpCode::Transpose, factor.value, attrs)->getResult(0);
  }

  MatmulOp root_;
  std::vector<Factor> factors_;
  std::vector<double> extents_; // factor i is extents_[i] by extents_[i + 1]
  std::vector<Split> best_;     // of factors [begin, end)
  double cost_ = 0.0;
};

// (A B) C = A (B C). A product that is used twice is made once, and is a factor here.
struct CheapestOrder : mlir::OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  mlir::LogicalResult matchAndRewrite(MatmulOp op, PatternRewriter& rewriter) const override {
    Chain chain(op);
    if (!chain.improves())
      return rewriter.notifyMatchFailure(op, "no other order costs less");
    rewriter.replaceOp(op, chain.rebuild(rewriter));
    return mlir::success();
  }
};
} // namespace

void populateReassociation(mlir::RewritePatternSet& patterns) {
  patterns.add<CheapestOrder>(patterns.getContext());
}

} // namespace diptych::passes
