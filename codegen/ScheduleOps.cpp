// Operators that are kernels of their own: movements that copy, index kernels.
#include "codegen/Scheduler.h"

#include "codegen/Emit.h"
#include "runtime/IndexPlan.h"
#include "runtime/Library.h"

namespace diptych::codegen {

using namespace mlir;

void Scheduler::movement(Operation* op, OpCode code) {
  if (code == OpCode::Pad)
    return pad(op);
  if (code == OpCode::Concatenate)
    return join(op);
  if (code == OpCode::Transpose && isPrologue(op))
    return;
  const TensorType type = ir::tensorTypeOf(op->getResult(0).getType());
  const Attrs attrs = ir::attrsOf(op);
  std::optional<Storage> view = viewOf(code, attrs, at(op->getOperand(0)), type);
  if (!view)
    view = viewOf(code, attrs, contiguous(at(op->getOperand(0))), type);
  storages_[op->getResult(0)] = *view;
}

void Scheduler::argReduction(Operation* op, OpCode code) {
  const Storage from =
      at(op->getOperand(0)).splat ? contiguous(at(op->getOperand(0))) : at(op->getOperand(0));
  const Storage to = allocateResult(op);
  const int64_t axis = ir::attrsOf(op).axis;
  ArgSpec spec;
  spec.greatest = code == OpCode::Argmax;
  spec.from = {0, from.type.dtype, {}, from.offset};
  spec.to = {1, DType::i64, {}, to.offset};
  auto loop = [&](int64_t extent, int64_t fromStride, int64_t toStride) {
    spec.extents.push_back(extent);
    spec.from.strides.push_back(fromStride);
    spec.to.strides.push_back(toStride);
  };
  for (int i = 0, kept = 0; i < from.type.rank(); ++i)
    if (i != axis)
      loop(from.type.shape[i], from.strides[i], to.strides[kept++]);
  if (spec.extents.empty())
    loop(1, 0, 0);
  loop(from.type.shape[axis], from.strides[axis], 0);
  for (size_t i = 0; i < spec.extents.size(); ++i)
    if (spec.from.strides[i].is(1) && (spec.to.strides[i].is(1) || i + 1 == spec.extents.size()))
      spec.vectorLoop = static_cast<int>(i);
  const bool alongAxis = spec.vectorLoop + 1 == static_cast<int>(spec.extents.size());
  const int64_t size = sizeOf(from.type.dtype);
  spec.lanes =
      options_.vectorBytes / static_cast<int>(alongAxis ? std::max<int64_t>(4, size) : size);
  ScheduledCall call;
  call.name = info(code).name;
  call.buffers = {from.buffer, to.buffer};
  call.work = call.flops = static_cast<double>(from.type.numel());
  call.range = spec.extents[0].value;
  call.grain = std::max<int64_t>(leastColumns(spec),
                                 32768 * call.range / std::max<int64_t>(1, from.type.numel()));
  call.kernel = {spec};
  if (to.type.numel() != 0)
    this->call(std::move(call));
}

static IndexSpec indexSpecOf(const TensorType& x, int64_t axis, int64_t m, int vectorBytes) {
  IndexSpec spec;
  spec.dtype = x.dtype;
  spec.n = x.shape[axis];
  spec.m = m;
  int64_t inner = 1;
  for (int64_t i = axis + 1; i < x.rank(); ++i)
    inner *= x.shape[i];
  spec.inner = inner;
  int64_t outer = 1;
  for (int64_t i = 0; i < axis; ++i)
    outer *= x.shape[i];
  // Where there is nothing to copy, the indices are looked at all the same, as in eager mode.
  spec.outer = std::max<int64_t>(1, outer);
  if (outer == 0)
    spec.inner = 0;
  spec.lanes = vectorBytes / static_cast<int>(std::max<int64_t>(4, sizeOf(x.dtype)));
  return spec;
}

ScheduledCall Scheduler::indexCall(Operation* op, const IndexSpec& spec) {
  ScheduledCall call;
  call.kernel = {spec};
  call.name = info(*ir::opCodeOf(op)).name;
  const int64_t outer = spec.outer.value, m = spec.m.value, inner = spec.inner.value;
  const runtime::IndexPlan plan = spec.code == OpCode::Gather
                                      ? runtime::gatherPlan(outer, m, inner)
                                      : runtime::scatterPlan(outer, spec.n.value, m, inner);
  call.range = plan.range;
  call.grain = plan.grain;
  call.work = static_cast<double>(outer * m * inner);
  const std::string axis = "axis " + std::to_string(ir::attrsOf(op).axis) + " of " +
                           ir::tensorTypeOf(op->getOperand(0).getType()).str();
  call.status = runtime::indexText(spec.code == OpCode::Gather ? 1 : 0, spec.n.value, axis);
  call.failure = "an index is out of range for " + axis + "; indices go from 0 to " +
                 std::to_string(spec.n.value - 1);
  return call;
}

void Scheduler::gather(Operation* op) {
  const Storage x = wholeBuffer(at(op->getOperand(0)));
  const Storage indices = wholeBuffer(converted(at(op->getOperand(1)), DType::i64));
  const Storage to = allocateResult(op);
  ScheduledCall call = indexCall(
      op, indexSpecOf(x.type, ir::attrsOf(op).axis, indices.type.numel(), options_.vectorBytes));
  call.buffers = {x.buffer, indices.buffer, to.buffer,
                  newBuffer(PlannedBuffer::Kind::Temporary, 8)};
  this->call(std::move(call));
}

void Scheduler::scatter(Operation* op, OpCode code) {
  const Storage indices = wholeBuffer(converted(at(op->getOperand(1)), DType::i64));
  const Storage updates = wholeBuffer(at(op->getOperand(2)));
  const Storage to = allocateResult(op);
  copy(at(op->getOperand(0)), to);
  IndexSpec spec =
      indexSpecOf(to.type, ir::attrsOf(op).axis, indices.type.numel(), options_.vectorBytes);
  spec.code = code;
  ScheduledCall call = indexCall(op, spec);
  call.buffers = {indices.buffer, updates.buffer, to.buffer,
                  newBuffer(PlannedBuffer::Kind::Temporary, 8)};
  this->call(std::move(call));
}

// A kernel instead.
void Scheduler::rolling(ScheduledCall call, const RollingSpec& spec) {
  call.library = nullptr;
  call.libraryName.clear();
  call.kernel = {spec};
  if (call.range != 0)
    this->call(std::move(call));
}

void Scheduler::library(Operation* op, OpCode code) {
  ScheduledCall call;
  std::vector<TensorType> types;
  for (Value operand : op->getOperands()) {
    types.push_back(ir::tensorTypeOf(operand.getType()));
    call.buffers.push_back(wholeBuffer(at(operand)).buffer);
  }
  const Storage to = allocateResult(op);
  call.buffers.push_back(to.buffer);
  runtime::LibraryCall own = runtime::libraryCall({info(code), types, to.type, ir::attrsOf(op)});
  call.name = info(code).name;
  call.library = own.kernel;
  call.libraryName = std::string(info(code).name) + "_" + name(types[0].dtype);
  call.range = own.allSteps();
  call.grain = own.grain(kPieceWork);
  call.flops = own.work * static_cast<double>(own.range);
  if (options_.gpu && isRolling(info(code)))
    return rolling(std::move(call), {code, types[0].dtype, own.range, own.params[0], own.params[1],
                                     own.params[2], types.size() == 2 ? own.params[4] : 1});
  call.params = own.params;
  if (own.failure || options_.scratchPieces)
    call.buffers.push_back(newBuffer(PlannedBuffer::Kind::Temporary, 8));
  if (options_.scratchPieces) {
    const int64_t pieces = std::clamp<int64_t>(call.range / call.grain, 1, options_.scratchPieces);
    call.scratchBytes = (own.scratch + 63) / 64 * 64 + 64; // what aligning it takes
    call.buffers.push_back(newBuffer(PlannedBuffer::Kind::Temporary, pieces * call.scratchBytes));
  }
  if (own.failure) {
    call.failure = own.failure(-1, -1);
    call.status = [own = std::move(own)](int64_t status, void* const*) {
      return runtime::failureText(own, status);
    };
  }
  this->call(std::move(call));
}

} // namespace diptych::codegen
