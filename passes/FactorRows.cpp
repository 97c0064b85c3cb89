// A gradient often sums over rows t what a late number c_t scales, known only after all rows were
// read once: the Sharpe ratio's gradient in a day's return, for example. Each row's part is linear
// in that number:
//
//   sum over t of X_t' (c_t u_t)  =  sum over t of c_t (X_t' u_t)
//
// The products on the right need no c, so they can be computed when row t is read for the first
// time. Several numbers may scale a row (Hessian-vector products have two): one u for each.
#include "passes/Passes.h"

#include "llvm/ADT/TypeSwitch.h"

namespace diptych::passes {

#define GEN_PASS_DEF_FACTORROWS
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

// Smaller arrays stay in cache between two passes over them.
constexpr int64_t kLargeBytes = 512 * 1024;
constexpr size_t kMaxTerms = 2;
constexpr int kMaxSteps = 128;

TensorType typeOf(Value value) { return ir::tensorTypeOf(value.getType()); }

bool isZero(Value value) {
  const auto splat = ir::splatOf(value);
  return splat && splat->asDouble() == 0.0;
}

/// c_t u_t for each row t; c has one element a row. Without u: ones of the value's shape.
struct Term {
  Value c, u;
};
using Terms = SmallVector<Term, 2>;

/// What is known only after other rows than its own: `dependent` values come from X, `late` ones
/// mix its rows.
class Lateness {
public:
  Lateness(Value x, int64_t rows, Operation* end) : rows_(rows) {
    dependent_.insert(x);
    for (Operation& op : *end->getBlock()) {
      if (&op == end)
        return;
      visit(&op);
    }
  }
  bool isLate(Value value) const { return late_.contains(value); }

private:
  void visit(Operation* op) {
    if (llvm::none_of(op->getOperands(), [&](Value v) { return dependent_.contains(v); }))
      return;
    const bool late = llvm::any_of(op->getOperands(), [&](Value v) { return isLate(v); });
    for (Value result : op->getResults()) {
      dependent_.insert(result);
      if (late || !keepsRows(op))
        late_.insert(result);
    }
  }

  bool hasRows(Value value) const {
    const Shape shape = typeOf(value).shape;
    return !shape.empty() && shape[0] % rows_ == 0;
  }

  // Whether row r of the result depends on row r of the operands that come from X, and no other.
  bool keepsRows(Operation* op) const {
    const std::optional<OpCode> code = ir::opCodeOf(op);
    if (!code || !hasRows(op->getResult(0)))
      return false;
    for (Value operand : op->getOperands())
      if (dependent_.contains(operand) && !hasRows(operand))
        return false;
    const Attrs attrs = ir::attrsOf(op);
    switch (info(*code).family) {
    case Family::Pointwise: return true;
    case Family::Reduction: return !attrs.axes.contains(0);
    case Family::ArgReduction: return attrs.axis != 0;
    case Family::Matmul:
      return typeOf(op->getOperand(0)).rank() > 2 || !dependent_.contains(op->getOperand(1));
    case Family::Movement:
      return *code == OpCode::Reshape ||
             ((*code == OpCode::Broadcast || *code == OpCode::Transpose) && !attrs.axes.empty() &&
              attrs.axes[0] == 0);
    default: return false;
    }
  }

  int64_t rows_;
  llvm::DenseSet<Value> dependent_, late_;
};

class RowFactoring {
public:
  /// product = A' g, summed over rows; A [rows n, K], g [rows n, m].
  RowFactoring(Operation* product, Value a, Value x, int64_t rows)
      : builder_(product), product_(product), a_(a), rows_(rows), lateness_(x, rows, product) {}

