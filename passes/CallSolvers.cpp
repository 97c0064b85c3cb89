// Operators of linear algebra as routines of a GPU's solver library (diptych.solver), and around
// them what makes the results ours: f64 as on the CPU, signs, halves, layout, NaN. All of that is
// ordinary operators, so it joins the kernels of its neighbours.
#include "ir/EmittedLinalg.h"
#include "ir/IrEmitter.h"
#include "passes/Passes.h"

#include <limits>

namespace diptych::passes {

#define GEN_PASS_DEF_CALLSOLVERS
#include "passes/Passes.h.inc"

namespace {

using namespace emitted;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// An operator that is being replaced, with its matrices as stacks [b, rows, columns] of f64.
class Problem {
public:
  Problem(mlir::Operation* op, ir::IrEmitter& emitter)
      : attrs(ir::attrsOf(op)), op_(op), emitter_(emitter) {}

  Value stack(unsigned i) const {
    const Value x = emitter_.wrap(op_->getOperand(i));
    const Shape& shape = x.shape();
    const int64_t rows = shape[x.rank() - 2], columns = shape[x.rank() - 1];
    return convert(reshape(x, {x.type().numel() / (rows * columns), rows, columns}), DType::f64);
  }
  Values call(const char* routine, const Values& inputs,
              const Triangle& triangle = {false, false, false}) const {
    std::vector<TensorType> types;
    for (const Value& input : inputs)
      types.push_back(input.type());
    const auto results = ir::SolverOp::resultTypes(routine, types);
    if (!results)
      throw Error(std::string("internal: inputs do not fit the routine ") + routine);
    mlir::OpBuilder& builder = emitter_.builder();
    llvm::SmallVector<mlir::Type> resultTypes;
    for (const TensorType& type : *results)
      resultTypes.push_back(ir::mlirTypeOf(builder.getContext(), type));
    const bool checked = attrs.flag(AttrField::check);
    auto op = ir::SolverOp::create(
        builder, op_->getLoc(), resultTypes, routine, emitter_.unwrap(inputs), triangle.lower,
        triangle.transposed, triangle.unit,
        checked ? mlir::TypeAttr::get(op_->getOperand(0).getType()) : mlir::TypeAttr());
    return emitter_.wrap(op->getResults());
  }

  /// Of a result [b, ...], in the operator's dtype, with its own batch axes.
  Value restored(const Value& x) const {
    const TensorType type = ir::tensorTypeOf(op_->getOperand(0).getType());
    Shape shape(type.shape.span().first(static_cast<size_t>(type.rank() - 2)));
    for (int axis = 1; axis < x.rank(); ++axis)
      shape.push_back(x.shape()[axis]);
    return convert(reshape(x, shape), type.dtype);
  }
  /// Results beside each other, along an axis counted from 1 without the batch: whoever wants one
  /// of them finds it.
  Value packed(const Values& parts, int axis) const {
    Values own;
    for (const Value& part : parts)
      own.push_back(restored(part));
    return concatenate(own, own[0].rank() - parts[0].rank() + axis);
  }

