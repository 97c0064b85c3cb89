// Windows laid on their array and added up, in one nest whose loops go in order.
#include "codegen/Scheduler.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

struct Loops {
  llvm::SmallVector<int64_t> axes; // of the sum's operand, outermost first
  llvm::SmallVector<bool> backwards;
  size_t rows = 0; // the first loops, over axes before any windows, which threads may share

  void add(int64_t axis, bool isBackwards = false) {
    axes.push_back(axis);
    backwards.push_back(isBackwards);
  }
};

/// What meets at a place is added in the order of places in a window. So places are loops around
/// those over windows; or, to walk through memory once, they are inside and windows come from the
/// last to the first. Vectors take neighbouring windows at once.
Loops loopsOf(const Attrs& attrs, int rank, bool placesFirst) {
  Loops loops;
  llvm::SmallVector<int64_t> inner;
  for (int i = 0, from = 0; i < rank; ++i, ++from) {
    const bool isLast = i == rank - 1, isFirst = loops.rows == loops.axes.size();
    if (attrs.axes.contains(i)) {
      const int64_t windows = from++;
      if (placesFirst || isLast) {
        loops.add(from);
        inner.push_back(windows);
      } else {
        loops.add(windows, true);
        loops.add(from);
      }
    } else if (isFirst) {
      loops.add(from);
      ++loops.rows;
    } else if (placesFirst) {
      inner.push_back(from);
    } else {
      loops.add(from);
    }
  }
  for (int64_t axis : inner)
    loops.add(axis);
  return loops;
}

/// By how far a step along each of the operand's axes moves in the result.
llvm::SmallVector<int64_t> stepsInto(const Storage& to, const Attrs& attrs) {
  llvm::SmallVector<int64_t> steps;
  for (int i = 0, which = 0; i < to.type.rank(); ++i) {
    const bool windowed = attrs.axes.contains(i);
    steps.push_back(to.strides[i] * (windowed ? attrs.strides[which] : 1));
    if (windowed)
      steps.push_back(to.strides[i] * attrs.dilations[which++]);
  }
  return steps;
}

/// to += x, x along the loops.
LoweredNest addition(const Storage& x, const Storage& to, const Loops& loops,
                     ArrayRef<int64_t> steps) {
  LoweredNest nest;
  nest.name = "overlap_add";
  nest.buffers = {to.buffer};
  Access read{1, x.type.dtype, {}, x.offset}, written{0, to.type.dtype, {}, to.offset};
  for (auto [axis, isBackwards] : llvm::zip(loops.axes, loops.backwards)) {
    const int64_t extent = x.type.shape[axis], along = x.strides[axis], step = steps[axis];
    nest.nest.extents.push_back(extent);
    read.strides.push_back(isBackwards ? -along : along);
    written.strides.push_back(isBackwards ? -step : step);
    read.offset.value += isBackwards ? (extent - 1) * along : 0;
    written.offset.value += isBackwards ? (extent - 1) * step : 0;
  }
  nest.nest.lines.push_back({Line::Load{written}, to.type.dtype});
  if (x.splat) {
    nest.nest.lines.push_back({Line::Constant{*x.splat}, to.type.dtype});
  } else {
    nest.buffers.push_back(x.buffer);
    nest.nest.lines.push_back({Line::Load{read}, to.type.dtype});
  }
  nest.nest.lines.push_back({Line::Apply{OpCode::Add, {0, 1}}, to.type.dtype});
  nest.nest.stores.push_back({2, written});
  nest.flops = static_cast<double>(x.type.numel());
  return nest;
}

} // namespace

// Threads of a GPU share all windows of a place; and open sizes have no last window to begin with.
bool Scheduler::addsPlacesFirst() const { return options_.gpu || options_.choices; }

llvm::SmallVector<int64_t> Scheduler::windowsLayout(Operation* overlapAdd) const {
  const int rank = ir::tensorTypeOf(overlapAdd->getResult(0).getType()).rank();
  return loopsOf(ir::attrsOf(overlapAdd), rank, addsPlacesFirst()).axes;
}

void Scheduler::overlapAdd(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  Storage x = at(op->getOperand(0));
  const Storage to = allocateResult(op);
  Storage zero = to;
  zero.splat = isFloat(to.type.dtype) ? Scalar(0.0) : Scalar(int64_t{0});
  copy(zero, to);
  if (x.type.numel() == 0 || to.type.numel() == 0)
    return;
  const int64_t first = attrs.axes.empty() ? -1 : attrs.axes[0];
  const bool liesByPlace = first >= 0 && x.strides[first + 1] > x.strides[first];
  const Loops loops = loopsOf(attrs, to.type.rank(), addsPlacesFirst() || liesByPlace);
  if (!x.splat && !loops.axes.empty() && x.strides[loops.axes.back()] != 1) {
    const Storage made = laidOut(x.type, loops.axes);
    copy(x, made);
    x = made;
  }
  int64_t rows = 1;
  for (int64_t axis : ArrayRef<int64_t>(loops.axes).take_front(loops.rows))
    rows *= x.type.shape[axis];
  LoweredNest nest = addition(x, to, loops, stepsInto(to, attrs));
  finishInOrder(nest.nest, options_);
  call(std::move(nest));
  if (rows > 1)
    return;
  // The outermost loop goes over windows or places: in one piece, and no other call's rows are its.
  ScheduledCall& whole = schedule_.calls.back();
  whole.grain = whole.range, whole.work = 0, whole.apart = true;
}

} // namespace diptych::codegen
