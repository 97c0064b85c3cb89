// Aliases, and what a run leaves behind.
#include "frontend/EagerRun.h"

#include <algorithm>

#include "ir/Emitted.h"

namespace diptych {

static void checkFloat(const char* transform, const Value& input, int index) {
  if (!isFloat(input.dtype()))
    throw Error(std::string(transform) + ": expected argument " + std::to_string(index) +
                " to be f32, f64, bf16 or f16, got " + input.type().str() +
                "; convert it with astype, or leave it out of the differentiated arguments");
}

static bool anyRequiresGrad(ValueSpan values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& value) { return value && eagerTensor(value).requiresGrad(); });
}

bool Run::hasHistory(ValueSpan seeds) const {
  return recordedAlias_ || tape_->reachesOutside() || anyRequiresGrad(seeds);
}

// An input with a history keeps it through a recorded identity; any other becomes a leaf.
Value Run::alias(const Value& input) {
  Value result = detached(input);
  TensorImpl& tensor = eagerTensor(result);
  if (outerMode_ && eagerTensor(input).requiresGrad()) {
    Attrs attrs;
    attrs.shape = input.shape();
    const Value operands[] = {input};
    TapeNode::addResult(TapeNode::make(OpCode::Reshape, operands, &attrs), tensor, 0);
    recordedAlias_ = true;
  }
  tensor.setRequiresGrad(true);
  tensor.transform = transform_;
  return result;
}

Run::Run(const char* transform, Emitter& emitter, const Function& f, ValueSpan inputs,
         std::span<const int> wrt) {
  Values arguments(inputs.begin(), inputs.end());
  for (int index : wrt) {
    checkFloat(transform, inputs[static_cast<size_t>(index)], index);
    wrt_.push_back(alias(inputs[static_cast<size_t>(index)]));
    arguments[static_cast<size_t>(index)] = wrt_.back();
  }
  const uint64_t since = nextSequence();
  for (const Value& input : wrt_)
    eagerTensor(input).sequence = since - 1;
  {
    const GradModeScope recording(true);
    const EmitterScope scope(emitter);
    outputs_ = f(arguments);
  }
  for (const Value& output : outputs_)
    eagerTensor(output);
  tape_.emplace(outputs_, since, transform_);
}

Derivatives Run::finish(Values derivatives, bool recorded) const {
  Derivatives result{outputs_, std::move(derivatives)};
  if (recorded)
    return result;
  for (Value& output : result.outputs)
    output = detached(output);
  for (Value& derivative : result.derivatives)
    if (eagerTensor(derivative).requiresGrad())
      derivative = detached(derivative);
  return result;
}

Values zerosForNull(Values derivatives, ValueSpan values, int64_t batch) {
  for (size_t i = 0; i < derivatives.size(); ++i) {
    if (derivatives[i])
      continue;
    TensorType type = values[i].type();
    if (batch > 0)
      type.shape.insert(0, batch);
    derivatives[i] = emitted::constant(type, Scalar(0));
  }
  return derivatives;
}

} // namespace diptych
