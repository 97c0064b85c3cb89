// Values with a batch axis, and the emitter that makes them.
#include "autodiff/Batch.h"

#include <atomic>

#include "autodiff/Batching.h"

namespace diptych::autodiff {

namespace {

class BatchValue : public ValueImpl {
public:
  BatchValue(const TensorType& type, Value inner, int64_t level)
      : ValueImpl(type), inner(std::move(inner)), level(level) {}
  const Value inner;
  const int64_t level;
};

std::atomic<int64_t> levels{0};

TensorType withoutBatchAxis(const TensorType& type) {
  TensorType example = type;
  example.shape.erase(0);
  return example;
}

Value swapFrontAxes(const Value& x) {
  Dims permutation{1, 0};
  for (int i = 2; i < x.rank(); ++i)
    permutation.push_back(i);
  return emitted::transpose(x, permutation);
}

} // namespace

BatchEmitter::BatchEmitter(Emitter& inner, int64_t batch) : BatchEmitter(inner, batch, ++levels) {}

BatchEmitter::BatchEmitter(Emitter& inner, int64_t batch, int64_t level)
    : inner_(inner), batch_(batch), level_(level) {}

bool BatchEmitter::isBatched(const Value& value) const {
  const auto* own = dynamic_cast<const BatchValue*>(value.impl());
  return own && own->level == level_;
}

Value BatchEmitter::innerOf(const Value& value) const {
  return isBatched(value) ? static_cast<const BatchValue*>(value.impl())->inner : value;
}

Value BatchEmitter::wrapBatched(const Value& inner) const {
  if (!inner)
    return {};
  if (inner.rank() == 0 || inner.shape()[0] != batch_)
    throw Error("internal: expected a batch of " + std::to_string(batch_) + ", got " +
                inner.type().str());
  return Value(new BatchValue(withoutBatchAxis(inner.type()), inner, level_));
}

Value BatchEmitter::unwrap(const Value& value) const {
  if (!value || isBatched(value))
    return value ? innerOf(value) : value;
  const EmitterScope scope(inner_);
  return batching::withBatchAxis(value, batch_);
}

Value BatchEmitter::emit(OpCode code, ValueSpan operands, const Attrs& attrs) {
  std::vector<batching::Operand> inner;
  bool any = false;
  for (const Value& operand : operands) {
    inner.push_back({innerOf(operand), isBatched(operand)});
    any |= inner.back().batched;
  }
  if (!any)
    return inner_.emit(code, operands, attrs);
  const EmitterScope scope(inner_);
  return wrapBatched(batching::ruleOf(code)({code, inner, attrs, batch_}));
}

Values BatchEmitter::call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) {
  Values inner;
  std::vector<bool> marked;
  bool any = false;
  for (const Value& input : inputs) {
    inner.push_back(innerOf(input));
    marked.push_back(isBatched(input));
    any |= marked.back();
  }
  if (!any)
    return inner_.call(callee, inputs);
  Values results = inner_.call(callee->batched(marked, batch_), inner);
  for (Value& result : results)
    result = wrapBatched(result);
  return results;
}

//===-- Transforms under a batch: each example's own derivative ------------------------------===//

// f as a function of inner values; all its outputs have the batch axis. The inner emitter may run
// it on another emitter (a nested trace), so the one that is current then goes inside.
Function BatchEmitter::onInner(const Function& f, std::vector<bool> marked) const {
  return [this, &f, marked = std::move(marked)](ValueSpan inputs) {
    BatchEmitter own(currentEmitter(), batch_, level_);
    Values wrapped(inputs.begin(), inputs.end());
    for (size_t i = 0; i < marked.size(); ++i)
      if (marked[i])
        wrapped[i] = own.wrapBatched(wrapped[i]);
    Values outputs;
    {
      const EmitterScope scope(own);
      outputs = f(wrapped);
    }
    for (Value& output : outputs)
      output = own.unwrap(output);
    return outputs;
  };
}

// [batch, seeds, ...] as the inner emitter wants it: [seeds, batch, ...]
Seeds BatchEmitter::seedsOnInner(const Seeds& seeds) const {
  Seeds inner = seeds;
  for (Value& value : inner.values) {
    value = unwrap(value);
    if (value && seeds.batch > 0) {
      const EmitterScope scope(inner_);
      value = swapFrontAxes(value);
    }
  }
  return inner;
}

Derivatives BatchEmitter::wrapDerivatives(Derivatives inner, bool seedAxis) const {
  for (Value& output : inner.outputs)
    output = wrapBatched(output);
  for (Value& derivative : inner.derivatives)
    derivative = wrapBatched(derivative && seedAxis ? swapFrontAxes(derivative) : derivative);
  return inner;
}