  /// The same product with the late numbers taken out; none where that can't be done.
  Value run() {
    Value g = product_->getOperand(1);
    if (!lateness_.isLate(g))
      return nullptr;
    const std::optional<Terms> terms = factor(g);
    const auto columns = static_cast<int64_t>(terms ? terms->size() : 0) * typeOf(g).shape[1];
    const int64_t n = typeOf(a_).shape[0] / rows_;
    // The columns of all u are written side by side: they have to be small beside X.
    if (!terms || n < 4 * columns || 2 * columns > typeOf(a_).shape[1])
      return nullptr;
    return combine(*terms, n, typeOf(a_).shape[1], typeOf(g).shape[1]);
  }

private:
  Value make(OpCode code, ValueRange operands, const Attrs& attrs = {}) {
    return ir::createOp(builder_, product_->getLoc(), code, operands, attrs)->getResult(0);
  }
  Value reshape(Value value, const Shape& shape) {
    if (typeOf(value).shape == shape)
      return value;
    Attrs attrs;
    attrs.shape = shape;
    return make(OpCode::Reshape, value, attrs);
  }
  Value transpose(Value value, const Dims& axes) {
    Attrs attrs;
    attrs.axes = axes;
    return make(OpCode::Transpose, value, attrs);
  }
  Value ones(const TensorType& type) {
    Attrs attrs;
    attrs.dtype = type.dtype;
    attrs.shape = type.shape;
    attrs.value = castTo(type.dtype, Scalar(1.0));
    return make(OpCode::Constant, {}, attrs);
  }
  Value orOnes(Value u, const TensorType& type) { return u ? u : ones(type); }

  // sum over t of c_t V_t, V = A_t' u_t of all terms in one product. Where u_t is a vector, as the
  // rows u_t' A_t: kernels then store each u in its place and run their vectors along A's rows.
  Value combine(const Terms& terms, int64_t n, int64_t k, int64_t m) {
    const bool inRows = m == 1;
    const int64_t joined = inRows ? 1 : 2;
    const Shape shape = inRows ? Shape{rows_, 1, n} : Shape{rows_, n, m};
    Value a = reshape(a_, {rows_, n, k});
    SmallVector<Value> parts;
    for (const Term& term : terms)
      parts.push_back(term.u ? reshape(term.u, shape) : ones({typeOf(a_).dtype, shape}));
    Attrs along;
    along.axis = joined;
    Value u = parts.size() == 1 ? parts[0] : make(OpCode::Concatenate, parts, along);
    Value products =
        inRows ? make(OpCode::Matmul, {u, a}) : make(OpCode::Matmul, {transpose(a, {0, 2, 1}), u});
    Value sum;
    for (const auto& [i, term] : llvm::enumerate(terms)) {
      Value part = products;
      if (terms.size() > 1) {
        Attrs slice;
        slice.starts = {0, 0, 0}, slice.limits = typeOf(products).shape;
        slice.strides = {1, 1, 1};
        slice.starts[joined] = static_cast<int64_t>(i) * m;
        slice.limits[joined] = slice.starts[joined] + m;
        part = make(OpCode::Slice, part, slice);
      }
      part = make(OpCode::Matmul, {reshape(term.c, {1, rows_}), reshape(part, {rows_, k * m})});
      sum = sum ? make(OpCode::Add, {sum, part}) : part;
    }
    return reshape(sum, {k, m});
  }

  std::optional<Terms> factor(Value value) {
    if (auto known = factored_.find(value); known != factored_.end())
      return known->second;
    std::optional<Terms> terms;
    if (++steps_ <= kMaxSteps)
      terms = factorNew(value);
    if (terms && terms->size() > kMaxTerms)
      terms = std::nullopt;
    return factored_[value] = terms;
  }

  std::optional<Terms> factorNew(Value value) {
    Operation* op = value.getDefiningOp();
    const std::optional<OpCode> code = op ? ir::opCodeOf(op) : std::nullopt;
    const TensorType type = typeOf(value);
    const bool gathers = code && (info(*code).family == Family::Reduction ||
                                  info(*code).family == Family::Matmul || *code == OpCode::Reshape);
    if (type.numel() == rows_ && !gathers) {
      if (hasSums(value)) // whose late numbers are those of what they sum
        if (std::optional<Terms> terms = throughPointwise(op, *code, type))
          return terms;
      return Terms{{reshape(value, {rows_}), nullptr}};
    }
    if (!code || type.shape.empty() || type.shape[0] % rows_ != 0)
      return std::nullopt;
    return info(*code).isPointwise() ? throughPointwise(op, *code, type) : through(op, *code);
  }

