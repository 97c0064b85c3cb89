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

/// The operand's index along each of its axes, and how often the loops turn.
std::pair<IndexMap, std::vector<Size>> placesOf(const Shape& shape, const Loops& loops) {
  IndexMap map;
  map.axes.resize(loops.axes.size());
  std::vector<Size> extents;
  for (auto [axis, isBackwards] : llvm::zip(loops.axes, loops.backwards)) {
    IndexMap::Axis along = IndexMap::Axis::of(static_cast<int>(extents.size()));
    if (isBackwards) {
      along = along.scaled(-1);
      along.offset = shape[axis] - 1;
    }
    map.axes[static_cast<size_t>(axis)] = along;
    extents.emplace_back(shape[axis]);
  }
  return {std::move(map), std::move(extents)};
}

/// An array of which a step along axis i of the operand is so many elements.
Access accessOf(const Storage& storage, ArrayRef<int64_t> steps, const IndexMap& map, int arg) {
  Access access{arg, storage.type.dtype, std::vector<Size>(map.axes.size(), Size(0)),
                storage.offset};
  for (size_t i = 0; i < map.axes.size(); ++i) {
    access.offset.value += steps[i] * map.axes[i].offset;
    for (const IndexMap::Term& term : map.axes[i].terms)
      access.strides[static_cast<size_t>(term.loop)].value += steps[i] * term.scale;
  }
  return access;
}

LoweredNest read(const Storage& x, const IndexMap& map, std::vector<Size> extents) {
  LoweredNest nest;
  nest.nest.extents = std::move(extents);
  if (x.splat) {
    nest.nest.lines.push_back({Line::Constant{*x.splat}, x.type.dtype});
    return nest;
  }
  nest.buffers.push_back(x.buffer);
  const SmallVector<int64_t> steps(x.strides.begin(), x.strides.end());
  nest.nest.lines.push_back({Line::Load{accessOf(x, steps, map, 0)}, x.type.dtype});
  return nest;
}

/// to + x, x the last line.
void addInto(LoweredNest& nest, const Storage& to, ArrayRef<int64_t> steps, const IndexMap& map) {
  const auto x = static_cast<int>(nest.nest.lines.size()) - 1;
  const Access access = accessOf(to, steps, map, static_cast<int>(nest.buffers.size()));
  nest.buffers.push_back(to.buffer);
  nest.nest.lines.push_back({Line::Load{access}, to.type.dtype});
  nest.nest.lines.push_back({Line::Apply{OpCode::Add, {x + 1, x}}, to.type.dtype});
  nest.nest.stores.push_back({x + 2, access});
  nest.name = "overlap_add" + (nest.name.empty() ? "" : "+" + nest.name);
}

// Whether the innermost loop, of those with more than one turn, walks along memory.
bool walksAlong(const Storage& x, const Loops& loops) {
  for (const int64_t axis : llvm::reverse(loops.axes))
    if (x.type.shape[axis] != 1)
      return x.strides[axis] == 1;
  return true;
}

} // namespace

// Threads of a GPU share all windows of a place; and open sizes have no last window to begin with.
bool Scheduler::addsPlacesFirst() const { return options_.gpu || options_.choices; }

llvm::SmallVector<int64_t> Scheduler::windowsLayout(Operation* overlapAdd) const {
  const int rank = ir::tensorTypeOf(overlapAdd->getResult(0).getType()).rank();
  return loopsOf(ir::attrsOf(overlapAdd), rank, addsPlacesFirst()).axes;
}

// What is light is computed where it is added: each element once, and none is in memory. Threads
// share what is heavy, but not always the sum.
bool Scheduler::isAddedUp(ir::FusionOp fusion) const {
  constexpr int kLight = 16;
  if (options_.gpu || options_.choices || fusion.getKind() != "pointwise" ||
      fusion->getNumResults() != 1 || !fusion->hasOneUse() ||
      !isa<ir::OverlapAddOp>(*fusion->user_begin()))
    return false;
  int cost = 0;
  for (Operation& line : fusion.getBody().front().without_terminator())
    if (const OpInfo& row = info(*ir::opCodeOf(&line)); row.isPointwise())
      cost += row.cost;
  return cost <= kLight;
}

void Scheduler::overlapAdd(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  auto fusion = op->getOperand(0).getDefiningOp<ir::FusionOp>();
  const bool computed = fusion && isAddedUp(fusion);
  Storage x;
  x.type = ir::tensorTypeOf(op->getOperand(0).getType());
  if (!computed)
    x = at(op->getOperand(0));
  const Storage to = allocateResult(op);
  Storage zero = to;
  zero.splat = isFloat(to.type.dtype) ? Scalar(0.0) : Scalar(int64_t{0});
  copy(zero, to);
  if (x.type.numel() == 0 || to.type.numel() == 0)
    return;
  const int64_t first = attrs.axes.empty() || computed ? -1 : attrs.axes[0];
  const bool liesByPlace = first >= 0 && x.strides[first + 1] > x.strides[first];
  const Loops loops = loopsOf(attrs, to.type.rank(), addsPlacesFirst() || liesByPlace);
  if (!computed && !x.splat && !walksAlong(x, loops)) {
    const Storage made = laidOut(x.type, loops.axes);
    copy(x, made);
    x = made;
  }
  auto [map, extents] = placesOf(x.type.shape, loops);
  LoweredNest nest;
  if (computed) {
    std::vector<Storage> captures;
    for (Value capture : fusion->getOperands())
      captures.push_back(at(capture));
    nest = FusionLowering(fusion, captures, {}, options_).lowerOperand(map, std::move(extents));
  } else {
    nest = read(x, map, std::move(extents));
  }
  addInto(nest, to, stepsInto(to, attrs), map);
  nest.flops = (nest.flops + 1) * static_cast<double>(x.type.numel());
  finishInOrder(nest.nest, options_);
  call(std::move(nest));
  int64_t rows = 1;
  for (int64_t axis : ArrayRef<int64_t>(loops.axes).take_front(loops.rows))
    rows *= x.type.shape[axis];
  if (rows > 1)
    return;
  // The outermost loop goes over windows or places: in one piece, and no other call's rows are its.
  ScheduledCall& whole = schedule_.calls.back();
  whole.grain = whole.range, whole.work = 0, whole.apart = true;
}

} // namespace diptych::codegen
