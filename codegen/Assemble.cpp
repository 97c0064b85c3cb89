// From a schedule to a program that runs: machine code behind every kernel, a place for every
// argument.
#include "codegen/KernelCompiler.h"

namespace diptych::codegen {

std::vector<const KernelSpec*> kernelsOf(const Schedule& schedule) {
  std::vector<const KernelSpec*> kernels;
  const auto append = [&](const Schedule& part) {
    const auto more = kernelsOf(part);
    kernels.insert(kernels.end(), more.begin(), more.end());
  };
  for (const ScheduledCall& call : schedule.calls) {
    if (call.control) {
      append(call.control->body);
      append(call.control->other);
    } else if (call.isKernel()) {
      kernels.push_back(&call.kernel);
    }
  }
  return kernels;
}

namespace {

runtime::ArgPlace placeOf(const PlannedBuffer& buffer, runtime::Program& program) {
  using Kind = runtime::ArgPlace::Kind;
  switch (buffer.kind) {
  case PlannedBuffer::Kind::Input: return {Kind::Input, buffer.index};
  case PlannedBuffer::Kind::Output: return {Kind::Output, buffer.index};
  case PlannedBuffer::Kind::Temporary:
    if (buffer.rowBytes > 0)
      return {Kind::Lane, buffer.arenaOffset, 0, buffer.rowBytes};
    if (buffer.home < 0)
      return {Kind::Arena, buffer.arenaOffset};
    return {Kind::Output, buffer.home, buffer.arenaOffset};
  case PlannedBuffer::Kind::Constant: break;
  }
  program.constants.push_back(buffer.literal);
  return {Kind::Constant, static_cast<int64_t>(program.constants.size()) - 1};
}

std::shared_ptr<runtime::Program> build(const Schedule& schedule, const SetKernel& setKernel) {
  auto program = std::make_shared<runtime::Program>();
  program->inputs = schedule.inputs;
  program->outputs = schedule.outputs;
  program->rowGroups = schedule.rowGroups;
  program->donors = schedule.donors;
  program->fixedBytes = schedule.fixedBytes;
  program->outsideBytes = peakBytes(schedule) - schedule.arenaBytes;
  program->mostLanes = schedule.mostLanes;
  for (const ScheduledCall& call : schedule.calls) {
    runtime::ProgramStep step;
    if (call.control) {
      auto control = std::make_shared<runtime::ControlStep>(call.control->step);
      control->body = build(call.control->body, setKernel);
      if (control->kind != runtime::ControlStep::Kind::scan)
        control->other = build(call.control->other, setKernel);
      step.control = std::move(control);
    } else if (call.library) {
      step.kernel = call.library;
      step.params = call.params;
    }
    for (size_t i = 0; i < call.buffers.size(); ++i) {
      step.args.push_back(placeOf(schedule.buffers[call.buffers[i]], *program));
      step.argBytes.push_back(schedule.buffers[call.buffers[i]].bytes);
      step.args.back().offset += call.offsets.empty() ? 0 : call.offsets[i];
    }
    step.range = call.range;
    step.grain = call.grain;
    step.status = call.status;
    step.flops = call.flops;
    step.bytes = call.bytes;
    step.name = call.name;
    step.where = call.where;
    if (!call.control && !call.library)
      setKernel(call, step);
    program->steps.push_back(std::move(step));
  }
  return program;
}

} // namespace

std::shared_ptr<runtime::Program> assembleWith(const Schedule& schedule,
                                               const SetKernel& setKernel) {
  return build(schedule, setKernel);
}

std::shared_ptr<runtime::Program> assemble(const Schedule& schedule, bool persistent,
                                           KernelTimes& times) {
  const auto functions = KernelCompiler::native().compile(kernelsOf(schedule), persistent, times);
  auto next = functions.begin();
  return build(schedule,
               [&](const ScheduledCall&, runtime::ProgramStep& step) { step.kernel = *next++; });
}

} // namespace diptych::codegen
