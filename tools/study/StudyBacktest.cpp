// W5, a rolling backtest: per window (a) the optimum of a quadratic, by its linear system, or (b) a
// few steps of Adam on minus the Sharpe ratio, both from where the window before it ended. One
// program serves all windows: their data are arguments.
#include "tools/study/ClosedForms.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/Workloads.h"

#include <diptych/optim/Rules.h>

#include <fmt/format.h>

#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

constexpr double kRate = 0.05, kResidual = 1e-12;

/// towards'w, w the optimum of a window: what goes back through the linear system.
Tensor along(const Tensor& previous, const Tensor& R, const Tensor& towards) {
  return dot(towards, windowWeights(previous, R));
}

/// (theta, state, R) -> (loss, theta, state)
auto adamStep() {
  return [](const Tensor& theta, const optim::RuleState<Tensor>& state, const Tensor& R) {
    static const optim::Rule adam = optim::adam({.lr = kRate});
    auto [loss, gradient] = value_and_grad(windowLoss)(theta, R);
    auto [moved, next] = adam.update(theta, gradient, state);
    return std::tuple(loss, moved, next);
  };
}

class Backtest {
public:
  Backtest(const StudyOptions& options, Panel panel, const Extents& size)
      : options_(options), panel_(std::move(panel)), window_(size.at("window")),
        step_(size.at("step")), updates_(size.at("updates")),
        windows_((panel_.T - window_) / step_) {
    for (std::size_t n = 0; n < panel_.N; ++n)
      point_.push_back(0.5 * std::cos(double(n) + 1.0));
  }

  Json run() const;

private:
  /// The days of a window, where they lie in the panel: no copy.
  Tensor returns(std::size_t window) const {
    return from_blob(panel_.Y.data() + window * step_ * panel_.N,
                     {int64_t(window_), int64_t(panel_.N)});
  }
  optim::RuleState<Tensor> freshState() const {
    const Tensor zero = tensor(Vector(panel_.N, 0.0));
    return {tensor<int64_t>(0), tensor(kRate), {zero, zero}};
  }
  std::span<const double> returnsIn(std::size_t window) const {
    return std::span(panel_.Y).subspan(window * step_ * panel_.N, window_ * panel_.N);
  }
  void addOptimum(std::vector<Job>& jobs) const;
  void addAdam(std::vector<Job>& jobs) const;
  WholeRun optimum() const;
  WholeRun adam() const;
  void earn(std::size_t window, const Vector& weights, Vector& daily) const;

  const StudyOptions& options_;
  Panel panel_;
  std::size_t window_, step_, updates_, windows_;
  Vector point_;
};

void Backtest::addOptimum(std::vector<Job>& jobs) const {
  const Vector previous = softmaxWeights(point_);
  const Vector w = windowOptimum(returnsIn(0), previous);
  double value = 0.0;
  for (std::size_t n = 0; n < w.size(); ++n)
    value += point_[n] * w[n];
  jobs.push_back(makeJob("a: optimum", windowWeights, tensor(previous), returns(0)));
  jobs.back().expected = {w};
  jobs.push_back(makeJob("a: value + gradient", value_and_grad(along), tensor(previous), returns(0),
                         tensor(point_)));
  jobs.back().expected = {{value}, windowOptimumGradient(returnsIn(0), point_)};
}

void Backtest::addAdam(std::vector<Job>& jobs) const {
  const Tensor theta = tensor(point_), R = returns(0);
  const auto [loss, gradient] = windowLossGradient(returnsIn(0), point_);
  jobs.push_back(makeJob("b: value + gradient", value_and_grad(windowLoss), theta, R));
  jobs.back().expected = {{loss}, gradient};
  jobs.push_back(makeJob("b: Adam step", adamStep(), theta, freshState(), R));
  // From moments of 0 the first step is lr g / (|g| + eps).
  Vector moved = point_;
  for (std::size_t n = 0; n < moved.size(); ++n)
    moved[n] -= kRate * gradient[n] / (std::fabs(gradient[n]) + 1e-8);
  jobs.back().expected = {{loss}, moved};
}

/// What the weights earn on each of the days after the window, before the next is fitted.
void Backtest::earn(std::size_t window, const Vector& weights, Vector& daily) const {
  const double* R = panel_.Y.data() + (window * step_ + window_) * panel_.N;
  for (std::size_t t = 0; t < step_; ++t, R += panel_.N) {
    daily.push_back(0.0);
    for (std::size_t n = 0; n < panel_.N; ++n)
      daily.back() += weights[n] * R[n];
  }
}

