// What plans share: their type, constants, questions to a schedule.
#include "aot/LibraryCode.h"
#include "aot/PlanBody.h"

#include <diptych/Error.h>

#include <algorithm>

namespace diptych::aot {

using codegen::Schedule;
using codegen::ScheduledCall;

llvm::Constant* Constants::at(std::span<const std::byte> bytes) {
  std::string content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  llvm::Constant*& known = known_[content];
  if (known)
    return known;
  auto* data = llvm::ConstantDataArray::getString(module_.getContext(), content, false);
  auto* global = new llvm::GlobalVariable(module_, data->getType(), true,
                                          llvm::GlobalValue::PrivateLinkage, data, "constant");
  global->setAlignment(llvm::Align(kWorkspaceAlignment));
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return known = global;
}

llvm::FunctionType* planType(llvm::LLVMContext& context) {
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  llvm::Type* i32 = llvm::Type::getInt32Ty(context);
  return llvm::FunctionType::get(i32, {pointer, pointer, pointer, pointer, i32, i32}, false);
}

llvm::Function* emitPlan(PlanContext& context, const Schedule& schedule, const PlanNumbers& numbers,
                         const std::string& name, bool threaded) {
  auto* function = llvm::Function::Create(planType(context.module.getContext()),
                                          llvm::GlobalValue::InternalLinkage, name, context.module);
  function->setDoesNotThrow();
  PlanBody(context, schedule, numbers, function, threaded).emit();
  return function;
}

PlanNumbers numbersOf(const Schedule& schedule) {
  const auto sizes = [](const std::vector<int64_t>& numbers) {
    return std::vector<Size>(numbers.begin(), numbers.end());
  };
  PlanNumbers plan;
  for (const ScheduledCall& call : schedule.calls) {
    CallNumbers& numbers = plan.calls.emplace_back();
    numbers.range = call.range, numbers.grain = call.grain;
    numbers.scratchBytes = call.scratchBytes;
    numbers.offsets = sizes(call.offsets);
    if (!call.control)
      continue;
    const runtime::ControlStep& step = call.control->step;
    numbers.control = std::make_shared<ControlNumbers>(
        ControlNumbers{step.length, sizes(step.carryBytes), sizes(step.xBytes), sizes(step.yBytes),
                       numbersOf(call.control->body), numbersOf(call.control->other)});
  }
  for (const runtime::RowGroup& group : schedule.rowGroups) {
    GroupNumbers& numbers = plan.groups.emplace_back();
    numbers.rows = group.rows, numbers.grain = group.grain, numbers.chunk = group.chunk;
    for (size_t i = group.first; i < group.first + group.count; ++i)
      numbers.each.emplace_back(schedule.calls[i].range / group.rows);
  }
  for (const codegen::PlannedBuffer& buffer : schedule.buffers)
    plan.places.emplace_back(buffer.arenaOffset);
  return plan;
}

template <class Test> static bool any(const Schedule& schedule, const Test& test) {
  return std::any_of(schedule.calls.begin(), schedule.calls.end(), [&](const ScheduledCall& call) {
    return call.control ? any(call.control->body, test) || any(call.control->other, test)
                        : test(call);
  });
}

// Of a row group's steps one alone may be too small for threads: that costs only a decision.
bool isParallel(const Schedule& schedule) {
  return any(schedule, [](const ScheduledCall& call) { return call.range >= 2 * call.grain; });
}

bool canFail(const Schedule& schedule) {
  return any(schedule, [](const ScheduledCall& call) { return call.status || call.scratchBytes; });
}

void checkLibrary(const Schedule& schedule, const codegen::Target& target) {
  any(schedule, [&](const ScheduledCall& call) {
    const std::string lacking = call.library ? lackOfLibrary(target) : "";
    if (!lacking.empty())
      throw Error(call.where, "aot: " + call.name +
                                  " is computed by library code (sorting, decompositions, rolling "
                                  "extrema), which an artefact can't carry here: " +
                                  lacking + "; call it outside, and pass its result as an input");
    return false;
  });
}

} // namespace diptych::aot
