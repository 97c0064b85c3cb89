// Recording. Running what was recorded is in RecorderProgram.cpp.
#include "autodiff/RecorderSteps.h"

#include <atomic>

#include "autodiff/Batch.h"
#include "autodiff/ControlRules.h"

namespace diptych::autodiff {

namespace {

class RecordedValue final : public ValueImpl {
public:
  RecordedValue(const TensorType& type, int64_t serial, int number)
      : ValueImpl(type), serial(serial), number(number) {}
  const int64_t serial;
  const int number;
};

std::atomic<int64_t> serials{0};

std::vector<TensorType> typesOf(ValueSpan values) {
  std::vector<TensorType> types;
  for (const Value& value : values)
    types.push_back(value.type());
  return types;
}

TensorType seededType(const TensorType& type, int64_t batch) {
  return batch > 0 ? stackedType(type, batch) : type;
}

} // namespace

int Recorder::Step::numberOf(const Value& value) {
  return static_cast<const RecordedValue*>(value.impl())->number;
}

//===-- Values and steps ---------------------------------------------------------------------===//

Recorder::Recorder(std::span<const TensorType> inputs) : serial_(++serials) {
  for (const TensorType& type : inputs)
    inputs_.push_back(make(type));
}

Recorder::~Recorder() = default;

Value Recorder::make(const TensorType& type) {
  return Value(new RecordedValue(type, serial_, count_++));
}

Value Recorder::own(const Value& value) {
  if (!value)
    throw Error(currentLocation(), "internal: an operator got an empty value");
  const auto* recorded = dynamic_cast<const RecordedValue*>(value.impl());
  if (recorded && recorded->serial == serial_)
    return value;
  Value& stand = foreign_[value.impl()];
  if (!stand) {
    stand = make(value.type());
    captures_.push_back(value);
    captured_.push_back(stand);
  }
  return stand;
}

Values Recorder::own(ValueSpan values) {
  Values result;
  for (const Value& value : values)
    result.push_back(own(value));
  return result;
}

Recorder::Step& Recorder::add(ValueSpan operands, std::span<const TensorType> results) {
  Step& step = steps_.emplace_back();
  step.operands = own(operands);
  for (const TensorType& type : results)
    step.results.push_back(make(type));
  step.node.operands = step.operands;
  step.node.results = step.results;
  step.node.attributes = &step.attrs;
  step.node.where = currentLocation();
  return step;
}

std::vector<const Node*> Recorder::nodes(size_t begin) const {
  std::vector<const Node*> nodes;
  for (size_t i = begin; i < steps_.size(); ++i)
    nodes.push_back(&steps_[i].node);
  return nodes;
}

Values Recorder::run(const Function& f, ValueSpan inputs, bool reverse) {
  const EmitterScope scope(*this);
  const bool previous = std::exchange(reverse_, reverse);
  Values outputs = own(f(inputs));
  reverse_ = previous;
  return outputs;
}

//===-- Operators and calls ------------------------------------------------------------------===//

Value Recorder::emit(OpCode code, ValueSpan operands, const Attrs& attrs) {
  try {
    const TensorType type = inferType(code, typesOf(operands), attrs);
    Step& step = add(operands, {&type, 1});
    step.node.code = code;
    step.attrs = attrs;
    return step.results[0];
  } catch (const Error& error) {
    if (error.where().known())
      throw;
    throw Error(currentLocation(), error.what());
  }
}

Values Recorder::call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) {
  Step& step = add(inputs, callee->outputTypes());
  step.node.callee = callee;
  return step.results;
}

Values Recorder::control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) {
  const auto own = reverse_ ? forReverse(flow) : flow;
  Step& step = add(operands, own->resultTypes());
  step.node.control = own;
  const auto end = step.results.begin() + static_cast<std::ptrdiff_t>(flow->resultTypes().size());
  return {step.results.begin(), end};
}

Values Recorder::custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) {
  auto parts = std::make_shared<CustomParts>();
  parts->name = f->name;
  const auto recorded = [&](const Function& function, std::span<const TensorType> types,
                            size_t& count, Values& captures) {
    Recording recording =
        record(types, [&](Recorder&, ValueSpan values) { return function(values); });
    count = recording.captures.size();
    append(captures, recording.captures);
    return std::move(recording.function);
  };
  const std::vector<TensorType> types = typesOf(inputs);
  Values operands(inputs.begin(), inputs.end());
  parts->inputs = inputs.size();
  parts->primal = recorded(f->primal, types, parts->captured, operands);
  const auto ruleTypes = [&](std::span<const TensorType> seeds) {
    std::vector<TensorType> all = types;
    all.insert(all.end(), parts->primal.outputs.begin(), parts->primal.outputs.end());
    for (const TensorType& type : seeds)
      if (isFloat(type.dtype))
        all.push_back(type);
    return all;
  };
  parts->vjp = recorded(f->vjp, ruleTypes(parts->primal.outputs), parts->vjpCaptured, operands);
  size_t unused = 0;
  parts->jvp = recorded(f->jvp, ruleTypes(types), unused, operands);
  Step& step = add(operands, parts->primal.outputs);
  step.custom = parts;
  step.node.custom = bind(*parts, step.operands);
  step.node.inputCount = parts->inputs;
  step.node.operands = ValueSpan(step.operands).first(parts->inputs + parts->captured);
  return step.results;
}

