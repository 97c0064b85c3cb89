// Functions whose derivatives are not those of what they compute step by step: with rules of their
// own, or computed again when a sweep comes.
#include <algorithm>
#include <optional>

#include "frontend/EagerEmitter.h"

namespace diptych {

namespace {

bool anyRequiresGrad(ValueSpan values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& value) { return eagerTensor(value).requiresGrad(); });
}

std::vector<TensorType> typesOf(ValueSpan values) {
  std::vector<TensorType> types;
  for (const Value& value : values)
    types.push_back(value.type());
  return types;
}

Values detachedAll(ValueSpan values) {
  Values result;
  for (const Value& value : values)
    result.push_back(detached(value));
  return result;
}

/// A function run again, on the tensors it was run on.
class EagerReplay final : public autodiff::Replay {
public:
  EagerReplay(const Function& f, size_t inputCount, ValueSpan given) {
    operands.assign(given.begin(), given.end());
    const uint64_t since = nextSequence();
    {
      const GradModeScope recording(true);
      const EmitterScope scope(eagerEmitter());
      const LocationOverride location{SourceLocation()};
      outputs = f(ValueSpan(operands).first(inputCount));
    }
    tape_.emplace(outputs, since, 0);
  }
  autodiff::Nodes nodes() const override { return tape_->nodes(); }

private:
  std::optional<TapeSegment> tape_;
};

class Recomputed final : public autodiff::Replayable {
public:
  Recomputed(Function f, size_t inputCount) : f_(std::move(f)), inputCount_(inputCount) {}
  std::unique_ptr<autodiff::Replay> replay(ValueSpan operands, bool) const override {
    return std::make_unique<EagerReplay>(f_, inputCount_, operands);
  }

private:
  Function f_;
  size_t inputCount_;
};

} // namespace

// The inputs have no history here, so one that a result has comes from a captured tensor: it would
// be lost, since no rule knows it.
Values EagerEmitter::custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) {
  Values results;
  {
    const EmitterScope scope(*this);
    results = f->primal(detachedAll(inputs));
  }
  return located([&] {
    if (anyRequiresGrad(results))
      throw Error(f->name +
                  ": expected a function of its arguments alone, but it captures a tensor "
                  "that requires grad and has no rule; pass it as an argument, or "
                  "capture its detach()");
    results = detachedAll(results);
    eager::joinDeviceOf(inputs, results);
    if (!GradMode::enabled() || !anyRequiresGrad(inputs))
      return results;
    const NodeRef node = TapeNode::make(f, inputs, results);
    for (size_t i = 0; i < results.size(); ++i)
      if (isFloat(results[i].dtype()))
        TapeNode::addResult(node, eagerTensor(results[i]), static_cast<int>(i));
    return results;
  });
}

// The first run's tape tells what f captures, and goes.
Values EagerEmitter::checkpoint(const Function& f, ValueSpan inputs) {
  const EmitterScope scope(*this);
  const uint64_t since = nextSequence();
  Values outputs = f(inputs);
  if (!GradMode::enabled() || !anyRequiresGrad(outputs))
    return outputs;
  Values operands(inputs.begin(), inputs.end());
  {
    const TapeSegment tape(outputs, since, 0);
    for (const Value& value : tape.frontier())
      if (std::find(operands.begin(), operands.end(), value) == operands.end())
        operands.push_back(value);
  }
  Values results = detachedAll(outputs);
  const NodeRef node =
      TapeNode::make(std::make_shared<Recomputed>(f, inputs.size()), operands, typesOf(results));
  for (size_t i = 0; i < results.size(); ++i)
    if (eagerTensor(outputs[i]).requiresGrad())
      TapeNode::addResult(node, eagerTensor(results[i]), static_cast<int>(i));
  return results;
}

} // namespace diptych
