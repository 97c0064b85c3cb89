// Concatenation and padding. A kernel whose result nothing else reads stores it at once where it
// belongs in the joined array; other operands are copied there.
#include "codegen/Scheduler.h"

#include "ir/Steps.h"

namespace diptych::codegen {

using namespace mlir;

namespace {

// In shorter pieces kernels would leave lanes unused; a copy costs less than what they compute.
constexpr int64_t kLeastRun = 256;

// Bytes of the value that lie side by side.
int64_t runOf(const Storage& storage) {
  int64_t run = 1;
  for (int axis = storage.type.rank() - 1; axis >= 0; --axis) {
    if (storage.type.shape[axis] == 1)
      continue;
    if (storage.strides[axis] != run)
      break;
    run *= storage.type.shape[axis];
  }
  return run * sizeOf(storage.type.dtype);
}

// The concatenation or pad that alone reads the value, perhaps in another shape.
OpOperand* joiningUse(Value value) {
  while (value.hasOneUse()) {
    OpOperand& use = *value.use_begin();
    const std::optional<OpCode> code = ir::opCodeOf(use.getOwner());
    if (code == OpCode::Concatenate || code == OpCode::Pad)
      return &use;
    if (code != OpCode::Reshape)
      break;
    value = use.getOwner()->getResult(0);
  }
  return nullptr;
}

// A pad that cuts nothing off and puts nothing between elements.
bool isPlain(const Attrs& pad) {
  const auto isSome = [](int64_t count) { return count >= 0; };
  return llvm::all_of(pad.low, isSome) && llvm::all_of(pad.high, isSome) &&
         llvm::all_of(pad.interior, [](int64_t count) { return count == 0; });
}

} // namespace

Storage Scheduler::placeOf(const Storage& joined, OpOperand& operand) {
  Operation* op = operand.getOwner();
  const Attrs attrs = ir::attrsOf(op);
  Storage part = joined;
  part.type = ir::tensorTypeOf(operand.get().getType());
  if (ir::opCodeOf(op) == OpCode::Pad) {
    for (int i = 0; i < joined.type.rank(); ++i) {
      part.offset += joined.strides[i] * attrs.low[i];
      part.strides[i] *= stepWithin(attrs.interior[i], joined.type.shape[i]) + 1;
    }
    return part;
  }
  llvm::SmallVector<int64_t>& begins = begins_[op];
  if (begins.empty())
    for (int64_t begin = 0; Value each : op->getOperands())
      begins.push_back(
          std::exchange(begin, begin + ir::tensorTypeOf(each.getType()).shape[attrs.axis]));
  part.offset += joined.strides[attrs.axis] * begins[operand.getOperandNumber()];
  return part;
}

Storage Scheduler::joined(Operation* op) {
  Value result = op->getResult(0);
  if (const auto known = storages_.find(result); known != storages_.end())
    return known->second;
  const std::optional<Storage> place = placeWithin(result);
  const Storage to = place ? *place : newStorage(ir::tensorTypeOf(result.getType()));
  if (ir::opCodeOf(op) == OpCode::Pad)
    fillAround(op, to);
  return storages_[result] = to;
}

void Scheduler::join(Operation* op) {
  const Storage to = joined(op);
  for (OpOperand& operand : op->getOpOperands())
    if (const Storage from = at(operand.get()); from.splat || from.buffer != to.buffer)
      copy(from, placeOf(to, operand));
}

std::optional<Storage> Scheduler::placeWithin(Value result) {
  const TensorType type = ir::tensorTypeOf(result.getType());
  OpOperand* use = joiningUse(result);
  if (!use)
    return std::nullopt;
  Operation* op = use->getOwner();
  if (ir::opCodeOf(op) == OpCode::Pad && (!isPlain(ir::attrsOf(op)) || isPaddedImage(op)))
    return std::nullopt;
  Attrs shape;
  shape.shape = type.shape;
  const auto within = [&](const Storage& joined) {
    return viewOf(OpCode::Reshape, shape, placeOf(joined, *use), type);
  };
  Storage whole;
  whole.type = ir::tensorTypeOf(op->getResult(0).getType());
  whole.strides = contiguousStrides(whole.type.shape);
  const std::optional<Storage> part = within(whole);
  const bool isLong = part && (runOf(*part) >= kLeastRun || part->isContiguous());
  return choose(options_.choices, isLong) ? within(joined(op)) : std::nullopt;
}

} // namespace diptych::codegen