//===-- Checkpoints --------------------------------------------------------------------------===//

/// A checkpoint's function once more, on the recorder whose steps are being swept.
class Recorder::Body final : public Replayable {
public:
  Body(Recorder& recorder, std::shared_ptr<const ClosedFunction> function)
      : recorder_(recorder), function_(std::move(function)) {}

  std::unique_ptr<Replay> replay(ValueSpan operands, bool again) const override {
    struct Again final : Replay {
      std::span<const Node* const> nodes() const override { return steps; }
      std::vector<const Node*> steps;
    };
    auto result = std::make_unique<Again>();
    const size_t begin = recorder_.steps_.size();
    result->operands = recorder_.own(operands);
    result->outputs = recorder_.run(function_->run, operands, again);
    result->steps = recorder_.nodes(begin);
    return result;
  }

private:
  Recorder& recorder_;
  std::shared_ptr<const ClosedFunction> function_;
};

Values Recorder::checkpoint(const Function& f, ValueSpan inputs) {
  Recording recording =
      record(typesOf(inputs), [&](Recorder&, ValueSpan values) { return f(values); });
  Values operands(inputs.begin(), inputs.end());
  append(operands, recording.captures);
  Step& step = add(operands, recording.function.outputs);
  step.checkpoint = std::make_shared<ClosedFunction>(std::move(recording.function));
  step.node.replayable = std::make_shared<Body>(*this, step.checkpoint);
  return step.results;
}

//===-- Derivatives, expanded at once --------------------------------------------------------===//

// On a recorder of its own: here two inputs may be one value, and the derivative by one of them
// would count the other's part too.
Derivatives Recorder::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                          const std::function<Seeds(std::span<const TensorType>)>& makeSeeds) {
  size_t outputCount = 0;
  const Recording recording = record(typesOf(inputs), [&](Recorder& inner, ValueSpan arguments) {
    Values results = inner.run(f, arguments, true);
    outputCount = results.size();
    const std::vector<const Node*> nodes = inner.nodes();
    const Seeds seeds = makeSeeds(typesOf(results));
    Values by;
    for (int index : wrt)
      by.push_back(arguments[static_cast<size_t>(index)]);
    const Values cotangents =
        seeds.batch > 0 ? batchedReverseSweep(nodes, results, seeds.values, by, seeds.batch)
                        : reverseSweep(nodes, results, seeds.values, by);
    for (size_t i = 0; i < by.size(); ++i)
      results.push_back(cotangents[i]
                            ? cotangents[i]
                            : emitted::constant(seededType(by[i].type(), seeds.batch), 0));
    return results;
  });
  return split(recording, inputs, outputCount);
}

Derivatives Recorder::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                          const Seeds& seeds) {
  size_t outputCount = 0;
  const Recording recording = record(typesOf(inputs), [&](Recorder& inner, ValueSpan arguments) {
    Values results = inner.run(f, arguments);
    outputCount = results.size();
    const Values outputs = results;
    const std::vector<const Node*> nodes = inner.nodes();
    Values by;
    for (int index : wrt)
      by.push_back(arguments[static_cast<size_t>(index)]);
    const Values tangents = seeds.batch > 0
                                ? batchedTangentSweep(nodes, by, seeds.values, outputs, seeds.batch)
                                : tangentSweep(nodes, by, seeds.values, outputs);
    for (size_t i = 0; i < outputs.size(); ++i)
      results.push_back(tangents[i]
                            ? tangents[i]
                            : emitted::constant(seededType(outputs[i].type(), seeds.batch), 0));
    return results;
  });
  return split(recording, inputs, outputCount);
}

Derivatives Recorder::split(const Recording& recording, ValueSpan inputs, size_t outputs) {
  Values all(inputs.begin(), inputs.end());
  append(all, recording.captures);
  const Values results = run(recording.function.run, all, reverse_);
  const auto middle = results.begin() + static_cast<std::ptrdiff_t>(outputs);
  return {{results.begin(), middle}, {middle, results.end()}};
}

//===-- Whole functions ----------------------------------------------------------------------===//

Recording record(std::span<const TensorType> inputs, const Recorded& f) {
  Recorder recorder(inputs);
  const EmitterScope scope(recorder);
  const Values outputs = f(recorder, recorder.inputs());
  return {recorder.finish(outputs), recorder.captures()};
}

ClosedFunction closed(std::span<const TensorType> inputs, const Recorded& f) {
  Recording recording = record(inputs, f);
  if (!recording.captures.empty())
    throw Error("internal: the body of a loop or branch captures a value");
  return std::move(recording.function);
}

} // namespace diptych::autodiff
