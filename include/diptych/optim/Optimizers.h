// Stateful optimisers for the eager tape, and clipping of gradients. The loop is PyTorch's:
//   optim::Adam optimizer(model, {.lr = 0.01});
//   loss = ...; optimizer.zero_grad(); loss.backward(); optimizer.step();
// A whole step as one compiled graph uses the rules themselves: Rules.h.
#pragma once

#include <map>

#include <diptych/Ops.h>
#include <diptych/nn/Module.h>
#include <diptych/optim/Rules.h>

namespace diptych::optim {

/// Moves the parameters of a module, or tensors of yours, by a rule.
class Optimizer {
public:
  /// The module's parameters; the handle is kept, so the module may go out of scope.
  Optimizer(const nn::Module& module, Rule rule);
  /// Leaves that require grad (else Error). They must stay where they are while this lives.
  Optimizer(const std::vector<Tensor*>& tensors, Rule rule);

  /// Moves every parameter that has a gradient; the others, and their state, stay. Tensors are
  /// immutable, so a moved parameter is a new leaf without a gradient: step() uses gradients up,
  /// and what was computed from the old leaves still has their values.
  void step(SourceLocation where = std::source_location::current());
  /// Forgets the gradients: those of parameters that step() has not moved.
  void zero_grad() const;

  /// Puts parameters and their state (moments) on a device, "cpu" or "cuda".
  void to(const std::string& device, SourceLocation where = std::source_location::current());

  double lr() const { return lr_; }
  /// Error if negative.
  void set_lr(double lr, SourceLocation where = std::source_location::current());
  const Rule& rule() const { return rule_; }

  /// Everything but the options, by name: "weight.step", "weight.0" (slot 0), ..., "lr". To be
  /// saved and loaded as any state; parameters that never moved have none.
  nn::State state_dict() const;
  /// Error for names and types that do not fit.
  void load_state_dict(const nn::State& state,
                       SourceLocation where = std::source_location::current());

private:
  // Where a tensor is, in a module or in a variable of the user's.
  struct Target {
    std::string name;
    nn::Parameter place;
    Tensor* variable = nullptr;
    int64_t steps = 0;
    std::vector<Tensor> slots; // empty before the first step
    const Tensor& value() const { return variable ? *variable : *place; }
  };
  void stepTogether(const std::vector<Target*>& targets, int64_t steps);
  void move(Target& target, const Tensor& value) const;
  std::vector<Target> targets_;
  Rule rule_;
  double lr_;
};

struct SGD : Optimizer {
  explicit SGD(const nn::Module& module, const SGDOptions& options = {})
      : Optimizer(module, sgd(options)) {}
  explicit SGD(const std::vector<Tensor*>& tensors, const SGDOptions& options = {})
      : Optimizer(tensors, sgd(options)) {}
};
struct Adam : Optimizer {
  explicit Adam(const nn::Module& module, const AdamOptions& options = {})
      : Optimizer(module, adam(options)) {}
  explicit Adam(const std::vector<Tensor*>& tensors, const AdamOptions& options = {})
      : Optimizer(tensors, adam(options)) {}
};
struct AdamW : Optimizer {
  explicit AdamW(const nn::Module& module, const AdamWOptions& options = {})
      : Optimizer(module, adamw(options)) {}
  explicit AdamW(const std::vector<Tensor*>& tensors, const AdamWOptions& options = {})
      : Optimizer(tensors, adamw(options)) {}
};
struct RMSprop : Optimizer {
  explicit RMSprop(const nn::Module& module, const RMSpropOptions& options = {})
      : Optimizer(module, rmsprop(options)) {}
  explicit RMSprop(const std::vector<Tensor*>& tensors, const RMSpropOptions& options = {})
      : Optimizer(tensors, rmsprop(options)) {}
};

//===-- Clipping -----------------------------------------------------------------------------===//

namespace detail {
Tensor globalNorm(const std::vector<Tensor>& gradients);
Tensor clipFactor(const Tensor& norm, double limit);
Tensor clippedTo(const Tensor& gradient, double limit);
} // namespace detail

/// The gradients times min(1, max_norm / (norm + 1e-6)), and their norm before, all of them seen as
/// one vector. Pure; jits.
template <TreeLike P> std::pair<P, Tensor> clip_by_norm(const P& gradients, double max_norm) {
  const std::vector<Tensor> leaves = detail::leavesOf(gradients);
  const Tensor norm = detail::globalNorm(leaves), factor = detail::clipFactor(norm, max_norm);
  return {detail::withLeaves(
              gradients, [&](size_t i) { return leaves[i] * factor.astype(leaves[i].dtype()); }),
          norm};
}
/// Every element within [-limit, limit]. Pure; jits.
template <TreeLike P> P clip_by_value(const P& gradients, double limit) {
  const std::vector<Tensor> leaves = detail::leavesOf(gradients);
  return detail::withLeaves(gradients,
                            [&](size_t i) { return detail::clippedTo(leaves[i], limit); });
}

/// The same for the gradients that backward() has left, in place. Parameters without one do not
/// count. Returns the norm before, f64 if there is none.
Tensor clip_grad_norm_(const nn::Module& module, double max_norm);
Tensor clip_grad_norm_(const std::vector<Tensor>& tensors, double max_norm);
void clip_grad_value_(const nn::Module& module, double limit);
void clip_grad_value_(const std::vector<Tensor>& tensors, double limit);

} // namespace diptych::optim
