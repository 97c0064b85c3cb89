// Loops and branches: a plan for each part, and one call that owns the memory they need.
#include "codegen/Scheduler.h"
#include "ir/DialectControl.h"

namespace diptych::codegen {

namespace {

std::vector<int64_t> bytesOf(std::span<const TensorType> types) {
  std::vector<int64_t> bytes;
  for (const TensorType& type : types)
    bytes.push_back(type.bytes());
  return bytes;
}

runtime::ControlStep stepOf(const ControlFlow& flow) {
  using Kind = runtime::ControlStep::Kind;
  runtime::ControlStep step;
  step.kind = flow.kind == ControlFlow::Kind::scan        ? Kind::scan
              : flow.kind == ControlFlow::Kind::whileLoop ? Kind::whileLoop
                                                          : Kind::cond;
  step.consts = flow.consts;
  step.carry = flow.carry;
  step.xs = flow.xs();
  step.results = flow.body.outputs.size();
  step.length = flow.length;
  step.reverse = flow.reverse;
  const std::span outputs(flow.body.outputs);
  step.carryBytes = bytesOf(outputs.first(flow.carry));
  step.yBytes = bytesOf(outputs.subspan(flow.carry));
  step.xBytes = bytesOf(std::span(flow.body.inputs).subspan(flow.consts + flow.carry));
  return step;
}

} // namespace

void Scheduler::control(mlir::Operation* op) {
  const ControlFlow flow = ir::controlOf(op);
  auto control = std::make_shared<ScheduledControl>();
  control->step = stepOf(flow);
  ScheduledCall call;
  call.name = op->getName().stripDialect().str();
  const auto take = [&](int buffer, int64_t offset) {
    call.buffers.push_back(buffer);
    call.offsets.push_back(offset);
  };
  for (mlir::Value operand : op->getOperands()) {
    const Storage storage = contiguous(at(operand));
    take(storage.buffer, storage.offset * static_cast<int64_t>(sizeOf(storage.type.dtype)));
  }
  for (mlir::Value result : op->getResults()) {
    const Storage storage = newStorage(ir::tensorTypeOf(result.getType()));
    storages_[result] = storage;
    take(storage.buffer, 0);
  }
  for (int64_t bytes : control->step.carryBytes)
    take(newBuffer(PlannedBuffer::Kind::Temporary, bytes), 0);
  const auto part = [&](mlir::Region* region, Schedule& schedule) {
    if (region)
      schedule = Scheduler(region->front(), options_).run();
    take(newBuffer(PlannedBuffer::Kind::Temporary, schedule.arenaBytes), 0);
    schedule_.buffers.back().inArena = true;
    schedule_.buffers.back().grows = schedule.grows();
  };
  part(ir::bodyOf(op), control->body);
  part(ir::otherOf(op), control->other);
  take(newBuffer(PlannedBuffer::Kind::Temporary, 1), 0);
  call.control = std::move(control);
  this->call(std::move(call));
}

} // namespace diptych::codegen
