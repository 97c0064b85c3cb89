// Values, nodes and derivatives of the reference; what operators are is in ReferenceOperators.cpp.
#include "ReferenceEmitter.h"
#include "ReferenceOperators.h"

#include <numeric>

#include "autodiff/Batch.h"

namespace diptych::reference {

Value tensor(const TensorType& type, const std::vector<double>& data) {
  if (static_cast<int64_t>(data.size()) != type.numel())
    throw Error("internal: " + std::to_string(data.size()) + " numbers for " + type.str());
  std::vector<double> numbers;
  for (double value : data)
    numbers.push_back(stored(type.dtype, value));
  return Value(new ReferenceValue(type, std::move(numbers)));
}

const std::vector<double>& dataOf(const Value& value) {
  return dynamic_cast<const ReferenceValue&>(*value.impl()).data;
}

Value ReferenceEmitter::emit(OpCode code, ValueSpan operands, const Attrs& attrs) {
  std::vector<TensorType> types;
  for (const Value& operand : operands)
    types.push_back(operand.type());
  const TensorType type = inferType(code, types, attrs);
  const Value result = tensor(type, evaluate(info(code), operands, attrs, type));
  record(code, operands, {result}, attrs, nullptr);
  return result;
}

Values ReferenceEmitter::call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) {
  Values results = callee->run(inputs);
  record({}, inputs, results, {}, callee);
  return results;
}

void ReferenceEmitter::record(OpCode code, ValueSpan operands, Values results, const Attrs& attrs,
                              std::shared_ptr<Callee> callee) {
  steps_.push_back({{operands.begin(), operands.end()}, std::move(results), attrs, {}});
  Step& step = steps_.back();
  step.node = {code,        step.operands,     step.results,
               &step.attrs, std::move(callee), currentLocation()};
}

std::vector<const autodiff::Node*> ReferenceEmitter::nodes(size_t begin) const {
  std::vector<const autodiff::Node*> list;
  for (size_t i = begin; i < steps_.size(); ++i)
    list.push_back(&steps_[i].node);
  return list;
}

static Values select(ValueSpan values, std::span<const int> which) {
  Values chosen;
  for (int i : which)
    chosen.push_back(values[static_cast<size_t>(i)]);
  return chosen;
}

static Values withAxis(Values zeros, int64_t batch) {
  if (batch > 0)
    for (Value& value : zeros) {
      Shape shape = value.shape();
      shape.insert(0, batch);
      value = emitted::constant({value.dtype(), shape}, 0.0);
    }
  return zeros;
}

Derivatives ReferenceEmitter::vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                                  const std::function<Seeds(std::span<const TensorType>)>& seeds) {
  const EmitterScope scope(*this);
  const size_t begin = size();
  Derivatives result;
  result.outputs = f(inputs);
  const auto list = nodes(begin);
  std::vector<TensorType> types;
  for (const Value& output : result.outputs)
    types.push_back(output.type());
  const Seeds given = seeds(types);
  const Values chosen = select(inputs, wrt);
  result.derivatives =
      given.batch > 0
          ? autodiff::batchedReverseSweep(list, result.outputs, given.values, chosen, given.batch)
          : autodiff::reverseSweep(list, result.outputs, given.values, chosen);
  const Values zeros = withAxis(chosen, given.batch);
  result.derivatives = autodiff::materialize(std::move(result.derivatives), zeros);
  return result;
}

Derivatives ReferenceEmitter::jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                                  const Seeds& tangents) {
  const EmitterScope scope(*this);
  const size_t begin = size();
  Derivatives result;
  result.outputs = f(inputs);
  const auto list = nodes(begin);
  const Values chosen = select(inputs, wrt);
  result.derivatives = tangents.batch > 0
                           ? autodiff::batchedTangentSweep(list, chosen, tangents.values,
                                                           result.outputs, tangents.batch)
                           : autodiff::tangentSweep(list, chosen, tangents.values, result.outputs);
  const Values zeros = withAxis(result.outputs, tangents.batch);
  result.derivatives = autodiff::materialize(std::move(result.derivatives), zeros);
  return result;
}

} // namespace diptych::reference
