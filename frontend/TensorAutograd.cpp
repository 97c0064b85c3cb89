// Tensor's gradient, and the tape's functions as users call them: checks, then the tape.
#include <diptych/Autograd.h>

#include "frontend/Ops.h"
#include "frontend/Tape.h"

namespace diptych {

using detail::located;
using detail::misuse;

// Gradients of leaves belong to the tape; inside a trace there is none.
static TensorImpl& taped(const char* op, const Tensor& x) {
  if (TensorImpl* tensor = findTensor(x.value()))
    return *tensor;
  misuse(op, "a tensor on the tape", "traced " + x.type().str(),
         "inside a traced function use the transforms grad(f), vjp(f) or value_and_grad(f)");
}

bool Tensor::requires_grad() const {
  const TensorImpl* tensor = findTensor(value());
  return tensor && tensor->requiresGrad();
}

Tensor Tensor::requires_grad_(bool on, SourceLocation where) const {
  return located(where, [&] {
    taped("requires_grad_", *this);
    setRequiresGrad(value(), on);
    return *this;
  });
}

Tensor Tensor::grad() const {
  TensorImpl* tensor = findTensor(value());
  if (!tensor || !tensor->grad)
    return {};
  // Kept, so that a pointer into it lives as long as the gradient does.
  tensor->grad = detail::presentable(tensor->grad);
  return Tensor(tensor->grad);
}

void Tensor::zero_grad_() const {
  if (TensorImpl* tensor = findTensor(value()))
    tensor->grad = {};
}

static void sweepFrom(const Tensor& root, const Value& cotangent, const GraphOptions& options) {
  taped("backward", root);
  if (!root.requires_grad())
    misuse("backward", "a tensor computed from one that requires grad", root.type().str(),
           "call requires_grad_() on a leaf before computing with it, outside any NoGradGuard");
  diptych::backward(root.value(), cotangent, options.retain_graph, options.create_graph);
}

void Tensor::backward(GraphOptions options, SourceLocation where) const {
  located(where, [&] {
    if (numel() != 1)
      misuse("backward", "one element", type().str(),
             "reduce it with sum or mean, or pass a cotangent: y.backward(cotangent)");
    sweepFrom(*this, {}, options);
  });
}

static void requireFits(const char* op, const Tensor& output, const Tensor& cotangent) {
  if (!(cotangent.type() == output.type()))
    misuse(op, "a cotangent of type " + output.type().str(), cotangent.type().str(),
           "a cotangent has the shape and dtype of what it belongs to");
}

void Tensor::backward(const Tensor& cotangent, GraphOptions options, SourceLocation where) const {
  located(where, [&] {
    requireFits("backward", *this, cotangent);
    sweepFrom(*this, cotangent.value(), options);
  });
}

static Values valuesOf(const char* op, const std::vector<Tensor>& tensors) {
  Values values;
  for (const Tensor& tensor : tensors) {
    taped(op, tensor);
    values.push_back(tensor.value());
  }
  return values;
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         GraphOptions options, const std::vector<Tensor>& cotangents,
                         SourceLocation where) {
  return located(where, [&] {
    if (!cotangents.empty() && cotangents.size() != outputs.size())
      misuse("grad", "one cotangent for each of " + std::to_string(outputs.size()) + " outputs",
             std::to_string(cotangents.size()), "give one for each, or none");
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (cotangents.empty() && outputs[i].numel() != 1)
        misuse("grad", "outputs of one element", outputs[i].type().str(), "pass cotangents");
      if (!cotangents.empty())
        requireFits("grad", outputs[i], cotangents[i]);
    }
    for (const Tensor& input : inputs)
      if (!input.requires_grad())
        misuse("grad", "inputs that require grad", input.type().str(),
               "call requires_grad_() on it before computing the outputs");
    const Values wrt = valuesOf("grad", inputs);
    const Values gradients =
        diptych::gradients(valuesOf("grad", outputs), wrt, valuesOf("grad", cotangents),
                           options.retain_graph, options.create_graph);
    std::vector<Tensor> results;
    for (const Value& gradient : gradients)
      results.emplace_back(detail::presentable(gradient));
    return results;
  });
}

Tensor grad(const Tensor& output, const Tensor& input, GraphOptions options, SourceLocation where) {
  return grad(std::vector{output}, std::vector{input}, options, {}, where)[0];
}

NoGradGuard::NoGradGuard() : recorded_(GradMode::enabled()), constants_(detail::tracesConstants()) {
  if (detail::emitsEagerly())
    GradMode::set(false);
  else
    detail::tracesConstants() = true;
}

NoGradGuard::~NoGradGuard() {
  GradMode::set(recorded_);
  detail::tracesConstants() = constants_;
}

bool is_grad_enabled() { return GradMode::enabled() && !detail::tracesConstants(); }

} // namespace diptych
