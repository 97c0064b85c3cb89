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
    targets_.push_back({name, place, nullptr, 0, {}});
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
    targets_.push_back({std::to_string(i), {}, tensors[i], 0, {}});
  }
}

// A new leaf: elements are never overwritten, others may hold the old tensor.
void Optimizer::move(Target& target, const Tensor& value) const {
  if (target.variable)
    *target.variable = value.detach().requires_grad_();
  else
    target.place.set(value);
}

// One update of tensors that have done as many steps: what the step number decides is computed
// once.
void Optimizer::stepTogether(const std::vector<Target*>& targets, int64_t steps) {
  std::vector<Tensor> values, gradients;
  for (const Target* target : targets) {
    values.push_back(target->value().detach());
    gradients.push_back(target->value().grad().detach());
  }
  RuleState<std::vector<Tensor>> state = rule_.init(values);
  state.step = tensor<int64_t>(steps);
  state.lr = tensor<double>(lr_);
  for (size_t slot = 0; slot < state.slots.size(); ++slot)
    for (size_t i = 0; i < targets.size(); ++i)
      if (!targets[i]->slots.empty())
        state.slots[slot][i] = targets[i]->slots[slot];
  const auto [moved, next] = rule_.update(values, gradients, state);
  for (size_t i = 0; i < targets.size(); ++i) {
    targets[i]->steps = steps + 1;
    targets[i]->slots.clear();
    for (const std::vector<Tensor>& slot : next.slots)
      targets[i]->slots.push_back(slot[i]);
    move(*targets[i], moved[i]);
  }
}

void Optimizer::step(SourceLocation where) {
  located(where, [&] {
    const NoGradGuard guard;
    std::map<int64_t, std::vector<Target*>> groups;
    for (Target& target : targets_)
      if (target.value().grad().defined())
        groups[target.steps].push_back(&target);
    for (const auto& [steps, targets] : groups)
      stepTogether(targets, steps);
  });
}

void Optimizer::to(const std::string& device, SourceLocation where) {
  located(where, [&] {
    for (Target& target : targets_) {
      const Tensor moved = target.value().detach().to(device);
      if (moved.device() != target.value().device())
        move(target, moved);
      for (Tensor& slot : target.slots)
        slot = slot.to(device);
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
    if (target.steps == 0)
      continue;
    dict[target.name + ".step"] = tensor<int64_t>(target.steps);
    for (size_t slot = 0; slot < target.slots.size(); ++slot)
      dict[target.name + "." + std::to_string(slot)] = target.slots[slot];
  }
  return dict;
}

// Built aside and put in place at the end, so that an error changes nothing.
void Optimizer::load_state_dict(const nn::State& dict, SourceLocation where) {
  located(where, [&] {
    size_t used = 0;
    const auto take = [&](const std::string& name, const TensorType& type) {
      const auto found = dict.find(name);
      if (found == dict.end() || !(found->second.type() == type))
        misuse("load_state_dict", type.str() + " under " + name,
               found == dict.end() ? "no such name" : found->second.type().str(),
               "load the state of the same optimiser on the same model");
      ++used;
      return found->second.detach();
    };
    const double lr = take("lr", {DType::f64, {}}).item<double>();
    std::vector<Target> loaded = targets_;
    for (Target& target : loaded) {
      target.steps = 0;
      target.slots.clear();
      if (!dict.contains(target.name + ".step"))
        continue;
      target.steps = take(target.name + ".step", {DType::i64, {}}).item<int64_t>();
      if (target.steps < 1)
        misuse("load_state_dict", "a number of steps under " + target.name + ".step",
               std::to_string(target.steps), "it is at least 1");
      const size_t slots = rule_.init(target.value().detach()).slots.size();
      for (size_t slot = 0; slot < slots; ++slot)
        target.slots.push_back(
            take(target.name + "." + std::to_string(slot), target.value().type()));
    }
    if (used != dict.size())
      misuse("load_state_dict", "the state of " + std::to_string(targets_.size()) + " parameters",
             std::to_string(dict.size() - used) + " names that belong to none",
             "load the state of the same optimiser on the same model");
    set_lr(lr);
    targets_ = std::move(loaded);
  });
}

} // namespace diptych::optim
