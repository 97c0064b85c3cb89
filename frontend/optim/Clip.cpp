// Clipping of gradients, by norm and by value.
#include <diptych/optim/Optimizers.h>

#include <diptych/Autograd.h>
#include <diptych/Composites.h>

#include "frontend/Ops.h"
#include "frontend/TensorImpl.h"

namespace diptych::optim {

using diptych::detail::misuse;

namespace detail {

// Norms first, then their norm, as PyTorch; f64 throughout, so that f32 squares do not overflow.
Tensor globalNorm(const std::vector<Tensor>& gradients) {
  if (gradients.empty())
    return zeros({}, DType::f64);
  std::vector<Tensor> norms;
  for (const Tensor& gradient : gradients)
    norms.push_back(norm(gradient.astype(DType::f64)));
  return norm(stack(norms));
}

Tensor clipFactor(const Tensor& norm, double limit) {
  if (!(limit >= 0))
    misuse("clip", "a limit that is not negative", std::to_string(limit), "check the argument");
  return minimum(limit / (norm + 1e-6), 1.0);
}

Tensor clippedTo(const Tensor& gradient, double limit) {
  if (!(limit >= 0))
    misuse("clip", "a limit that is not negative", std::to_string(limit), "check the argument");
  return clamp(gradient, -limit, limit);
}

} // namespace detail

static std::vector<Tensor> withGradient(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> found;
  for (const Tensor& tensor : tensors)
    if (tensor.grad().defined())
      found.push_back(tensor);
  return found;
}

static std::vector<Tensor> parametersOf(const nn::Module& module) {
  return detail::leavesOf(module.named_parameters());
}

static void setGradient(const Tensor& leaf, const Tensor& gradient) {
  eagerTensor(leaf.value()).grad = gradient.value();
}

Tensor clip_grad_norm_(const std::vector<Tensor>& tensors, double max_norm) {
  const NoGradGuard guard;
  const std::vector<Tensor> leaves = withGradient(tensors);
  std::vector<Tensor> gradients;
  for (const Tensor& leaf : leaves)
    gradients.push_back(leaf.grad().detach());
  const auto [clipped, norm] = clip_by_norm(gradients, max_norm);
  for (size_t i = 0; i < leaves.size(); ++i)
    setGradient(leaves[i], clipped[i]);
  return norm;
}

Tensor clip_grad_norm_(const nn::Module& module, double max_norm) {
  return clip_grad_norm_(parametersOf(module), max_norm);
}

void clip_grad_value_(const std::vector<Tensor>& tensors, double limit) {
  const NoGradGuard guard;
  for (const Tensor& leaf : withGradient(tensors))
    setGradient(leaf, detail::clippedTo(leaf.grad().detach(), limit));
}

void clip_grad_value_(const nn::Module& module, double limit) {
  clip_grad_value_(parametersOf(module), limit);
}

} // namespace diptych::optim
