// What the transforms' templates leave to the library: seeds and checks.
// The sweeps themselves are the emitter's. The user's function runs outside any LocationScope, so
// that its lines are its own.
#include <diptych/Transforms.h>

#include "frontend/Ops.h"
#include "frontend/Tape.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

[[noreturn]] void refuse(const Request& request, const std::string& expected,
                         const std::string& got, const std::string& remedy) {
  throw Error(request.where, std::string(request.transform) + ": expected " + expected + ", got " +
                                 got + "; " + remedy);
}

void requireDifferentiable(const Request& request, ValueSpan inputs, std::span<const int> wrt) {
  for (int input : wrt)
    if (!isFloat(inputs[input].dtype()))
      refuse(
          request, "a float argument to differentiate", inputs[input].type().str(),
          "only f32 and f64 have derivatives: convert it with astype, or choose another argument");
}

void requireFits(const Request& request, const char* seed, const TensorType& expected,
                 const Value& got) {
  if (!(got.type() == expected))
    refuse(request, std::string("a ") + seed + " of type " + expected.str(), got.type().str(),
           std::string("a ") + seed + " has the shape and dtype of what it belongs to");
}

namespace {

struct ConstantsScope {
  ConstantsScope() : previous(std::exchange(tracesConstants(), false)) {}
  ~ConstantsScope() { tracesConstants() = previous; }
  bool previous;
};

} // namespace

Function recording(const Function& f) {
  return [&f](ValueSpan inputs) {
    const GradModeScope mode(true);
    const ConstantsScope scope;
    return f(inputs);
  };
}

Function onOwnLines(Function f) {
  return [f = std::move(f)](ValueSpan inputs) {
    const LocationOverride location{SourceLocation()};
    return f(inputs);
  };
}

Values asUserSees(Values outputs) {
  for (Value& output : outputs)
    output = presentable(wrap(output).value());
  return outputs;
}

Swept swept(Derivatives derivatives, const Request& request) {
  const LocationScope scope(request.where);
  Swept result{std::move(derivatives.outputs), std::move(derivatives.derivatives)};
  for (Value& derivative : result.derivatives)
    derivative = presentable(derivative);
  return result;
}

namespace {

// What f returns beside the value keeps its numbers and loses its derivative.
Function withConstantTail(const Function& f) {
  return [&f](ValueSpan inputs) {
    Values outputs = f(inputs);
    for (size_t i = 1; i < outputs.size(); ++i)
      outputs[i] = emitted::stop_gradient(outputs[i]);
    return outputs;
  };
}

void requireScalar(const Request& request, std::span<const TensorType> outputs, bool auxiliary) {
  if (outputs.empty())
    refuse(request, "a function that returns a tensor", "nothing", "return the value");
  if (outputs.size() > 1 && !auxiliary)
    refuse(request, "a function that returns one tensor",
           std::to_string(outputs.size()) + " tensors",
           "use value_and_grad(f, has_aux) to carry the others along, or vjp for all of them");
  if (outputs[0].numel() != 1 || !isFloat(outputs[0].dtype))
    refuse(request, "a function that returns one float number", outputs[0].str(),
           "reduce it with sum or mean, or use jacrev, jacfwd or vjp");
}

} // namespace

int leafOf(const Request& request, const std::vector<LeafRange>& arguments, int argnum) {
  if (argnum < 0 || argnum >= static_cast<int>(arguments.size()))
    refuse(request, "the number of an argument, counted from 0", std::to_string(argnum),
           "the function was called with " + std::to_string(arguments.size()) + " argument(s)");
  const LeafRange& leaves = arguments[static_cast<size_t>(argnum)];
  if (leaves.end - leaves.begin != 1)
    refuse(request, "argument " + std::to_string(argnum) + " to be one tensor",
           std::to_string(leaves.end - leaves.begin) + " tensors",
           "a tree of tensors can be differentiated as argument 0 of grad, vjp and jvp");
  return leaves.begin;
}

Swept gradient(const Request& request, const Function& f, ValueSpan inputs,
               const std::vector<int>& wrt, bool auxiliary) {
  requireDifferentiable(request, inputs, wrt);
  const auto seeds = [&](std::span<const TensorType> outputs) {
    requireScalar(request, outputs, auxiliary);
    const LocationScope scope(request.where);
    Seeds result;
    for (size_t i = 0; i < outputs.size(); ++i)
      result.values.push_back(emitted::constant(outputs[i], i == 0 ? 1 : 0));
    return result;
  };
  return attributed(request, [&] {
    const Function recorded = recording(f);
    const Function function = auxiliary ? withConstantTail(recorded) : recorded;
    return swept(currentEmitter().vjp(function, inputs, wrt, seeds), request);
  });
}

Swept pullback(const Request& request, const Function& f, ValueSpan inputs,
               const std::vector<int>& wrt, ValueSpan cotangents) {
  requireDifferentiable(request, inputs, wrt);
  const auto seeds = [&](std::span<const TensorType> outputs) {
    if (outputs.size() != cotangents.size())
      refuse(request, "one cotangent for each of " + std::to_string(outputs.size()) + " results",
             std::to_string(cotangents.size()), "the cotangent has the structure of f's result");
    for (size_t i = 0; i < outputs.size(); ++i)
      requireFits(request, "cotangent", outputs[i], cotangents[i]);
    return Seeds{{cotangents.begin(), cotangents.end()}, 0};
  };
  return attributed(request, [&] {
    return swept(currentEmitter().vjp(recording(f), inputs, wrt, seeds), request);
  });
}

Swept pushforward(const Request& request, const Function& f, ValueSpan inputs,
                  const std::vector<int>& wrt, ValueSpan tangents) {
  requireDifferentiable(request, inputs, wrt);
  if (wrt.size() != tangents.size())
    refuse(request, "one tangent for each of " + std::to_string(wrt.size()) + " tensors",
           std::to_string(tangents.size()), "the tangent has the structure of the first argument");
  for (size_t i = 0; i < wrt.size(); ++i)
    requireFits(request, "tangent", inputs[wrt[i]].type(), tangents[i]);
  return attributed(request, [&] {
    const Seeds seeds{{tangents.begin(), tangents.end()}, 0};
    return swept(currentEmitter().jvp(recording(f), inputs, wrt, seeds), request);
  });
}

} // namespace diptych::detail