Derivatives BatchEmitter::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const std::function<Seeds(std::span<const TensorType>)>& seeds) {
  Values inner;
  std::vector<bool> marked;
  for (const Value& input : inputs) {
    inner.push_back(innerOf(input));
    marked.push_back(isBatched(input));
  }
  // A plain input would get the sum of the examples' cotangents; each example wants its own.
  for (int i : wrt) {
    inner[i] = unwrap(inputs[i]);
    marked[i] = true;
  }
  bool seedAxis = false;
  const auto innerSeeds = [&](std::span<const TensorType> types) {
    BatchEmitter own(currentEmitter(), batch_, level_);
    std::vector<TensorType> examples;
    for (const TensorType& type : types)
      examples.push_back(withoutBatchAxis(type));
    const EmitterScope scope(own);
    const Seeds given = seeds(examples);
    seedAxis = given.batch > 0;
    return own.seedsOnInner(given);
  };
  const EmitterScope scope(inner_);
  Derivatives result = inner_.vjp(onInner(f, marked), inner, wrt, innerSeeds);
  return wrapDerivatives(std::move(result), seedAxis);
}

Derivatives BatchEmitter::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                              const Seeds& tangents) {
  Values inner;
  std::vector<bool> marked;
  for (const Value& input : inputs) {
    inner.push_back(innerOf(input));
    marked.push_back(isBatched(input));
  }
  for (int i : wrt) { // tangents will have the batch axis
    inner[i] = unwrap(inputs[i]);
    marked[i] = true;
  }
  const EmitterScope scope(inner_);
  Derivatives result = inner_.jvp(onInner(f, marked), inner, wrt, seedsOnInner(tangents));
  return wrapDerivatives(std::move(result), tangents.batch > 0);
}

//===-- Functions that outlive the emitter ---------------------------------------------------===//

// As onInner for functions that run when this batch may be over. What comes after the inputs is
// batched: a rule's outputs, cotangents and tangents.
Function BatchEmitter::kept(const Function& f, const std::vector<bool>& marked) const {
  return [f, marked, batch = batch_, level = level_](ValueSpan values) {
    std::vector<bool> all = marked;
    all.resize(values.size(), true);
    return BatchEmitter(currentEmitter(), batch, level).onInner(f, all)(values);
  };
}

// Float inputs all get the batch axis: a cotangent then belongs to one example, and repeating a
// plain input sums them.
Values BatchEmitter::custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) {
  Values inner;
  std::vector<bool> marked;
  for (const Value& input : inputs) {
    marked.push_back(isBatched(input) || isFloat(input.dtype()));
    inner.push_back(marked.back() ? unwrap(input) : input);
  }
  const EmitterScope scope(inner_);
  const auto rule = [&](const Function& own) { return kept(own, marked); };
  const auto batched = std::make_shared<CustomFunction>(
      CustomFunction{f->name, rule(f->primal), rule(f->vjp), rule(f->jvp)});
  Values results = inner_.custom(batched, inner);
  for (Value& result : results)
    result = wrapBatched(result);
  return results;
}

Values BatchEmitter::checkpoint(const Function& f, ValueSpan inputs) {
  Values inner;
  std::vector<bool> marked;
  for (const Value& input : inputs) {
    inner.push_back(innerOf(input));
    marked.push_back(isBatched(input));
  }
  const EmitterScope scope(inner_);
  Values results = inner_.checkpoint(kept(f, marked), inner);
  for (Value& result : results)
    result = wrapBatched(result);
  return results;
}

//===-- Batched sweeps -----------------------------------------------------------------------===//

static Values wrapAll(const BatchEmitter& emitter, ValueSpan values) {
  Values wrapped;
  for (const Value& value : values)
    wrapped.push_back(emitter.wrapBatched(value));
  return wrapped;
}

static Values unwrapAll(const BatchEmitter& emitter, Values values) {
  for (Value& value : values)
    value = emitter.unwrap(value);
  return values;
}

Values batchedTangentSweep(Nodes nodes, ValueSpan wrt, ValueSpan tangents, ValueSpan outputs,
                           int64_t batch) {
  BatchEmitter emitter(currentEmitter(), batch);
  const EmitterScope scope(emitter);
  return unwrapAll(emitter, tangentSweep(nodes, wrt, wrapAll(emitter, tangents), outputs));
}

Values batchedReverseSweep(Nodes nodes, ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt,
                           int64_t batch) {
  BatchEmitter emitter(currentEmitter(), batch);
  const EmitterScope scope(emitter);
  return unwrapAll(emitter, reverseSweep(nodes, outputs, wrapAll(emitter, cotangents), wrt));
}

} // namespace diptych::autodiff