double yearlySharpe(const Vector& daily) {
  double mean = 0.0, squares = 0.0;
  for (double day : daily)
    mean += day / double(daily.size());
  for (double day : daily)
    squares += (day - mean) * (day - mean);
  return std::sqrt(252.0) * mean / std::sqrt(squares / double(daily.size() - 1));
}

WholeRun Backtest::optimum() const {
  auto loop = [this](const auto& solve) -> Json {
    Marks marks(static_cast<int>(windows_), runBudget(options_));
    const Vector equal(panel_.N, 1.0 / double(panel_.N));
    Tensor w = tensor(equal);
    std::vector<Vector> path{equal};
    for (std::size_t window = 0; window < windows_ && marks.begun(); ++window, marks.done()) {
      w = solve(w, returns(window));
      path.push_back(w.template to_vector<double>());
    }
    Json end = marks.json();
    Vector daily;
    double off = 0.0;
    for (std::size_t window = 0; window + 1 < path.size(); ++window)
      earn(window, path[window + 1], daily);
    // Eight windows and the last are solved again, in long double.
    const std::size_t last = path.size() - 2, apart = std::max<std::size_t>(1, last / 8);
    for (std::size_t window = last % apart; window <= last; window += apart) {
      const Vector exact = windowOptimum(returnsIn(window), path[window]);
      for (std::size_t n = 0; n < exact.size(); ++n)
        off = larger(off, std::fabs(exact[n] - path[window + 1][n]));
    }
    end.update({{"w", path.back()}, {"value", yearlySharpe(daily)}, {"residual", off}});
    return end;
  };
  WholeRun run = makeRun("a: optimum", windowWeights, loop);
  run.unit = "windows";
  run.apart = 1e-10;
  run.residual = kResidual;
  run.residualName = "the largest error of a weight";
  return run;
}

WholeRun Backtest::adam() const {
  auto loop = [this](const auto& step) -> Json {
    const int updates = static_cast<int>(updates_);
    Marks marks(static_cast<int>(windows_) * updates, runBudget(options_));
    Tensor theta = tensor(Vector(panel_.N, 0.0)), loss;
    Vector daily;
    for (std::size_t window = 0; window < windows_ && marks.begun(); ++window) {
      const Tensor R = returns(window);
      optim::RuleState<Tensor> state = freshState();
      for (int i = 0; i < updates && marks.begun(); ++i, marks.done())
        std::tie(loss, theta, state) = step(theta, state, R);
      earn(window, softmaxWeights(theta.template to_vector<double>()), daily);
    }
    Json end = marks.json();
    end.update({{"w", softmaxWeights(theta.template to_vector<double>())},
                {"value", yearlySharpe(daily)}});
    return end;
  };
  WholeRun run = makeRun("b: Adam on -Sharpe", adamStep(), loop);
  run.unit = "Adam steps";
  run.apart = 1e-6;
  return run;
}

Json Backtest::run() const {
  Json workload = {
      {"heading", fmt::format("{} days, {} stocks; {} windows of {} days, {} apart", panel_.T,
                              panel_.N, windows_, window_, step_)},
      {"functions", fmt::format("a: 5 w'Sw - mu'w + |w - w_prev|^2, sum w = 1, solved in each "
                                "window; b: -Sharpe(window; softmax(theta)), {} steps of Adam",
                                updates_)},
      {"residual", "off the optimum"},
      {"rows", Json::array()},
      {"optimisation", Json::array()}};
  std::vector<Job> jobs;
  addOptimum(jobs);
  addAdam(jobs);
  for (const Job& job : jobs)
    workload["rows"].push_back(measureRow(job, options_, "W5"));
  workload["optimisation"].push_back(measureRun(optimum(), options_, "W5"));
  workload["optimisation"].push_back(measureRun(adam(), options_, "W5"));
  workload["notes"] = {"objective: yearly Sharpe ratio of the days after each window, traded at "
                       "the weights fitted to it"};
  return workload;
}

} // namespace

Json studyBacktest(const StudyOptions& options, const StudyData& data, const Extents& size) {
  const std::size_t days = size.at("window") + size.at("step");
  return Backtest(options, returnsOf(options, data, size.at("T"), size.at("N"), days), size).run();
}

} // namespace diptych::study
