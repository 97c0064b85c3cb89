// Batched tangents are sums of products: of each column's own numbers, of what all columns share,
// and of the array that the tangent of a linear map is. Sums over them need none of it written out:
//
//   sum over n of (a[t,n] X[t,n,k] + b[k,t] c[t,n])
//     = sum over n of a[t,n] X[t,n,k]  +  b[k,t] (sum over n of c[t,n])
//
// Each term is rounded once more or less than before; that a and b stand for rounded numbers
// already is the larger error. So this is for standard numerics.
#include "passes/Passes.h"
#include "passes/SumsOfProducts.h"

namespace diptych::passes {

#define GEN_PASS_DEF_FACTORPRODUCTS
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

// Of what is summed, for each of its elements; a kernel that computes and sums it takes about that.
constexpr double kMostFlops = 8;
// A product of matrices that takes longer than the one it stands for is no gain.
constexpr double kMostMatmul = 1.25;
// An element that is written and read again takes as long as so many.
constexpr double kStored = 16;

TensorType typeOf(Value value) { return ir::tensorTypeOf(value.getType()); }

// The array that a view shows.
Value rootOf(Value value) {
  while (Operation* op = value.getDefiningOp()) {
    const std::optional<OpCode> code = ir::opCodeOf(op);
    if (code != OpCode::Reshape && code != OpCode::Transpose)
      break;
    value = op->getOperand(0);
  }
  return value;
}

// Whether it lies in memory in any case: nothing that fusion would compute where it is read.
bool isStored(Value value) {
  Operation* op = rootOf(value).getDefiningOp();
  const std::optional<OpCode> code = op ? ir::opCodeOf(op) : std::nullopt;
  if (!code)
    return true;
  const Family family = info(*code).family;
  return family != Family::Pointwise && family != Family::Movement && family != Family::Creation;
}

class FactoringProducts {
public:
  FactoringProducts(func::FuncOp function, int64_t minBytes)
      : builder_(function.getContext()), forms_(builder_), minBytes_(minBytes) {}

  bool run(Block& block) {
    bool changed = false;
    for (Operation& op : llvm::make_early_inc_range(block)) {
      builder_.setInsertionPoint(&op);
      Value better;
      if (auto sum = dyn_cast<ir::SumOp>(op))
        better = factor(sum);
      else if (auto product = dyn_cast<ir::MatmulOp>(op))
        better = factor(product);
      if (!better)
        continue;
      op.getResult(0).replaceAllUsesWith(better);
      changed = true;
    }
    return changed;
  }

private:
  bool isLarge(Value value) const {
    const TensorType type = typeOf(value);
    return isFloat(type.dtype) && !isEmpty(value) && type.bytes() >= minBytes_;
  }
  static bool isEmpty(Value value) { return typeOf(value).numel() == 0; }

  // At most one array of the whole size in a term, and that one in memory.
  bool isCheap(const Form& form) const {
    return llvm::all_of(form.terms, [&](const Term& term) {
      int whole = 0;
      for (const Factor& factor : term.factors)
        if (factor.set() == form.all() && !forms_.isIdentity(factor))
          whole += isStored(factor.value) ? 1 : 2;
      return whole <= 1;
    });
  }
  bool isProduct(const Form& form) const {
    return (form.rank() >= 3 || forms_.hasIdentity(form)) &&
           (form.terms.size() > 1 || form.terms[0].factors.size() > 1);
  }

  Value factor(ir::SumOp op) {
    if (!isLarge(op.getX()))
      return nullptr;
    const Form form = forms_.of(op.getX());
    if (!isProduct(form) || !isCheap(form))
      return nullptr;
    const auto ranges = SumsOfProducts::rangesOf(form, typeOf(op.getX()).shape);
    AxisSet over = 0;
    for (int64_t axis : op.getAxes())
      for (int i = ranges[axis].first; i < ranges[axis].last; ++i)
        over |= AxisSet{1} << i;
    double flops = 0;
    const auto sum = forms_.sum(form, over, flops);
    if (!sum || flops > kMostFlops * static_cast<double>(form.numel()))
      return nullptr;
    return forms_.materialise(*sum, over, typeOf(op.getResult()));
  }

  // The forms of both operands over the axes of the product: those of the result, then k.
  struct Pair {
    Form left, right;
    AxisSet summed;
  };

