// What the transforms' templates leave to the library: seeds, checks, and where batch axes go.
// The sweeps themselves are the emitter's. The user's function runs outside any LocationScope, so
// that its lines are its own.
#include <diptych/Transforms.h>

#include "frontend/Ops.h"
#include "frontend/Tape.h"

namespace diptych::detail {

namespace {

[[noreturn]] void refuse(const Request& request, const std::string& expected,
                         const std::string& got, const std::string& remedy) {
  throw Error(request.where, std::string(request.transform) + ": expected " + expected + ", got " +
                                 got + "; " + remedy);
}

// An error without a line gets that of the transform; no line is set while `body` runs.
template <class Body> auto attributed(const Request& request, Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.where().known())
      throw;
    throw Error(request.where, error.what());
  }
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

struct ConstantsScope {
  ConstantsScope() : previous(std::exchange(tracesConstants(), false)) {}
  ~ConstantsScope() { tracesConstants() = previous; }
  bool previous;
};

// A NoGradGuard around a transform does not reach into it: only one inside the function does.
Function recording(const Function& f) {
  return [&f](ValueSpan inputs) {
    const GradModeScope mode(true);
    const ConstantsScope scope;
    return f(inputs);
  };
}

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

// Row j of the identity in the shape of one input: [n, shape...].
Value unitSeeds(const TensorType& type, int64_t before, int64_t batch) {
  const int64_t n = type.numel();
  Value rows = emitted::eye(n, type.dtype);
  if (batch != n)
    rows = emitted::pad(rows, {before, 0}, {batch - before - n, 0}, {0, 0}, 0);
  Shape shape = type.shape;
  shape.insert(0, batch);
  return emitted::reshape(rows, shape);
}

Shape joinedShape(const Shape& first, const Shape& second) {
  Shape joined = first;
  for (int64_t extent : second)
    joined.push_back(extent);
  return joined;
}

// [n, output...] -> output.shape + input.shape, n the input's elements.
Value batchLast(const Value& columns, const Shape& input) {
  Dims permutation;
  Shape output;
  for (int i = 1; i < columns.rank(); ++i) {
    permutation.push_back(i);
    output.push_back(columns.shape()[i]);
  }
  permutation.push_back(0);
  const Value moved = columns.rank() > 1 ? emitted::transpose(columns, permutation) : columns;
  return emitted::reshape(moved, joinedShape(output, input));
}

Swept swept(Derivatives derivatives, const Request& request) {
  const LocationScope scope(request.where);
  Swept result{std::move(derivatives.outputs), std::move(derivatives.derivatives)};
  for (Value& derivative : result.derivatives)
    derivative = presentable(derivative);
  return result;
}

int64_t elements(std::span<const TensorType> types) {
  int64_t count = 0;
  for (const TensorType& type : types)
    count += type.numel();
  return count;
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

Swept forwardJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt) {
  const int wanted[] = {wrt};
  requireDifferentiable(request, inputs, wanted);
  const TensorType type = inputs[wrt].type();
  return attributed(request, [&] {
    Seeds seeds{{}, type.numel()};
    {
      const LocationScope scope(request.where);
      // Nothing to differentiate: one empty tangent, and zeros of no elements below.
      seeds.values.push_back(seeds.batch ? unitSeeds(type, 0, seeds.batch)
                                         : emitted::constant(type, 0));
    }
    Derivatives result = currentEmitter().jvp(recording(f), inputs, wanted, seeds);
    const LocationScope scope(request.where);
    for (Value& columns : result.derivatives)
      columns =
          seeds.batch
              ? batchLast(columns, type.shape)
              : emitted::constant({columns.dtype(), joinedShape(columns.shape(), type.shape)}, 0);
    return swept(std::move(result), request);
  });
}

Swept reverseJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt) {
  const int wanted[] = {wrt};
  requireDifferentiable(request, inputs, wanted);
  std::vector<TensorType> types;
  const auto seeds = [&](std::span<const TensorType> outputs) {
    const LocationScope scope(request.where);
    types.assign(outputs.begin(), outputs.end());
    Seeds result{{}, elements(outputs)};
    int64_t before = 0;
    for (const TensorType& type : outputs) {
      result.values.push_back(result.batch ? unitSeeds(type, before, result.batch)
                                           : emitted::constant(type, 0));
      before += type.numel();
    }
    return result;
  };
  return attributed(request, [&] {
    Derivatives result = currentEmitter().vjp(recording(f), inputs, wanted, seeds);
    const LocationScope scope(request.where);
    const Value rows = result.derivatives.at(0);
    const Shape& input = inputs[wrt].shape();
    const bool isBatched = elements(types) > 0;
    int64_t before = 0;
    result.derivatives.clear();
    for (const TensorType& type : types) {
      const TensorType jacobian{inputs[wrt].dtype(), joinedShape(type.shape, input)};
      if (!isBatched || type.numel() == 0) {
        result.derivatives.push_back(emitted::constant(jacobian, 0));
        continue;
      }
      Dims starts(rows.rank(), 0), limits = rows.shape();
      starts[0] = before;
      limits[0] = before += type.numel();
      const Value own = limits[0] - starts[0] == rows.shape()[0]
                            ? rows
                            : emitted::slice(rows, starts, limits, Dims(rows.rank(), 1));
      result.derivatives.push_back(emitted::reshape(own, jacobian.shape));
    }
    return swept(std::move(result), request);
  });
}

} // namespace diptych::detail
