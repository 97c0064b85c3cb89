// Stateful optimisers: gradients off the tape, a rule, new leaves in the old places.
#include <diptych/optim/Optimizers.h>

#include <diptych/Autograd.h>
#include <diptych/Composites.h>

#include "frontend/Ops.h"

namespace diptych::optim {

using diptych::detail::located;
using diptych::detail::misuse;

Optimizer::Optimizer(const nn::Module& module, Rule rule)
    : rule_(std::move(rule)), lr_(rule_.lr()) {
  for (const auto& [name, place] : module.parameter_places())
    targets_.push_back({name, place, nullptr, {}});
  if (targets_.empty())
    misuse(rule_.name().c_str(), "a module with parameters", module.kind(),
           "register its parameters and modules");
}

Optimizer::Optimizer(const std::vector<Tensor*>& tensors, Rule rule)
    : rule_(std::move(rule)), lr_(rule_.lr()) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i] || !tensors[i]->requires_grad())
      misuse(rule_.name().c_str(), "tensors that require grad",
             tensors[i] ? tensors[i]->type().str() : "a null pointer",
             "call requires_grad_() on each");
    targets_.push_back({std::to_string(i), {}, tensors[i], {}});
  }
}

// A new leaf: elements are never overwritten, others may hold the old tensor.
void Optimizer::move(Target& target, const Tensor& value) const {
  if (target.variable)
    *target.variable = value.detach().requires_grad_();
  else
    target.place.set(value);
}

void Optimizer::step(SourceLocation where) {
  located(where, [&] {
    const NoGradGuard guard;
    const Tensor lr = tensor<double>(lr_);
    for (Target& target : targets_) {
      const Tensor gradient = target.value().grad();
      if (!gradient.defined())
        continue;
      const Tensor value = target.value().detach();
      if (!target.state)
        target.state = rule_.init(value);
      target.state->lr = lr;
      auto [moved, state] = rule_.update(value, gradient.detach(), *target.state);
      target.state = std::move(state);
      move(target, moved);
    }
  });
}

void Optimizer::zero_grad() const {
  for (const Target& target : targets_)
    target.value().zero_grad_();
}

void Optimizer::set_lr(double lr, SourceLocation where) {
  if (!(lr >= 0))
    throw Error(where, "set_lr: expected a rate that is not negative, got " + std::to_string(lr) +
                           "; check the schedule");
  lr_ = lr;
}

nn::State Optimizer::state_dict() const {
  nn::State dict{{"lr", tensor<double>(lr_)}};
  for (const Target& target : targets_) {
    if (!target.state)
      continue;
    dict[target.name + ".step"] = target.state->step;
    for (size_t slot = 0; slot < target.state->slots.size(); ++slot)
      dict[target.name + "." + std::to_string(slot)] = target.state->slots[slot];
  }
  return dict;
}

// Built aside and put in place at the end, so that an error changes nothing.
void Optimizer::load_state_dict(const nn::State& dict, SourceLocation where) {
  located(where, [&] {
    size_t used = 0;
    const auto take = [&](const std::string& name, const TensorType& type) {
      const auto found = dict.find(name);
      if (found == dict.end())
        misuse("load_state_dict", type.str() + " under " + name, "no such name",
               "load the state of the same optimiser on the same model");
      if (!(found->second.type() == type))
        misuse("load_state_dict", type.str() + " under " + name, found->second.type().str(),
               "load the state of the same optimiser on the same model");
      ++used;
      return found->second.detach();
    };
    const Tensor rate = take("lr", {DType::f64, {}});
    std::vector<std::optional<RuleState<Tensor>>> states;
    for (const Target& target : targets_) {
      states.emplace_back();
      if (!dict.contains(target.name + ".step"))
        continue;
      RuleState<Tensor> state = rule_.init(target.value().detach());
      state.step = take(target.name + ".step", {DType::i64, {}});
      for (size_t slot = 0; slot < state.slots.size(); ++slot)
        state.slots[slot] = take(target.name + "." + std::to_string(slot), target.value().type());
      states.back() = std::move(state);
    }
    if (used != dict.size())
      misuse("load_state_dict", "the state of " + std::to_string(targets_.size()) + " parameters",
             std::to_string(dict.size() - used) + " names that belong to none",
             "load the state of the same optimiser on the same model");
    set_lr(rate.item<double>());
    for (size_t i = 0; i < targets_.size(); ++i)
      targets_[i].state = std::move(states[i]);
  });
}

} // namespace diptych::optim
