// W10's models: a network that learns y = 2x + 3, by regression and as a value function (DQN). Each
// written once in the DSL; knows no data and no execution.
#pragma once

#include <diptych/optim/Rules.h>

#include <diptych/diptych.h>

namespace diptych::study {

/// W1 [h,1], b1 [h], W2 [h,h], b2 [h], W3 [out,h], b3 [out].
using Parameters = std::vector<Tensor>;
using TrainingState = optim::RuleState<Parameters>;

/// x [n,1] -> [n,out], relu between the layers.
Tensor networkOutputs(const Parameters& parameters, const Tensor& x);

/// Mean squared error of the outputs for x [n,1] against y [n,1].
Tensor regressionLoss(const Parameters& parameters, const Tensor& x, const Tensor& y);

/// 21 actions from -2 to 2.6; state s = x/10 wants the action (2x+3)/10.
inline constexpr int64_t kActions = 21;
inline constexpr double kFirstAction = -2.0, kLastAction = 2.6;
inline double goalOf(double state) { return 2.0 * state + 0.3; }

/// Mean squared error of the value of the action taken in each state [n,1] against its reward
/// -(action - goal)^2 plus 0.9 of the best value that `target`, held fixed, sees in the next state
/// [n,1]. State i takes action (7i + 5 step) mod 21; step [] is i64.
Tensor valueLoss(const Parameters& parameters, const Parameters& target, const Tensor& states,
                 const Tensor& next, const Tensor& step);

/// (loss, parameters, state) after one step of Adam.
template <class Loss>
std::tuple<Tensor, Parameters, TrainingState>
trainingStep(const Loss& loss, const Parameters& parameters, const TrainingState& state) {
  static const optim::Rule adam = optim::adam({.lr = 0.01});
  auto [value, gradients] = value_and_grad(loss)(parameters);
  auto [moved, next] = adam.update(parameters, gradients, state);
  return {value, moved, next};
}

} // namespace diptych::study
