// Extrema and ranks of rolling windows as sums and extrema over views of windows: n w work without
// order among elements, which suits a GPU as the host's queues, n log w one after the other, do
// not.
#include "ir/Emitted.h"
#include "ir/IrEmitter.h"
#include "passes/Passes.h"

#include <limits>

namespace diptych::passes {

#define GEN_PASS_DEF_EXPANDWINDOWS
#include "passes/Passes.h.inc"

namespace {

using namespace emitted;

/// Windows of `size` elements that end at each element along `axis`; in front of the first stands
/// `missing`. Of [.., n, ..] it is [.., n, size, ..].
struct Windows {
  int64_t axis, size;

  Value of(const Value& x, const Scalar& missing) const {
    Dims low(x.rank(), 0), none(x.rank(), 0);
    low[axis] = size - 1;
    return windows(pad(x, low, none, none, missing), {axis}, {size}, {1}, {1});
  }
  // The windows' own places are the axis behind.
  Value reduced(OpCode code, const Value& inWindows) const {
    return reduce(code, inWindows, {axis + 1});
  }
  Value position(OpCode code, const Value& inWindows) const {
    Attrs attrs;
    attrs.axis = axis + 1;
    return emit(code, {inWindows}, attrs);
  }
  Value repeated(const Value& x) const {
    Shape shape = x.shape();
    shape.insert(axis + 1, size);
    return expand(x, shape, {axis + 1});
  }
};

// What is missing counts as the worst number, which wins only where nothing is better: then the
// first element that is there does. All of it is exact, so these are the host's positions.
Value extremum(const Value& x, const Windows& windows, bool greatest) {
  const double worst = (greatest ? -1 : 1) * std::numeric_limits<double>::infinity();
  const OpCode position = greatest ? OpCode::Argmax : OpCode::Argmin;
  const Value there = eq(x, x);
  const Value numbers = windows.of(where(there, x, like(x, worst)), worst);
  const Value flags = windows.of(convert(there, DType::i32), 0.0);
  const Value best = windows.reduced(greatest ? OpCode::Max : OpCode::Min, numbers);
  const Value any = windows.reduced(OpCode::Max, flags);
  const Value within = where(eq(best, like(best, worst)), windows.position(OpCode::Argmax, flags),
                             windows.position(position, numbers));
  const Value own = iota({DType::i64, x.shape()}, windows.axis);
  const Value found = own - like(own, static_cast<double>(windows.size - 1)) + within;
  return where(gt(any, like(any, 0.0)), found, own);
}
Value greatest(const Value& x, const Windows& windows) { return extremum(x, windows, true); }
Value least(const Value& x, const Windows& windows) { return extremum(x, windows, false); }

// (those below + those up to it + 1) / 2; comparisons with NaN hold for none.
Value rank(const Value& x, const Windows& windows) {
  const Value others = windows.of(x, std::numeric_limits<double>::quiet_NaN());
  const Value own = windows.repeated(x);
  const Value counts = convert(lt(others, own), DType::i64) + convert(le(others, own), DType::i64);
  const Value total = convert(windows.reduced(OpCode::Sum, counts), DType::f64);
  return where(eq(x, x), convert(0.5 * (total + 1.0), x.dtype()), x);
}

struct Expansion {
  OpCode code;
  Value (*expand)(const Value& x, const Windows& windows);
};
const Expansion expansions[] = {
    {OpCode::RollingArgmax, greatest}, {OpCode::RollingArgmin, least}, {OpCode::RollingRank, rank}};

Windows windowsOf(mlir::Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const Shape shape = ir::tensorTypeOf(op->getOperand(0).getType()).shape;
  return {attrs.axis, std::min(attrs.window[0], shape[attrs.axis])};
}

// Longer windows are better off in the host's order; a view has one axis more.
bool isWorthIt(mlir::Operation* op) {
  constexpr int64_t kLongest = 512;
  const TensorType type = ir::tensorTypeOf(op->getOperand(0).getType());
  return type.numel() > 0 && type.rank() < kMaxRank && windowsOf(op).size <= kLongest;
}

} // namespace

bool expandWindows(mlir::func::FuncOp function) {
  llvm::SmallVector<std::pair<mlir::Operation*, const Expansion*>> found;
  function.walk([&](mlir::Operation* op) {
    for (const Expansion& expansion : expansions)
      if (ir::opCodeOf(op) == expansion.code && isWorthIt(op))
        found.emplace_back(op, &expansion);
  });
  if (found.empty())
    return false;
  ir::IrEmitter emitter(function);
  const EmitterScope scope(emitter);
  for (const auto& [op, expansion] : found) {
    emitter.builder().setInsertionPoint(op);
    const LocationOverride where(ir::sourceLocationOf(op->getLoc()));
    op->getResult(0).replaceAllUsesWith(
        emitter.unwrap(expansion->expand(emitter.wrap(op->getOperand(0)), windowsOf(op))));
  }
  for (const auto& [op, expansion] : found)
    op->erase();
  return true;
}

namespace {
struct ExpandWindows : impl::ExpandWindowsBase<ExpandWindows> {
  void runOnOperation() override { expandWindows(getOperation()); }
};
} // namespace

} // namespace diptych::passes
