// Told from the operator's row of the table, and for movements and scans from shapes.
#include "passes/FusionRoles.h"

#include "ir/TypeRules.h"

namespace diptych::passes {

using namespace mlir;

// With fewer side by side, lanes of the whole kernel would be idle. Kernels rely on two at least.
static constexpr int64_t kLeastChains = 4;
static constexpr int64_t kLeastRun = 64;

static Shape shapeOf(Value value) { return ir::tensorTypeOf(value.getType()).shape; }

// Windows that share elements would have their producer compute those anew for each: they stay a
// view of stored elements, which costs nothing either.
static bool sharesElements(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  for (int i = 0; i < attrs.axes.size(); ++i)
    if (attrs.strides[i] < (attrs.sizes[i] - 1) * attrs.dilations[i] + 1)
      return true;
  return false;
}

// A movement that only renames loop indices: it needs no kernel inside a group.
static bool isIndexMap(Operation* op) {
  std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code || info(*code).family != Family::Movement)
    return false;
  if (*code == OpCode::Pad || *code == OpCode::Concatenate)
    return false;
  if (*code == OpCode::Windows)
    return !sharesElements(op);
  return *code != OpCode::Reshape ||
         ir::addsOnlyUnits(shapeOf(op->getOperand(0)), shapeOf(op->getResult(0)));
}

Role roleOf(Operation* op) {
  std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code)
    return Role::Barrier;
  const OpInfo& row = info(*code);
  if (row.isPointwise())
    return Role::Pointwise;
  if (row.isReduction())
    return Role::Reduction;
  if (row.family == Family::Creation) {
    auto constant = op->getAttrOfType<ElementsAttr>("value");
    return !constant || constant.isSplat() ? Role::Creation : Role::Barrier;
  }
  return isIndexMap(op) ? Role::IndexMap : Role::Barrier;
}

// Vectors run across what lies behind the axis.
bool isScan(Operation* op, Choices* choices) {
  const std::optional<OpCode> code = ir::opCodeOf(op);
  if (!code || info(*code).typeRule != &typerules::cumulative)
    return false;
  const Shape shape = shapeOf(op->getResult(0));
  int64_t behind = 1;
  for (int axis = static_cast<int>(ir::attrsOf(op).axis) + 1; axis < shape.size(); ++axis)
    behind *= shape[axis];
  return choose(choices, behind >= kLeastChains);
}

// What movements rename.
static Value originOf(Value value) {
  Operation* op = value.getDefiningOp();
  for (; op && isIndexMap(op); op = value.getDefiningOp())
    value = op->getOperand(0);
  return value;
}

std::optional<int64_t> axisAfter(Operation* op, int64_t axis) {
  if (auto wide = dyn_cast<ir::BroadcastOp>(op))
    return wide.getAxes()[axis];
  if (auto turned = dyn_cast<ir::TransposeOp>(op))
    return llvm::find(turned.getAxes(), axis) - turned.getAxes().begin();
  if (isa<ir::ReshapeOp>(op)) {
    const auto before = ir::properAxes(shapeOf(op->getOperand(0)));
    const auto after = ir::properAxes(shapeOf(op->getResult(0)));
    const auto place = llvm::find(before, axis) - before.begin();
    return place < std::ssize(after) ? std::optional(after[place]) : std::nullopt;
  }
  return isa<ir::WindowsOp>(op) ? std::nullopt : std::optional(axis);
}

// Windows that are added up go window after window, place by place.
int64_t innermostOf(Operation* op, const Shape& space) {
  const auto proper = ir::properAxes(space);
  const bool once = op->getNumResults() == 1 && op->hasOneUse();
  if (auto sum = once ? dyn_cast<ir::OverlapAddOp>(*op->user_begin()) : ir::OverlapAddOp())
    if (const Attrs attrs = ir::attrsOf(sum);
        attrs.axes.contains(ir::tensorTypeOf(sum.getType()).rank() - 1))
      return space.size() - 2;
  return proper.empty() ? -1 : proper.back();
}

bool keepsPlaces(Operation* op) { return roleOf(op) != Role::IndexMap && !ir::piecesOf(op); }

static size_t elementBytes(Value value) { return sizeOf(ir::tensorTypeOf(value.getType()).dtype); }

bool readsLess(Operation* op) {
  return op->getNumOperands() == 1 &&
         elementBytes(op->getOperand(0)) < elementBytes(op->getResult(0)) &&
         shapeOf(op->getOperand(0)) == shapeOf(op->getResult(0));
}

bool isNarrower(Operation* op) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    return elementBytes(operand) > elementBytes(op->getResult(0));
  });
}

bool hasLongRuns(Operation* op, const ir::Pieces& pieces) {
  const Shape shape = shapeOf(op->getResult(0));
  int64_t before = 1, behind = 1, longest = 0, begin = 0;
  for (int axis = 0; axis < shape.size(); ++axis)
    if (axis != pieces.axis)
      (axis < pieces.axis ? before : behind) *= shape[axis];
  for (const int64_t end : pieces.cuts)
    longest = std::max(longest, end - std::exchange(begin, end));
  longest = std::max(longest, shape[pieces.axis] - begin);
  return before == 1 || longest * behind >= kLeastRun;
}

SmallVector<Value> sourcesOf(Operation* op) {
  SmallVector<Value> sources;
  const auto add = [&](Operation* reader) {
    for (Value operand : reader->getOperands())
      if (Value origin = originOf(operand);
          !origin.getDefiningOp() || roleOf(origin.getDefiningOp()) != Role::Creation)
        sources.push_back(origin);
  };
  add(op);
  for (size_t i = 0, own = sources.size(); i < own; ++i)
    if (Operation* source = sources[i].getDefiningOp(); source && roleOf(source) != Role::Barrier)
      add(source);
  return sources;
}

} // namespace diptych::passes
