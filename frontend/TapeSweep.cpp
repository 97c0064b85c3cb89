// Sweeps asked for on tensors already computed: backward() and gradients().
#include <algorithm>

#include "frontend/Tape.h"
#include "ir/Emitted.h"

namespace diptych {

namespace {

// The cotangent of an output: the given one, checked, or 1 for an output of one element.
Value cotangentFor(const char* caller, const Value& output, const Value& given) {
  const std::string name = caller;
  if (!isFloat(output.dtype()))
    throw Error(name + ": expected an output of f32, f64, bf16 or f16, got " + output.type().str() +
                "; integers and booleans have no derivative");
  if (given) {
    eagerTensor(given);
    if (!(given.type() == output.type()))
      throw Error(name + ": expected a cotangent of the output's type " + output.type().str() +
                  ", got " + given.type().str() + "; reshape, broadcast or convert it");
    return given;
  }
  if (output.type().numel() != 1)
    throw Error(name + ": expected an output of one element, got " + output.type().str() +
                "; reduce it with sum or mean, or give a cotangent");
  return splat(output.type(), Scalar(1.0));
}

void checkHistory(const char* caller, const Value& output) {
  if (!eagerTensor(output).requiresGrad())
    throw Error(std::string(caller) + ": this tensor (" + output.type().str() +
                ") has no history: nothing it was computed from requires grad, or recording was "
                "off; call requires_grad_() on a leaf before computing");
}

// In place where nobody else can see the gradient that is there.
void accumulate(TensorImpl& leaf, const Value& cotangent) {
  if (!leaf.grad) {
    leaf.grad = cotangent;
    return;
  }
  TensorImpl& old = eagerTensor(leaf.grad);
  const bool mine = leaf.grad.useCount() == 1 && old.buffer().useCount() == 1 &&
                    !old.buffer().isExternal() && old.isContiguous() && !old.requiresGrad() &&
                    !isHalf(old.type.dtype); // which have no kernels of their own
  if (!mine || eagerTensor(cotangent).requiresGrad()) {
    leaf.grad = emitted::add(leaf.grad, cotangent);
    return;
  }
  const runtime::Strided inputs[] = {old.strided(), eagerTensor(cotangent).strided()};
  runtime::launchPointwise(OpCode::Add, inputs, old.strided());
}

// Nodes older than every `wrt` cannot depend on one; a leaf may have been used from the start.
uint64_t oldestOf(ValueSpan wrt) {
  uint64_t since = nextSequence();
  for (const Value& value : wrt) {
    const TensorImpl& tensor = eagerTensor(value);
    since = std::min(since, tensor.node() ? tensor.node()->sequence() + 1 : 0);
  }
  return since;
}

} // namespace

static void sweepBack(const Value& root, const Value& cotangent, bool retain, bool createGraph) {
  checkHistory("backward", root);
  const EmitterScope emitter(eagerEmitter());
  const GradModeScope recording(createGraph);
  const Value seed = cotangentFor("backward", root, cotangent);
  TapeSegment tape({&root, 1}, 0, 0);
  const Values cotangents =
      autodiff::reverseSweep(tape.nodes(), {&root, 1}, {&seed, 1}, tape.leaves());
  for (size_t i = 0; i < cotangents.size(); ++i)
    if (cotangents[i])
      accumulate(eagerTensor(tape.leaves()[i]), cotangents[i]);
  if (!retain)
    tape.free();
}

void backward(const Value& root, const Value& cotangent, bool retainGraph, bool createGraph) {
  located([&] { sweepBack(root, cotangent, retainGraph || createGraph, createGraph); });
}

static void checkInputs(ValueSpan outputs, ValueSpan wrt, ValueSpan cotangents) {
  if (!cotangents.empty() && cotangents.size() != outputs.size())
    throw Error("grad: expected one cotangent for each of " + std::to_string(outputs.size()) +
                " outputs, got " + std::to_string(cotangents.size()) + "; give all or none");
  for (const Value& input : wrt)
    if (!eagerTensor(input).requiresGrad())
      throw Error("grad: an input (" + input.type().str() +
                  ") does not require grad, so nothing was recorded for it; call "
                  "requires_grad_() on it before computing the output");
}

static Values sweepTo(ValueSpan outputs, ValueSpan wrt, ValueSpan cotangents, bool retain,
                      bool createGraph) {
  checkInputs(outputs, wrt, cotangents);
  const EmitterScope emitter(eagerEmitter());
  const GradModeScope recording(createGraph);
  Values seeds;
  for (size_t i = 0; i < outputs.size(); ++i) {
    checkHistory("grad", outputs[i]);
    seeds.push_back(cotangentFor("grad", outputs[i], cotangents.empty() ? Value() : cotangents[i]));
  }
  TapeSegment tape(outputs, oldestOf(wrt), 0);
  Values results =
      autodiff::materialize(autodiff::reverseSweep(tape.nodes(), outputs, seeds, wrt), wrt);
  if (!retain)
    tape.free();
  return results;
}

Values gradients(ValueSpan outputs, ValueSpan wrt, ValueSpan cotangents, bool retainGraph,
                 bool createGraph) {
  return located(
      [&] { return sweepTo(outputs, wrt, cotangents, retainGraph || createGraph, createGraph); });
}

void setRequiresGrad(const Value& x, bool on) {
  TensorImpl& tensor = eagerTensor(x);
  if (on && !isFloat(tensor.type.dtype))
    throw Error("requires_grad_: expected a tensor of f32, f64, bf16 or f16, got " +
                tensor.type.str() + "; convert it with astype first");
  if (!on && tensor.node())
    throw Error("requires_grad_(false): this tensor was computed from others; use detach() for a "
                "tensor without history");
  tensor.setRequiresGrad(on);
  // Its gradient needs a place that stays.
  if (on)
    tensor.setHomeless(false);
}

} // namespace diptych
