// vjp and jvp of a function run eagerly: run it on fresh inputs, then sweep the piece of tape
// between them and its outputs. Sweeps never leave that piece, so nested transforms cannot be
// confused.
#include <algorithm>
#include <optional>

#include "autodiff/Batch.h"
#include "frontend/EagerEmitter.h"
#include "ir/Emitted.h"

namespace diptych {

namespace {

void checkFloat(const char* transform, const Value& input, int index) {
  if (!isFloat(input.dtype()))
    throw Error(std::string(transform) + ": expected argument " + std::to_string(index) +
                " to be f32 or f64, got " + input.type().str() +
                "; convert it with astype, or leave it out of the differentiated arguments");
}

bool anyRequiresGrad(ValueSpan values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& value) { return value && eagerTensor(value).requiresGrad(); });
}

/// One run of a function on aliases of its differentiated inputs.
class Run {
public:
  Run(const char* transform, Emitter& emitter, const Function& f, ValueSpan inputs,
      std::span<const int> wrt);
  // The aliases ask for no gradient any more: a later backward finds nothing behind them.
  ~Run() {
    for (const Value& input : wrt_)
      if (auto& tensor = eagerTensor(input); tensor.isLeaf())
        tensor.setRequiresGrad(false);
  }
  Run(const Run&) = delete;

  ValueSpan wrt() const { return wrt_; }
  ValueSpan outputs() const { return outputs_; }
  autodiff::Nodes nodes() const { return tape_->nodes(); }
  /// Whether the derivatives have a history of their own: something else that requires grad is in
  /// the function, in the inputs, or in the seeds.
  bool isRecorded(ValueSpan seeds) const {
    return outerMode_ && (recordedAlias_ || tape_->reachesOutside() || anyRequiresGrad(seeds));
  }
  Derivatives finish(Values derivatives, bool recorded) const;

private:
  Value alias(const Value& input);

  const bool outerMode_ = GradMode::enabled();
  const uint64_t transform_ = freshTransform();
  bool recordedAlias_ = false;
  Values wrt_, outputs_;
  std::optional<TapeSegment> tape_;
};

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

// Zeros where nothing flowed; with a batch, that many of them.
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

} // namespace

Derivatives EagerEmitter::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const std::function<Seeds(std::span<const TensorType>)>& seeds) {
  return located([&] {
    const Run run("vjp", *this, f, inputs, wrt);
    const EmitterScope scope(*this);
    std::vector<TensorType> types;
    for (const Value& output : run.outputs())
      types.push_back(output.type());
    const Seeds given = seeds(types);
    const bool recorded = run.isRecorded(given.values);
    const GradModeScope recording(recorded);
    Values cotangents =
        given.batch > 0
            ? autodiff::batchedReverseSweep(run.nodes(), run.outputs(), given.values, run.wrt(),
                                            given.batch)
            : autodiff::reverseSweep(run.nodes(), run.outputs(), given.values, run.wrt());
    return run.finish(zerosForNull(std::move(cotangents), run.wrt(), given.batch), recorded);
  });
}

Derivatives EagerEmitter::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const Seeds& tangents) {
  return located([&] {
    const Run run("jvp", *this, f, inputs, wrt);
    const EmitterScope scope(*this);
    const bool recorded = run.isRecorded(tangents.values);
    const GradModeScope recording(recorded);
    Values pushed =
        tangents.batch > 0
            ? autodiff::batchedTangentSweep(run.nodes(), run.wrt(), tangents.values, run.outputs(),
                                            tangents.batch)
            : autodiff::tangentSweep(run.nodes(), run.wrt(), tangents.values, run.outputs());
    return run.finish(zerosForNull(std::move(pushed), run.outputs(), tangents.batch), recorded);
  });
}

} // namespace diptych
