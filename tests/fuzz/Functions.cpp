// Programs as functions to be differentiated.
#include "Functions.h"

namespace diptych::fuzz {

using namespace emitted;

Tensors tensorsOf(ValueSpan values) {
  Tensors tensors;
  for (const Value& value : values)
    tensors.emplace_back(value);
  return tensors;
}

Values valuesOf(const Tensors& tensors) {
  Values values;
  for (const Tensor& tensor : tensors)
    values.push_back(tensor.value());
  return values;
}

Value total(const Values& results) {
  Value total = constant({DType::f64, {}}, 0.0);
  for (const Value& result : results) {
    if (!isFloat(result.dtype()))
      continue;
    Dims axes;
    for (int i = 0; i < result.rank(); ++i)
      axes.push_back(i);
    total = total + sum(convert(result, DType::f64), axes);
  }
  return total;
}

std::vector<int> floatsOf(ValueSpan inputs) {
  std::vector<int> floats;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (isFloat(inputs[i].dtype()))
      floats.push_back(static_cast<int>(i));
  return floats;
}

Function totalOf(const Program& program) {
  return [program](ValueSpan inputs) { return Values{total(program.run(inputs))}; };
}

Function gradientOf(const Program& program) {
  return [program](ValueSpan inputs) {
    Derivatives swept = currentEmitter().vjp(totalOf(program), inputs, floatsOf(inputs), [](auto) {
      return Seeds{{constant({DType::f64, {}}, 1.0)}};
    });
    Values all = swept.outputs;
    all.insert(all.end(), swept.derivatives.begin(), swept.derivatives.end());
    return all;
  };
}

Function tangentOf(const Function& f) {
  return [f](ValueSpan inputs) {
    Values tangents;
    const std::vector<int> floats = floatsOf(inputs);
    for (int i : floats)
      tangents.push_back(like(inputs[static_cast<size_t>(i)], 0.5));
    return currentEmitter().jvp(f, inputs, floats, Seeds{tangents}).derivatives;
  };
}

} // namespace diptych::fuzz
