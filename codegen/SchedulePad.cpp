// Pad. An image that convolutions alone read is not padded in memory: they know where its zeros
// are.
#include "codegen/Scheduler.h"

#include "ir/DialectMovements.h"
#include "runtime/ConvolutionPlan.h"

#include <cmath>

namespace diptych::codegen {

using namespace mlir;

namespace {

constexpr int kSpatial = 3; // where spatial axes begin

bool isPositiveZero(const Scalar& value) {
  return value.asDouble() == 0 && !std::signbit(value.asDouble());
}

// Whether all that becomes of the value are images whose padded axes are spatial.
bool isImageOnly(Value value, Value pad, const Attrs& attrs) {
  return llvm::all_of(value.getUses(), [&](OpOperand& use) {
    Operation* user = use.getOwner();
    const std::optional<OpCode> code = ir::opCodeOf(user);
    const auto shapeOf = [](Value v) { return ir::tensorTypeOf(v.getType()).shape; };
    if (code == OpCode::Transpose ||
        (code == OpCode::Reshape && ir::addsOnlyUnits(shapeOf(value), shapeOf(user->getResult(0)))))
      return isImageOnly(user->getResult(0), pad, attrs);
    if (code != OpCode::Convolution || use.getOperandNumber() != 0)
      return false;
    const ir::Origin origin(value);
    const llvm::SmallVector<int64_t> proper = ir::properAxes(shapeOf(value));
    for (size_t i = 0; i < proper.size(); ++i)
      if (const int64_t axis = origin.axes()[i];
          proper[i] < kSpatial && (attrs.low[axis] || attrs.high[axis]))
        return false;
    return origin.value() == pad;
  });
}

} // namespace

bool Scheduler::isPaddedImage(Operation* op) const {
  const Attrs attrs = ir::attrsOf(op);
  const auto none = [](int64_t count) { return count == 0; };
  const auto some = [](int64_t count) { return count >= 0; };
  return !options_.gpu && !options_.choices && isPositiveZero(attrs.value) &&
         llvm::all_of(attrs.interior, none) && llvm::all_of(attrs.low, some) &&
         llvm::all_of(attrs.high, some) && !op->getResult(0).use_empty() &&
         isImageOnly(op->getResult(0), op->getResult(0), attrs);
}

void Scheduler::pad(Operation* op) {
  const Attrs attrs = ir::attrsOf(op);
  const Storage from = at(op->getOperand(0));
  Value result = op->getResult(0);
  if (from.splat || from.type.numel() == 0 || !isPaddedImage(op))
    return join(op);
  padded_[result] = from;
  Storage around = from;
  around.type = ir::tensorTypeOf(result.getType());
  for (int i = 0; i < from.type.rank(); ++i)
    around.offset -= attrs.low[i] * from.strides[i];
  storages_[result] = around;
}

// Where one axis is padded, what lies before and behind; else everything.
std::vector<Storage> Scheduler::aroundPadded(const Attrs& attrs, const Storage& to) const {
  const auto isNone = [](int64_t count) { return count == 0; };
  int axis = -1;
  for (int i = 0; i < to.type.rank(); ++i) {
    if (attrs.low[i] == 0 && attrs.high[i] == 0)
      continue;
    if (axis >= 0 || attrs.low[i] < 0 || attrs.high[i] < 0)
      return {to};
    axis = i;
  }
  // A GPU launches once for what two slabs would take twice; sizes that are open may have either.
  const bool apart = axis >= 0 && llvm::all_of(attrs.interior, isNone) && !options_.choices &&
                     (!options_.gpu || attrs.low[axis] == 0 || attrs.high[axis] == 0);
  if (!apart)
    return {to};
  std::vector<Storage> slabs;
  const int64_t end = to.type.shape[axis];
  for (const auto& [first, count] : {std::pair{int64_t{0}, attrs.low[axis]},
                                     std::pair{end - attrs.high[axis], attrs.high[axis]}})
    if (count > 0) {
      slabs.push_back(to);
      slabs.back().type.shape[axis] = count;
      slabs.back().offset += first * to.strides[axis];
    }
  return slabs;
}

void Scheduler::fillAround(Operation* op, const Storage& to) {
  const Attrs attrs = ir::attrsOf(op);
  for (const Storage& slab : aroundPadded(attrs, to)) {
    Storage filled = slab;
    filled.splat = attrs.value;
    copy(filled, slab);
  }
}

void Scheduler::findZeros(Value image, runtime::ConvolutionProblem& problem) const {
  const ir::Origin origin(image);
  const auto found = padded_.find(origin.value());
  if (found == padded_.end() || whole_.contains(origin.value()))
    return;
  const Attrs attrs = ir::attrsOf(origin.value().getDefiningOp());
  problem.zeros = Dims(problem.strides.size(), 0);
  for (int i = 0; i < problem.strides.size(); ++i)
    problem.inside.push_back(problem.x[kSpatial + i]);
  const llvm::SmallVector<int64_t> proper = ir::properAxes(problem.x);
  for (size_t i = 0; i < proper.size(); ++i)
    if (const auto axis = static_cast<int>(origin.axes()[i]); proper[i] >= kSpatial) {
      problem.zeros[static_cast<int>(proper[i]) - kSpatial] = attrs.low[axis];
      problem.inside[static_cast<int>(proper[i]) - kSpatial] = found->second.type.shape[axis];
    }
}

Storage Scheduler::padded(Value image) {
  const ir::Origin origin(image);
  const auto found = padded_.find(origin.value());
  Storage storage = at(image);
  if (found == padded_.end())
    return storage.splat ? contiguous(storage) : storage;
  Storage& whole = whole_[origin.value()];
  if (whole.buffer < 0) {
    Operation* pad = origin.value().getDefiningOp();
    whole = newStorage(ir::tensorTypeOf(origin.value().getType()));
    fillAround(pad, whole);
    copy(found->second, placeOf(whole, pad->getOpOperand(0)));
  }
  storage.buffer = whole.buffer, storage.offset = whole.offset;
  const llvm::SmallVector<int64_t> proper = ir::properAxes(storage.type.shape);
  for (size_t i = 0; i < proper.size(); ++i)
    storage.strides[static_cast<int>(proper[i])] =
        whole.strides[static_cast<int>(origin.axes()[i])];
  return storage;
}

} // namespace diptych::codegen