  // Whether a number for each row is computed from sums within rows of something late.
  bool hasSums(Value value) {
    Operation* op = value.getDefiningOp();
    if (!op || !lateness_.isLate(value) || typeOf(value).numel() != rows_)
      return false;
    const auto [known, first] = hasSums_.try_emplace(value, false);
    if (!first)
      return known->second;
    const OpInfo& row = info(*ir::opCodeOf(op));
    const bool sums = row.isReduction() && typeOf(op->getOperand(0)).numel() != rows_;
    const bool has = sums || (row.isPointwise() &&
                              llvm::any_of(op->getOperands(), [&](Value v) { return hasSums(v); }));
    return hasSums_[value] = has;
  }

  std::optional<Terms> throughPointwise(Operation* op, OpCode code, const TensorType& type) {
    switch (code) {
    case OpCode::Neg: return mapped(op, 0, type);
    case OpCode::Mul: return lateness_.isLate(op->getOperand(0)) ? scaled(op, 0) : scaled(op, 1);
    case OpCode::Div: return scaled(op, 0);
    case OpCode::Add: return added(op, type);
    case OpCode::Sub: return added(op, type);
    case OpCode::Where: return selected(op, type);
    default: return std::nullopt;
    }
  }

  // Operators that are linear in one operand and keep rows.
  std::optional<Terms> through(Operation* op, OpCode code) {
    const Attrs attrs = ir::attrsOf(op);
    const TensorType type = typeOf(op->getOperand(0));
    if (type.shape.empty() || type.shape[0] % rows_ != 0)
      return std::nullopt;
    switch (code) {
    case OpCode::Sum: return attrs.axes.contains(0) ? std::nullopt : mapped(op, 0, type);
    case OpCode::Broadcast:
    case OpCode::Transpose:
      return attrs.axes.empty() || attrs.axes[0] != 0 ? std::nullopt : mapped(op, 0, {});
    case OpCode::Reshape: return mapped(op, 0, {});
    case OpCode::Matmul:
      if (type.rank() == 2 || lateness_.isLate(op->getOperand(0)))
        return mapped(op, 0, type);
      return mapped(op, 1, typeOf(op->getOperand(1)));
    default: return std::nullopt;
    }
  }

  bool othersAreEarly(Operation* op, unsigned late) {
    for (OpOperand& operand : op->getOpOperands())
      if (operand.getOperandNumber() != late && lateness_.isLate(operand.get()))
        return false;
    return lateness_.isLate(op->getOperand(late));
  }

  // op(c u, others) = c op(u, others). Where `whole` is no type, ones stay ones.
  std::optional<Terms> mapped(Operation* op, unsigned late, std::optional<TensorType> whole) {
    if (!othersAreEarly(op, late))
      return std::nullopt;
    std::optional<Terms> terms = factor(op->getOperand(late));
    if (!terms)
      return std::nullopt;
    for (Term& term : *terms) {
      if (!term.u && !whole)
        continue;
      SmallVector<Value> operands(op->getOperands());
      operands[late] = term.u ? term.u : ones(*whole);
      term.u = make(*ir::opCodeOf(op), operands, ir::attrsOf(op));
    }
    return terms;
  }

  // (c u) v = c (u v), (c u) / v = c (u / v)
  std::optional<Terms> scaled(Operation* op, unsigned late) {
    if (!othersAreEarly(op, late))
      return std::nullopt;
    std::optional<Terms> terms = factor(op->getOperand(late));
    if (!terms)
      return std::nullopt;
    const OpCode code = *ir::opCodeOf(op);
    for (Term& term : *terms) {
      if (!term.u && code == OpCode::Mul) {
        term.u = op->getOperand(1 - late);
        continue;
      }
      SmallVector<Value> operands(op->getOperands());
      operands[late] = orOnes(term.u, typeOf(op->getOperand(late)));
      term.u = make(code, operands);
    }
    return terms;
  }

