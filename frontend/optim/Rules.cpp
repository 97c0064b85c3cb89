// The formulas of the update rules, one leaf at a time. Scalars are computed in f64 and rounded
// once to the parameter's dtype.
#include <diptych/optim/Rules.h>

#include <diptych/Composites.h>

#include "frontend/Ops.h"

#include <cmath>

namespace diptych::optim {

using detail::Leaf;
using detail::RuleKind;
using detail::StepInputs;
using diptych::detail::located;
using diptych::detail::misuse;

namespace detail {

StepInputs nextStep(const Tensor& step, const Tensor& lr) {
  return {(step + 1).astype(DType::f64), lr.astype(DType::f64)};
}

void throwDifferentTrees(const std::string& rule, int parameters, int others,
                         const SourceLocation& where) {
  throw Error(where, rule + ": expected gradients and state for " + std::to_string(parameters) +
                         " parameters, got " + std::to_string(others) +
                         "; parameters, gradients and state are trees of one structure");
}

void updateLeaves(const RuleKind& kind, const StepInputs& inputs, std::vector<Leaf>& leaves,
                  const SourceLocation& where) {
  located(where, [&] {
    const std::vector<Tensor> shared = kind.prepare(inputs);
    for (Leaf& leaf : leaves) {
      diptych::detail::requireFloat(kind.name.c_str(), leaf.parameter.value());
      if (!(leaf.gradient.type() == leaf.parameter.type()))
        misuse(kind.name.c_str(), "a gradient " + leaf.parameter.type().str(),
               leaf.gradient.type().str(), "parameters and gradients are trees of one structure");
      std::vector<Tensor> scalars;
      for (const Tensor& scalar : shared)
        scalars.push_back(scalar.astype(leaf.parameter.dtype()));
      kind.apply(leaf, scalars);
    }
  });
}

} // namespace detail

namespace {

void check(const char* rule, const char* option, double value, bool holds) {
  if (!holds)
    misuse(rule, std::string("a sensible ") + option, std::to_string(value),
           "rates and decays are not negative, betas lie in [0, 1)");
}

void checkNotNegative(const char* rule,
                      std::initializer_list<std::pair<const char*, double>> options) {
  for (const auto& [option, value] : options)
    check(rule, option, value, value >= 0);
}

Tensor directed(const Leaf& leaf, bool maximize, double weightDecay) {
  const Tensor g = maximize ? -leaf.gradient : leaf.gradient;
  return weightDecay == 0 ? g : g + weightDecay * leaf.parameter;
}

Tensor runningMean(double weight, const Tensor& old, const Tensor& fresh) {
  return weight * old + (1 - weight) * fresh;
}

} // namespace

Rule sgd(const SGDOptions& o) {
  checkNotNegative("sgd", {{"lr", o.lr}, {"momentum", o.momentum}, {"decay", o.weight_decay}});
  if (o.nesterov && (o.momentum <= 0 || o.dampening != 0))
    misuse("sgd", "momentum and no dampening for nesterov",
           "momentum " + std::to_string(o.momentum) + ", dampening " + std::to_string(o.dampening),
           "set momentum above 0 and dampening to 0");
  const auto prepare = [o](const StepInputs& in) -> std::vector<Tensor> {
    if (o.dampening == 0)
      return {in.lr};
    // At the first step the buffer is 0, so the weight of g alone makes it g.
    return {in.lr, where(in.step == 1, 1.0, 1 - o.dampening)};
  };
  const auto apply = [o](Leaf& leaf, const std::vector<Tensor>& scalars) {
    Tensor g = directed(leaf, o.maximize, o.weight_decay);
    if (o.momentum != 0) {
      Tensor& b = leaf.slots[0];
      b = o.momentum * b + (o.dampening == 0 ? g : scalars[1] * g);
      g = o.nesterov ? g + o.momentum * b : b;
    }
    leaf.parameter = leaf.parameter - scalars[0] * g;
  };
  return Rule({"sgd", o.lr, o.momentum != 0 ? 1 : 0, prepare, apply});
}

// AdamW's options hold those of Adam; what differs is where the decay acts.
static Rule adamKind(const char* name, const AdamOptions& o, bool decoupled) {
  checkNotNegative(name, {{"lr", o.lr}, {"eps", o.eps}, {"weight_decay", o.weight_decay}});
  for (double beta : {o.beta1, o.beta2})
    check(name, "beta", beta, beta >= 0 && beta < 1);
  const auto prepare = [o](const StepInputs& in) -> std::vector<Tensor> {
    return {in.lr / (1 - pow(o.beta1, in.step)), sqrt(1 - pow(o.beta2, in.step)),
            1 - in.lr * o.weight_decay};
  };
  const auto apply = [o, decoupled](Leaf& leaf, const std::vector<Tensor>& scalars) {
    const Tensor g = directed(leaf, o.maximize, decoupled ? 0 : o.weight_decay);
    Tensor p = leaf.parameter;
    if (decoupled && o.weight_decay != 0)
      p = scalars[2] * p;
    leaf.slots[0] = runningMean(o.beta1, leaf.slots[0], g);
    leaf.slots[1] = runningMean(o.beta2, leaf.slots[1], square(g));
    if (o.amsgrad)
      leaf.slots[2] = maximum(leaf.slots[2], leaf.slots[1]);
    const Tensor& v = leaf.slots[o.amsgrad ? 2 : 1];
    leaf.parameter = p - scalars[0] * (leaf.slots[0] / (sqrt(v) / scalars[1] + o.eps));
  };
  return Rule({name, o.lr, o.amsgrad ? 3 : 2, prepare, apply});
}

Rule adam(const AdamOptions& options) { return adamKind("adam", options, false); }

Rule adamw(const AdamWOptions& o) {
  return adamKind("adamw", {o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize},
                  true);
}

Rule rmsprop(const RMSpropOptions& o) {
  checkNotNegative("rmsprop", {{"lr", o.lr},
                               {"alpha", o.alpha},
                               {"eps", o.eps},
                               {"weight_decay", o.weight_decay},
                               {"momentum", o.momentum}});
  const auto prepare = [](const StepInputs& in) -> std::vector<Tensor> { return {in.lr}; };
  const size_t buffer = o.centered ? 2 : 1;
  const auto apply = [o, buffer](Leaf& leaf, const std::vector<Tensor>& scalars) {
    const Tensor g = directed(leaf, o.maximize, o.weight_decay);
    Tensor v = leaf.slots[0] = runningMean(o.alpha, leaf.slots[0], square(g));
    if (o.centered) {
      leaf.slots[1] = runningMean(o.alpha, leaf.slots[1], g);
      v = v - square(leaf.slots[1]);
    }
    Tensor d = g / (sqrt(v) + o.eps);
    if (o.momentum > 0)
      d = leaf.slots[buffer] = o.momentum * leaf.slots[buffer] + d;
    leaf.parameter = leaf.parameter - scalars[0] * d;
  };
  return Rule(
      {"rmsprop", o.lr, 1 + (o.centered ? 1 : 0) + (o.momentum > 0 ? 1 : 0), prepare, apply});
}

} // namespace diptych::optim