  Attrs attrs;

private:
  mlir::Operation* op_;
  ir::IrEmitter& emitter_;
};

//===-- What results have in common ----------------------------------------------------------===//

// [b, ...] -> [b]: whether all elements are finite.
Value isFinite(const Value& x) {
  const Value greatest = reduce(OpCode::Max, abs(x), {1, 2});
  return le(greatest, like(greatest, std::numeric_limits<double>::max()));
}
// A library may not return from matrices that are not finite: it gets ones on the diagonal instead.
Value cleaned(const Value& x, const Value& finite) {
  return where(overMatrix(finite, x), x, identityLike(x));
}
Value passed(const Value& info) { return eq(info, like(info, 0.0)); }
Value nanUnless(const Value& good, const Value& x) {
  return where(overMatrix(good, x), x, like(x, kNan));
}
// [..., n] -> [..., n]: -1 where it is negative, else 1.
Value signsOf(const Value& x) { return where(lt(x, like(x, 0.0)), like(x, -1.0), like(x, 1.0)); }

// [b, n, m] -> [b, n]: the sign of each row's first element of at least half the greatest
// magnitude.
Value leadingSigns(const Value& rows) {
  const Shape& shape = rows.shape();
  const Value index = iota({DType::i64, shape}, 2), size = abs(rows);
  const Value bound = 0.5 * reduce(OpCode::Max, size, {2});
  const Value is = ge(size, expand(bound, shape, {2}));
  const Value first =
      reduce(OpCode::Min, where(is, index, like(index, static_cast<double>(shape[2]))), {2});
  const Value leads = eq(index, expand(first, shape, {2}));
  return signsOf(sum(where(leads, rows, like(rows, 0.0)), {2}));
}

//===-- Factorisations that solve ------------------------------------------------------------===//

Value cholesky(const Problem& p) {
  const Value x = symmetricPart(p.stack(0)), finite = isFinite(x);
  const Values r = p.call("cholesky", {cleaned(x, finite)});
  return p.restored(masked(OpCode::Ge, nanUnless(logical_and(finite, passed(r[1])), r[0])));
}

// [b, n, n] -> i32 [b]: which element of the diagonal, from 1, is the first zero; 0: none.
Value firstZero(const Value& a) {
  const Value diagonal = diagonalOf(a);
  const TensorType type{DType::i64, diagonal.shape()};
  const Value beyond = constant(type, static_cast<double>(type.shape[1] + 1));
  const Value number = iota(type, 1) + constant(type, 1.0);
  const Value first =
      reduce(OpCode::Min, where(eq(diagonal, like(diagonal, 0.0)), number, beyond), {1});
  const Value none = like(first, static_cast<double>(type.shape[1] + 1));
  return convert(where(eq(first, none), like(first, 0.0), first), DType::i32);
}

Value triangularSolve(const Problem& p) {
  const Triangle triangle{p.attrs.flag(AttrField::lower), p.attrs.flag(AttrField::transposed),
                          p.attrs.flag(AttrField::unit)};
  const Value a = p.stack(0);
  const Value info = triangle.unit ? constant({DType::i32, {a.shape()[0]}}, 0.0) : firstZero(a);
  const Values r = p.call("triangular_solve", {a, p.stack(1), info}, triangle);
  return p.restored(nanUnless(passed(r[1]), r[0]));
}

Value solve(const Problem& p) {
  const Value a = p.stack(0), finite = isFinite(a);
  const Triangle whole{false, p.attrs.flag(AttrField::transposed), false};
  const Values r = p.call("solve", {cleaned(a, finite), matrixTranspose(p.stack(1))}, whole);
  return p.restored(nanUnless(logical_and(finite, passed(r[1])), matrixTranspose(r[0])));
}

/// U's diagonal [b, n], each element with the sign of its row's exchange; finite [b].
struct Pivots {
  Value signedPivots, finite;

