// Loops and branches run now, one step after the other and without a tape; the whole is one node,
// whose rule is the compiler's.
#include <algorithm>

#include "autodiff/ControlRules.h"
#include "frontend/EagerEmitter.h"

namespace diptych {

namespace {

// A row of axis 0, without history.
Value rowOf(const Value& stack, int64_t index) {
  const TensorImpl& tensor = eagerTensor(stack);
  TensorType type = tensor.type;
  Dims strides = tensor.strides();
  const int64_t offset = index * strides[0];
  type.shape.erase(0);
  strides.erase(0);
  return viewOf(tensor, type, strides, offset);
}

Values detachedAll(ValueSpan values) {
  Values result;
  for (const Value& value : values)
    result.push_back(detached(value));
  return result;
}

bool holds(const Value& predicate) {
  std::byte element{};
  loadElement(eagerTensor(predicate), &element);
  return element != std::byte{0};
}

Values runScan(const ControlFlow& scan, ValueSpan operands) {
  const ValueSpan xs = operands.subspan(scan.consts + scan.carry);
  const size_t first = scan.consts;
  Values inputs(operands.begin(), operands.end()), results;
  const std::vector<TensorType> types = scan.resultTypes();
  bool onDevice = false, homeless = true; // as the operands, which are all on one side
  for (const Value& operand : operands) {
    onDevice |= eagerTensor(operand).isOnDevice();
    homeless &= eagerTensor(operand).isHomeless();
  }
  for (size_t i = scan.carry; i < types.size(); ++i) {
    results.push_back(newTensor(types[i], onDevice));
    eagerTensor(results.back()).setHomeless(homeless);
  }
  for (int64_t step = 0; step < scan.length; ++step) {
    const int64_t row = scan.reverse ? scan.length - 1 - step : step;
    for (size_t i = 0; i < xs.size(); ++i)
      inputs[first + scan.carry + i] = rowOf(xs[i], row);
    Values outputs = scan.body.run(inputs);
    for (size_t i = scan.carry; i < outputs.size(); ++i)
      runtime::launchCopy(eagerTensor(outputs[i]).strided(),
                          eagerTensor(rowOf(results[i - scan.carry], row)).strided());
    for (size_t i = 0; i < scan.carry; ++i)
      inputs[first + i] = std::move(outputs[i]);
  }
  const auto carry = inputs.begin() + static_cast<std::ptrdiff_t>(first);
  results.insert(results.begin(), carry, carry + static_cast<std::ptrdiff_t>(scan.carry));
  return results;
}

Values runWhile(const ControlFlow& loop, ValueSpan operands) {
  Values inputs(operands.begin(), operands.end());
  const auto carry = inputs.begin() + static_cast<std::ptrdiff_t>(loop.consts);
  for (int64_t step = 0; step != loop.length && holds(loop.other.run(inputs)[0]); ++step) {
    Values next = loop.body.run(inputs);
    std::move(next.begin(), next.end(), carry);
  }
  return {carry, inputs.end()};
}

Values run(const ControlFlow& flow, ValueSpan operands) {
  switch (flow.kind) {
  case ControlFlow::Kind::scan: return runScan(flow, operands);
  case ControlFlow::Kind::whileLoop: return runWhile(flow, operands);
  case ControlFlow::Kind::cond:
    return (holds(operands[0]) ? flow.body : flow.other).run(operands.subspan(1));
  }
  throw Error("internal: an unknown kind of loop");
}

bool isRecorded(const ControlFlow& flow, ValueSpan operands) {
  if (!GradMode::enabled())
    return false;
  const bool wanted = std::any_of(operands.begin(), operands.end(), [](const Value& value) {
    return eagerTensor(value).requiresGrad();
  });
  return wanted && std::any_of(flow.body.outputs.begin(), flow.body.outputs.end(),
                               [](const TensorType& type) { return isFloat(type.dtype); });
}

} // namespace

Values EagerEmitter::control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan given) {
  return located([&] {
    for (const Value& operand : given)
      eagerTensor(operand);
    const Values operands = eager::onOneDevice("a loop or branch", given);
    const bool recorded = isRecorded(*flow, operands);
    const auto own = recorded ? autodiff::forReverse(flow) : flow;
    Values results;
    {
      const GradModeScope recording(false);
      const EmitterScope scope(*this);
      results = detachedAll(diptych::run(*own, operands));
    }
    eager::joinDeviceOf(operands, results);
    if (recorded) {
      // Nobody else holds the carries that its rule will ask for.
      const auto kept = results.end() - static_cast<std::ptrdiff_t>(own->kept);
      const NodeRef node = TapeNode::make(own, operands, own->resultTypes(), {kept, results.end()});
      for (size_t i = 0; i < results.size(); ++i)
        if (isFloat(results[i].dtype()))
          TapeNode::addResult(node, eagerTensor(results[i]), static_cast<int>(i));
    }
    results.resize(flow->resultTypes().size());
    return results;
  });
}

} // namespace diptych
