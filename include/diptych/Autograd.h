// The tape as a user sees it: gradients of tensors already computed, and switching recording off.
#pragma once

#include <diptych/Tensor.h>

namespace diptych {

/// Gradients of the sum of cotangent * output over all outputs, one for each input; the gradients
/// that leaves have are not touched. Without cotangents every output has one element. An input that
/// no output depends on gets zeros. As in grad({y}, {a, b}, {.create_graph = true}).
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         GraphOptions options = {}, const std::vector<Tensor>& cotangents = {},
                         SourceLocation where = std::source_location::current());
/// d output / d input for an output of one element.
Tensor grad(const Tensor& output, const Tensor& input, GraphOptions options = {},
            SourceLocation where = std::source_location::current());

/// False inside a NoGradGuard.
bool is_grad_enabled();

/// While it lives, what this thread computes has no history: nothing is recorded, and under a trace
/// every result is a stop_gradient. A transform called inside still differentiates its function.
class NoGradGuard {
public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

private:
  bool recorded_, constants_;
};

} // namespace diptych