  std::optional<Pair> align(ir::MatmulOp op, Form left, Form right) {
    const TensorType a = typeOf(op.getX()), b = typeOf(op.getY());
    const int rank = a.rank(), batches = rank - 2;
    auto refine = [&](int i, int j) {
      const AxisRange x = SumsOfProducts::rangesOf(left, a.shape)[i],
                      y = SumsOfProducts::rangesOf(right, b.shape)[j];
      return forms_.refine(left, x.first, x.last, right, y.first, y.last);
    };
    for (int before = -1; before != left.rank() + right.rank();) {
      before = left.rank() + right.rank();
      for (int i = 0; i < batches; ++i)
        if (!refine(i, i))
          return std::nullopt;
      if (!refine(rank - 1, rank - 2))
        return std::nullopt;
    }
    return place(left, SumsOfProducts::rangesOf(left, a.shape), right,
                 SumsOfProducts::rangesOf(right, b.shape), batches);
  }

  static std::optional<Pair> place(const Form& left, ArrayRef<AxisRange> a, const Form& right,
                                   ArrayRef<AxisRange> b, int batches) {
    SmallVector<int> leftPlace(left.rank(), 0), rightPlace(right.rank(), 0);
    Pair pair{{}, {}, 0};
    auto& extents = pair.left.extents;
    auto put = [&](const Form& form, AxisRange range, SmallVector<int>& places) {
      for (int i = range.first; i < range.last; ++i) {
        places[i] = static_cast<int>(extents.size());
        extents.push_back(form.extents[i]);
      }
    };
    auto follow = [&](AxisRange range, AxisRange other) {
      for (int i = range.first; i < range.last; ++i)
        rightPlace[i] = leftPlace[other.first + i - range.first];
    };
    for (int i = 0; i < batches; ++i)
      put(left, a[i], leftPlace), follow(b[i], a[i]);
    put(left, a[batches], leftPlace);
    put(right, b[batches + 1], rightPlace);
    const auto result = extents.size();
    put(left, a[batches + 1], leftPlace), follow(b[batches], a[batches + 1]);
    if (extents.size() > kMaxRank)
      return std::nullopt;
    for (size_t i = result; i < extents.size(); ++i)
      pair.summed |= AxisSet{1} << i;
    pair.right.extents = extents;
    pair.left.terms = moved(left.terms, leftPlace);
    pair.right.terms = moved(right.terms, rightPlace);
    return pair;
  }

  static SmallVector<Term, 4> moved(SmallVector<Term, 4> terms, ArrayRef<int> places) {
    for (Term& term : terms)
      for (Factor& factor : term.factors)
        for (int& axis : factor.axes)
          axis = places[axis];
    return terms;
  }

  Value factor(ir::MatmulOp op) {
    if ((!isLarge(op.getX()) && !isLarge(op.getY())) || isEmpty(op.getX()) || isEmpty(op.getY()))
      return nullptr;
    Form left = forms_.of(op.getX()), right = forms_.of(op.getY());
    const bool leftGains = isLarge(op.getX()) && isProduct(left),
               rightGains = isLarge(op.getY()) && isProduct(right);
    if ((!leftGains && !rightGains) || (leftGains && !isCheap(left)) ||
        (rightGains && !isCheap(right)))
      return nullptr;
    const double stored = kStored * static_cast<double>((leftGains ? left.numel() : 0) +
                                                        (rightGains ? right.numel() : 0));
    forms_.collect(left);
    forms_.collect(right);
    const auto pair = align(op, std::move(left), std::move(right));
    if (!pair)
      return nullptr;
    const auto whole = SumsOfProducts::product(pair->left, pair->right);
    if (!whole)
      return nullptr;
    double flops = 0, before = 2 * static_cast<double>(whole->numel()) + stored;
    const auto sum = forms_.sum(*whole, pair->summed, flops);
    if (!sum || flops > kMostMatmul * before)
      return nullptr;
    return forms_.materialise(*sum, pair->summed, typeOf(op.getResult()));
  }

  OpBuilder builder_;
  SumsOfProducts forms_;
  int64_t minBytes_;
};

} // namespace

bool factorProducts(func::FuncOp function, int64_t minBytes) {
  bool changed = false;
  for (Block& block : function.getBody())
    changed |= FactoringProducts(function, minBytes).run(block);
  eraseDeadOperations(function);
  return changed;
}

namespace {
struct FactorProducts : impl::FactorProductsBase<FactorProducts> {
  using FactorProductsBase::FactorProductsBase;
  void runOnOperation() override { factorProducts(getOperation(), minBytes); }
};
} // namespace

} // namespace diptych::passes