  explicit Pivots(const Problem& p) {
    const Value x = p.stack(0);
    finite = isFinite(x);
    const Values r = p.call("lu", {cleaned(x, finite)});
    const Value own = iota(r[1].type(), 1) + like(r[1], 1.0), diagonal = diagonalOf(r[0]);
    signedPivots = where(eq(r[1], own), diagonal, -diagonal);
  }
  Value orNan(const Value& x) const { return where(finite, x, like(x, kNan)); }
};

Value det(const Problem& p) {
  const Pivots pivots(p);
  return p.restored(pivots.orNan(reduce(OpCode::Prod, pivots.signedPivots, {1})));
}

Value slogdet(const Problem& p) {
  const Pivots pivots(p);
  const Value sign = pivots.orNan(reduce(OpCode::Prod, emitted::sign(pivots.signedPivots), {1}));
  const Value logarithm = pivots.orNan(sum(log(abs(pivots.signedPivots)), {1}));
  const Shape column{sign.shape()[0], 1};
  return p.packed({reshape(sign, column), reshape(logarithm, column)}, 1);
}

//===-- Orthogonal decompositions ------------------------------------------------------------===//

Value qr(const Problem& p) {
  const Value x = p.stack(0), finite = isFinite(x);
  const int64_t n = x.shape()[2];
  const Values r = p.call("qr", {matrixTranspose(cleaned(x, finite))});
  const Value upper = matrixTranspose(columns(r[0], 0, n)), signs = signsOf(diagonalOf(upper));
  return p.packed({nanUnless(finite, scaleRows(r[1], signs)),
                   nanUnless(finite, masked(OpCode::Le, scaleRows(upper, signs)))},
                  2);
}

Value asRow(const Value& x) { return reshape(x, {x.shape()[0], 1, x.shape()[1]}); }

Value eigh(const Problem& p) {
  const Value x = symmetricPart(p.stack(0)), finite = isFinite(x);
  const Values r = p.call("eigh", {cleaned(x, finite)});
  const Value vectors = matrixTranspose(scaleRows(r[0], leadingSigns(r[0])));
  const Value good = logical_and(finite, passed(r[2]));
  return p.packed({nanUnless(good, vectors), nanUnless(good, asRow(r[1]))}, 1);
}

Value svd(const Problem& p) {
  const Value x = p.stack(0), finite = isFinite(x);
  const Values r = p.call("svd", {matrixTranspose(cleaned(x, finite))});
  const Value signs = leadingSigns(r[0]), good = logical_and(finite, passed(r[3]));
  return p.packed({nanUnless(good, matrixTranspose(scaleRows(r[0], signs))),
                   nanUnless(good, scaleColumns(r[1], signs)), nanUnless(good, asRow(r[2]))},
                  1);
}

// V diag(1 / s) U^T; of a wide matrix by its transpose.
Value pinv(const Problem& p) {
  const Value x = p.stack(0), finite = isFinite(x), clean = cleaned(x, finite);
  const bool isWide = x.shape()[1] < x.shape()[2];
  const Values r = p.call("svd", {isWide ? clean : matrixTranspose(clean)});
  const Value& s = r[2];
  const Value bound = p.attrs.value.asDouble() * reduce(OpCode::Max, s, {1});
  const Value counts = gt(s, expand(bound, s.shape(), {1}));
  const Value inverse = matmul(scaleColumns(r[1], where(counts, 1.0 / s, like(s, 0.0))), r[0]);
  return p.restored(
      nanUnless(logical_and(finite, passed(r[3])), isWide ? matrixTranspose(inverse) : inverse));
}

//===-- Which ---------------------------------------------------------------------------------===//

struct Expansion {
  OpCode code;
  llvm::StringRef routine;
  Value (*expand)(const Problem& p);
};
const Expansion expansions[] = {
    {OpCode::Cholesky, "cholesky", cholesky},
    {OpCode::TriangularSolve, "triangular_solve", triangularSolve},
    {OpCode::Solve, "solve", solve},
    {OpCode::Det, "lu", det},
    {OpCode::Slogdet, "lu", slogdet},
    {OpCode::Qr, "qr", qr},
    {OpCode::Eigh, "eigh", eigh},
    {OpCode::Svd, "svd", svd},
    {OpCode::Pinv, "svd", pinv},
};

// One matrix at a time, many small ones are better off on the host's threads.
bool isWorthIt(mlir::Operation* op, llvm::StringRef routine) {
  constexpr int64_t kMostCalls = 16, kMostElements = int64_t{1} << 31; // the libraries count in int
  for (const TensorType& type : ir::tensorTypesOf(op->getOperandTypes()))
    if (type.numel() == 0)
      return false;
  const TensorType type = ir::tensorTypeOf(op->getOperand(0).getType());
  const int64_t rows = type.shape[type.rank() - 2], columns = type.shape[type.rank() - 1];
  const int64_t count = type.numel() / (rows * columns);
  return rows * columns < kMostElements && count < kMostElements &&
         (count <= kMostCalls || ir::SolverOp::isBatched(routine, count, rows));
}

const Expansion* expansionOf(mlir::Operation* op) {
  const std::optional<OpCode> code = ir::opCodeOf(op);
  for (const Expansion& expansion : expansions)
    if (code == expansion.code && isWorthIt(op, expansion.routine))
      return &expansion;
  return nullptr;
}

} // namespace

bool callSolvers(mlir::func::FuncOp function) {
  llvm::SmallVector<std::pair<mlir::Operation*, const Expansion*>> found;
  function.walk([&](mlir::Operation* op) {
    if (const Expansion* expansion = expansionOf(op))
      found.emplace_back(op, expansion);
  });
  if (found.empty())
    return false;
  ir::IrEmitter emitter(function);
  const EmitterScope scope(emitter);
  for (const auto& [op, expansion] : found) {
    emitter.builder().setInsertionPoint(op);
    const LocationOverride where(ir::sourceLocationOf(op->getLoc()));
    op->getResult(0).replaceAllUsesWith(emitter.unwrap(expansion->expand(Problem(op, emitter))));
  }
  for (const auto& [op, expansion] : found)
    op->erase();
  return true;
}

namespace {
struct CallSolvers : impl::CallSolversBase<CallSolvers> {
  void runOnOperation() override { callSolvers(getOperation()); }
};
} // namespace

} // namespace diptych::passes
