// W10, one line learned twice: by regression (FC), and from rewards as a value function (DQN).
#include "tools/study/ClosedForms.h"
#include "tools/study/MarketStream.h"
#include "tools/study/Networks.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/Workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

constexpr std::size_t kHidden = 64, kPoints = 100;
constexpr int kEpochs = 1000, kValueSteps = 500, kTargetSteps = 50;
/// The loss that the regression must reach, and how far greedy actions may be off their goals on
/// average: they are 0.23 apart, so that the best network is 0.058 off. Six starts end at 0.11 to
/// 0.17 with 100 states; a network that has learned nothing is 1.0 off or more.
constexpr double kLoss = 1e-4, kGoalError = 0.23;

/// Uniform within 1/sqrt(inputs), as PyTorch starts a Linear; the same bits everywhere.
Network startOf(std::size_t out, std::uint64_t seed) {
  MarketStream draw(seed);
  Network network{kHidden, out, {}};
  for (const auto& [rows, inputs] :
       {std::pair(kHidden, std::size_t(1)), std::pair(kHidden, kHidden), std::pair(out, kHidden)})
    for (std::size_t count : {rows * inputs, rows}) {
      network.parameters.emplace_back();
      for (std::size_t i = 0; i < count; ++i)
        network.parameters.back().push_back((2.0 * draw.uniform() - 1.0) /
                                            std::sqrt(double(inputs)));
    }
  return network;
}

Parameters tensorsOf(const Network& network, bool zero = false) {
  Parameters tensors;
  const auto h = int64_t(network.hidden), out = int64_t(network.out);
  const Shape shapes[] = {{h, 1}, {h}, {h, h}, {h}, {out, h}, {out}};
  for (std::size_t i = 0; i < network.parameters.size(); ++i) {
    const Vector& values = network.parameters[i];
    tensors.push_back(tensor(zero ? Vector(values.size(), 0.0) : values, shapes[i]));
  }
  return tensors;
}

/// As optim::adam's init, without a kernel: this process is still to fork.
TrainingState stateOf(const Network& network) {
  return {tensor<int64_t>(0), tensor(0.01), {tensorsOf(network, true), tensorsOf(network, true)}};
}

Tensor column(const Vector& values) { return tensor(values, {int64_t(values.size()), 1}); }

Vector evenly(double begin, double end, std::size_t count) {
  Vector points;
  for (std::size_t i = 0; i < count; ++i)
    points.push_back(begin + (end - begin) * double(i) / double(count - 1));
  return points;
}

/// (parameters, state, x, y) -> (loss, parameters, state)
auto regressionStep() {
  return [](const Parameters& p, const TrainingState& state, const Tensor& x, const Tensor& y) {
    return trainingStep([&](const Parameters& p) { return regressionLoss(p, x, y); }, p, state);
  };
}

/// (parameters, state, target, s, next) -> (loss, parameters, state)
auto valueStep() {
  return [](const Parameters& p, const TrainingState& state, const Parameters& target,
            const Tensor& s, const Tensor& next) {
    auto loss = [&](const Parameters& p) { return valueLoss(p, target, s, next, state.step); };
    return trainingStep(loss, p, state);
  };
}

class Training {
public:
  // The networks start the same whatever the seed of the market.
  Training(const StudyOptions& options, std::size_t states)
      : options_(options), line_(startOf(1, 1)), value_(startOf(kActions, 2)),
        x_(evenly(-10.0, 10.0, kPoints)), states_(evenly(-1.0, 1.0, states)) {
    for (double x : x_)
      y_.push_back(2.0 * x + 3.0);
    next_ = states_;
    std::rotate(next_.begin(), next_.begin() + 1, next_.end()); // the next point of the line
  }

  Json run() const;

private:
  void addRegression(std::vector<Job>& jobs) const;
  void addValue(std::vector<Job>& jobs) const;
  WholeRun regression() const;
  WholeRun valueLearning() const;
  Vector targets() const;
  double goalError(const Parameters& parameters) const;
  std::string tooLarge() const;

  const StudyOptions& options_;
  Network line_, value_;
  Vector x_, y_, states_, next_;
};

std::vector<Vector> joined(double loss, std::vector<Vector> gradients) {
  gradients.insert(gradients.begin(), Vector{loss});
  return gradients;
}

void Training::addRegression(std::vector<Job>& jobs) const {
  const Parameters p = tensorsOf(line_);
  const auto [loss, gradients] = networkLoss(line_, x_, std::vector<std::size_t>(kPoints, 0), y_);
  jobs.push_back(
      makeJob("FC: value + gradient", value_and_grad(regressionLoss), p, column(x_), column(y_)));
  jobs.back().expected = joined(loss, gradients);
  jobs.push_back(
      makeJob("FC: training step", regressionStep(), p, stateOf(line_), column(x_), column(y_)));
  jobs.back().expected = {{loss}};
}

/// What each state's action should be worth at step 0, by the network as it starts.
Vector Training::targets() const {
  Vector targets;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const Vector best = networkOutput(value_, next_[i]);
    const double action = kFirstAction + (kLastAction - kFirstAction) / double(kActions - 1) *
                                             double(7 * i % kActions);
    const double off = action - goalOf(states_[i]);
    targets.push_back(0.9 * *std::max_element(best.begin(), best.end()) - off * off);
  }
  return targets;
}