  std::optional<Terms> added(Operation* op, const TensorType& type) {
    const bool minus = *ir::opCodeOf(op) == OpCode::Sub;
    Terms sum;
    for (unsigned i = 0; i < 2; ++i) {
      Value operand = op->getOperand(i);
      if (isZero(operand))
        continue;
      std::optional<Terms> terms;
      if (lateness_.isLate(operand))
        terms = factor(operand);
      if (!terms)
        return std::nullopt;
      for (Term term : *terms)
        add(sum, term, i == 1 && minus, type);
    }
    return sum;
  }

  void add(Terms& sum, Term term, bool negated, const TensorType& type) {
    for (Term& known : sum)
      if (known.c == term.c) {
        known.u = make(negated ? OpCode::Sub : OpCode::Add,
                       {orOnes(known.u, type), orOnes(term.u, type)});
        return;
      }
    if (negated)
      term.u = make(OpCode::Neg, orOnes(term.u, type));
    sum.push_back(term);
  }

  // where(condition, c u, 0) = c where(condition, u, 0), and the other way round
  std::optional<Terms> selected(Operation* op, const TensorType& type) {
    const unsigned late = isZero(op->getOperand(2)) ? 1 : 2;
    return isZero(op->getOperand(3 - late)) ? mapped(op, late, type) : std::nullopt;
  }

  OpBuilder builder_;
  Operation* product_;
  Value a_;
  int64_t rows_;
  Lateness lateness_;
  int steps_ = 0;
  llvm::DenseMap<Value, std::optional<Terms>> factored_;
  llvm::DenseMap<Value, bool> hasSums_;
};

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

// Extents that may count rows: leading ones of what the product's other side is made of.
SmallVector<int64_t> rowCounts(Value g, int64_t all) {
  SmallVector<int64_t> counts;
  SmallVector<Value> pending{g};
  llvm::DenseSet<Value> seen;
  while (!pending.empty() && seen.size() < kMaxSteps) {
    Value value = pending.pop_back_val();
    const Shape shape = typeOf(value).shape;
    if (!seen.insert(value).second || shape.empty())
      continue;
    if (shape[0] > 1 && shape[0] < all && all % shape[0] == 0 &&
        !llvm::is_contained(counts, shape[0]))
      counts.push_back(shape[0]);
    if (Operation* op = value.getDefiningOp(); op && ir::opCodeOf(op))
      pending.append(op->operand_begin(), op->operand_end());
  }
  return counts;
}

bool factorProduct(ir::MatmulOp product, Choices* choices) {
  auto turned = product.getX().getDefiningOp<ir::TransposeOp>();
  const TensorType type = typeOf(product.getX());
  if (type.rank() != 2 || !turned || !choose(choices, type.bytes() >= kLargeBytes))
    return false;
  Value a = turned.getX();
  for (int64_t rows : rowCounts(product.getY(), type.shape[1]))
    if (Value factored = RowFactoring(product, a, rootOf(a), rows).run()) {
      product.getResult().replaceAllUsesWith(factored);
      return true;
    }
  return false;
}

} // namespace

bool factorRows(func::FuncOp function, Choices* choices) {
  bool changed = false;
  for (Block& block : function.getBody())
    for (Operation& op : llvm::make_early_inc_range(block))
      if (auto product = dyn_cast<ir::MatmulOp>(&op))
        changed |= factorProduct(product, choices);
  eraseDeadOperations(function);
  return changed;
}

namespace {
struct FactorRows : impl::FactorRowsBase<FactorRows> {
  void runOnOperation() override { factorRows(getOperation()); }
};
} // namespace

} // namespace diptych::passes
