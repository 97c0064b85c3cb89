// Update rules: pure functions (parameters, gradients, state) -> (parameters, state) over trees of
// tensors. They jit and differentiate like any other function. Stateful optimisers are built on
// them: Optimizers.h. Formulas and defaults are PyTorch's.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <diptych/Factories.h>
#include <diptych/Tree.h>

namespace diptych::optim {

/// What a rule carries from one step to the next. A tree: an argument and result of a jitted step.
template <class P> struct RuleState {
  /// Steps done, i64; and the learning rate of the next, f64, to be changed at will: it is an input
  /// of a compiled step, so a schedule does not recompile it.
  Tensor step, lr;
  /// Moments and the like, each like the parameters.
  std::vector<P> slots;
};

namespace detail {
/// One step seen by a rule: the number of this step, from 1, and the learning rate, f64 scalars.
struct StepInputs {
  Tensor step, lr;
};
struct Leaf {
  Tensor parameter, gradient;
  std::vector<Tensor> slots;
};
struct RuleKind {
  std::string name;
  double lr;
  int slots;
  /// Scalars, f64, that all leaves share; then one leaf after the other, changed in place.
  std::function<std::vector<Tensor>(const StepInputs&)> prepare;
  std::function<void(Leaf&, const std::vector<Tensor>&)> apply;
};
/// One step of every leaf; checks that a gradient has its parameter's type.
void updateLeaves(const RuleKind& kind, const StepInputs& inputs, std::vector<Leaf>& leaves,
                  const SourceLocation& where);
StepInputs nextStep(const Tensor& step, const Tensor& lr);
[[noreturn]] void throwDifferentTrees(const std::string& rule, int parameters, int others,
                                      const SourceLocation& where);

template <TreeLike P> std::vector<Tensor> leavesOf(const P& tree) {
  std::vector<Tensor> leaves;
  forEachLeaf(tree, [&](const Tensor& tensor) { leaves.push_back(tensor); });
  return leaves;
}
template <TreeLike P> P withLeaves(const P& like, const std::function<Tensor(size_t)>& leaf) {
  P tree = like;
  size_t next = 0;
  forEachLeaf(tree, [&](Tensor& tensor) { tensor = leaf(next++); });
  return tree;
}
} // namespace detail

/// A rule with its options; made by sgd, adam, adamw, rmsprop. A value: copy it freely.
class Rule {
public:
  explicit Rule(detail::RuleKind kind) : kind_(std::move(kind)) {}
  const std::string& name() const { return kind_.name; }
  /// The learning rate that init starts with.
  double lr() const { return kind_.lr; }

  /// The state before the first step: step 0, every slot zeros.
  template <TreeLike P> RuleState<P> init(const P& parameters) const {
    RuleState<P> state{tensor<int64_t>(0), tensor<double>(kind_.lr), {}};
    const std::vector<Tensor> leaves = detail::leavesOf(parameters);
    for (int i = 0; i < kind_.slots; ++i)
      state.slots.push_back(
          detail::withLeaves(parameters, [&](size_t leaf) { return zeros_like(leaves[leaf]); }));
    return state;
  }

  /// One step: the parameters and the state after it. Error where a gradient has not the shape and
  /// dtype (any float) of its parameter.
  template <TreeLike P>
  std::pair<P, RuleState<P>>
  update(const P& parameters, const P& gradients, const RuleState<P>& state,
         std::source_location where = std::source_location::current()) const {
    const std::vector<Tensor> values = detail::leavesOf(parameters);
    std::vector<detail::Leaf> leaves = collect(values, detail::leavesOf(gradients), state, where);
    const detail::StepInputs inputs = detail::nextStep(state.step, state.lr);
    detail::updateLeaves(kind_, inputs, leaves, where);
    RuleState<P> next{state.step + 1, state.lr, {}};
    for (size_t slot = 0; slot < state.slots.size(); ++slot)
      next.slots.push_back(
          detail::withLeaves(parameters, [&](size_t leaf) { return leaves[leaf].slots[slot]; }));
    return {detail::withLeaves(parameters, [&](size_t leaf) { return leaves[leaf].parameter; }),
            std::move(next)};
  }

private:
  template <TreeLike P>
  std::vector<detail::Leaf> collect(const std::vector<Tensor>& values,
                                    const std::vector<Tensor>& gradients, const RuleState<P>& state,
                                    const SourceLocation& where) const {
    std::vector<detail::Leaf> leaves;
    const auto require = [&](size_t count) {
      if (count != values.size())
        detail::throwDifferentTrees(kind_.name, static_cast<int>(values.size()),
                                    static_cast<int>(count), where);
    };
    require(gradients.size());
    for (size_t i = 0; i < values.size(); ++i)
      leaves.push_back({values[i], gradients[i], {}});
    for (const P& tree : state.slots) {
      const std::vector<Tensor> slots = detail::leavesOf(tree);
      require(slots.size());
      for (size_t i = 0; i < slots.size(); ++i)
        leaves[i].slots.push_back(slots[i]);
    }
    return leaves;
  }

  detail::RuleKind kind_;
};

struct SGDOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};
/// g += weight_decay p; b = momentum b + (1 - dampening) g, b = g at the first step; p -= lr b, or
/// lr (g + momentum b) with nesterov, which needs momentum and no dampening (else Error).
Rule sgd(const SGDOptions& options = {});

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, maximize = false;
};
/// g += weight_decay p; m and v are running means of g and g^2;
/// p -= lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps). amsgrad: the largest v so far.
Rule adam(const AdamOptions& options = {});

struct AdamWOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 1e-2;
  bool amsgrad = false, maximize = false;
};
/// Adam with p *= 1 - lr weight_decay before the step in place of a term of the gradient.
Rule adamw(const AdamWOptions& options = {});

struct RMSpropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false, maximize = false;
};
/// v = alpha v + (1 - alpha) g^2; d = sqrt(v) + eps, or sqrt(v - a^2) + eps with a the running mean
/// of g if centered; p -= lr g / d, or with momentum b = momentum b + g / d; p -= lr b.
Rule rmsprop(const RMSpropOptions& options = {});

} // namespace diptych::optim

template <class P> struct diptych::Tree<diptych::optim::RuleState<P>> {
  template <class S, class Visit> static void walk(S& state, Visit&& visit) {
    visit(state.step);
    visit(state.lr);
    visit(state.slots);
  }
};