void Training::addValue(std::vector<Job>& jobs) const {
  const Parameters p = tensorsOf(value_);
  const Tensor s = column(states_), next = column(next_);
  std::vector<std::size_t> actions;
  for (std::size_t i = 0; i < states_.size(); ++i)
    actions.push_back(7 * i % kActions);
  const std::string skipped = tooLarge();
  LossAndGradients expected;
  if (skipped.empty())
    expected = networkLoss(value_, states_, actions, targets());
  // The network is its own target here: stop_gradient must keep the target out of the gradient.
  auto itself = [](const Parameters& p, const Tensor& s, const Tensor& next, const Tensor& step) {
    return valueLoss(p, p, s, next, step);
  };
  jobs.push_back(
      makeJob("DQN: value + gradient", value_and_grad(itself), p, s, next, tensor<int64_t>(0)));
  jobs.back().expected = joined(expected.loss, expected.gradients);
  jobs.back().skip = skipped;
  jobs.push_back(makeJob("DQN: training step", valueStep(), p, stateOf(value_), p, s, next));
  jobs.back().expected = {{expected.loss}};
  jobs.back().skip = skipped;
}

/// An eager step holds about 16 activations [n,64] at its worst moment.
std::string Training::tooLarge() const {
  const double need = 16.0 * double(kHidden) * 8.0 * double(states_.size());
  const double limit = 0.5 * double(availableBytes());
  if (need <= limit || limit == 0.0)
    return "";
  return fmt::format("{} states need about {:.1f} GiB, half of what is free is {:.1f} GiB",
                     states_.size(), need / 0x1p30, limit / 0x1p30);
}

WholeRun Training::regression() const {
  auto loop = [this](const auto& step) -> Json {
    Marks marks(kEpochs, runBudget(options_));
    Parameters p = tensorsOf(line_);
    TrainingState state = stateOf(line_);
    const Tensor x = column(x_), y = column(y_);
    Tensor loss;
    Vector losses;
    for (; marks.begun(); marks.done()) {
      std::tie(loss, p, state) = step(p, state, x, y);
      losses.push_back(loss.template item<double>());
    }
    Json end = marks.json();
    end.update({{"w", losses}, {"value", losses.back()}, {"residual", losses.back()}});
    return end;
  };
  WholeRun run = makeRun("FC, Adam", regressionStep(), loop, {0, 1});
  run.unit = "epochs of FC";
  run.apart = 1e-6;
  run.residual = kLoss;
  run.residualName = "the loss at the end";
  return run;
}

/// Mean distance of the best action from the goal, over all states.
double Training::goalError(const Parameters& parameters) const {
  const NoGradGuard guard;
  const Tensor values = networkOutputs(parameters, column(states_));
  const auto best = argmax(values, 1).to_vector<int64_t>();
  double total = 0.0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const double action =
        kFirstAction + (kLastAction - kFirstAction) / double(kActions - 1) * double(best[i]);
    total += std::fabs(action - goalOf(states_[i]));
  }
  return total / double(best.size());
}

WholeRun Training::valueLearning() const {
  auto loop = [this](const auto& step) -> Json {
    Marks marks(kValueSteps, runBudget(options_));
    Parameters p = tensorsOf(value_), target = p;
    TrainingState state = stateOf(value_);
    const Tensor s = column(states_), next = column(next_);
    Tensor loss;
    Vector losses;
    for (; marks.begun(); marks.done()) {
      // The target changes under a compiled step: it is an argument.
      if (marks.count() % kTargetSteps == 0)
        target = p;
      std::tie(loss, p, state) = step(p, state, target, s, next);
      losses.push_back(loss.template item<double>());
    }
    Json end = marks.json();
    end.update({{"w", losses}, {"value", losses.back()}, {"residual", goalError(p)}});
    return end;
  };
  WholeRun run = makeRun("DQN, Adam", valueStep(), loop, {0, 1});
  run.unit = "steps of DQN";
  run.apart = 1e-6;
  run.residual = kGoalError;
  run.residualName = "the greedy actions' mean distance from their goals";
  return run;
}

Json Training::run() const {
  Json workload = {
      {"heading",
       fmt::format("{} points; {} states, {} actions", kPoints, states_.size(), kActions)},
      {"functions", "a network 1-64-64-1 learns y = 2x + 3; one of 1-64-64-21 the value of "
                    "actions whose reward is -(action - (2x+3)/10)^2"},
      {"residual", "loss, goal error"},
      {"rows", Json::array()},
      {"optimisation", Json::array()}};
  std::vector<Job> jobs;
  addRegression(jobs);
  addValue(jobs);
  for (const Job& job : jobs)
    workload["rows"].push_back(measureRow(job, options_, "W10"));
  Json& runs = workload["optimisation"];
  runs.push_back(measureRun(regression(), options_, "W10"));
  if (const std::string skipped = tooLarge(); skipped.empty())
    runs.push_back(measureRun(valueLearning(), options_, "W10"));
  else
    runs.push_back({{"method", "DQN, Adam"}, {"failure", ""}, {"skipped", skipped}});
  workload["notes"] = {fmt::format(
      "FC must end with a loss below {:.0e}. DQN's greedy actions may be {:.2f} off their goals on "
      "average (one action; the best network is {:.4f} off).",
      kLoss, kGoalError, (kLastAction - kFirstAction) / double(kActions - 1) / 4.0)};
  return workload;
}

} // namespace

Json studyTraining(const StudyOptions& options, const StudyData&, const Extents& size) {
  return Training(options, size.at("states")).run();
}

} // namespace diptych::study
