// Told from the operator's row of the table, and for movements and scans from shapes.
#include "passes/FusionRoles.h"

#include "ir/DialectMovements.h"
#include "ir/TypeRules.h"

namespace diptych::passes {

using namespace mlir;

// With fewer side by side, lanes of the whole kernel would be idle.
static constexpr int64_t kLeastChains = 4;

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
