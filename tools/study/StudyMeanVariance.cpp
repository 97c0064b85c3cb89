// W2, mean-variance with costs: projected gradient ascent on the simplex as a graph, and Newton on
// the Hessian by AD, with an active set and the smoothing lowered step by step, to the optimum.
#include "tools/study/ClosedForms.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/Workloads.h"

#include <eigen3/Eigen/Dense>

#include <fmt/format.h>

#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

constexpr int kSteps = 500;
constexpr double kSmoothing = 1e-12, kResidual = 1e-9;
constexpr MeanVarianceTerms kTerms;

/// (w, mu, S, w0, smoothing) -> utility
auto utility() {
  return
      [](const Tensor& w, const Tensor& mu, const Tensor& S, const Tensor& w0,
         const Tensor& smoothing) { return meanVarianceUtility(w, mu, S, w0, smoothing, kTerms); };
}

/// (w, rate, mu, S, w0, smoothing) -> w'
auto projectedStep() {
  return [](const Tensor& w, const Tensor& rate, const Tensor& mu, const Tensor& S,
            const Tensor& w0, const Tensor& smoothing) {
    return meanVarianceStep(w, rate, mu, S, w0, smoothing, kTerms);
  };
}

/// (w, mu, S, w0, smoothing) -> (value, gradient, Hessian)
auto derivatives() {
  return [f = utility()](const Tensor& w, const Tensor& mu, const Tensor& S, const Tensor& w0,
                         const Tensor& smoothing) {
    auto [value, gradient] = value_and_grad(f)(w, mu, S, w0, smoothing);
    return std::tuple(value, gradient, hessian(f)(w, mu, S, w0, smoothing));
  };
}

/// Value, gradient and Hessian at (w, smoothing).
using Derivatives = std::function<Tensors(const Vector&, double)>;

/// Newton on the free assets, whose weights add up to a constant; the others stay at 0.
class ActiveSetNewton {
public:
  ActiveSetNewton(Derivatives derivatives, Vector w)
      : derivatives_(std::move(derivatives)), w_(std::move(w)), free_(w_.size()) {
    for (std::size_t i = 0; i < w_.size(); ++i)
      free_[i] = w_[i] > 0.0;
  }

  /// At smoothings 1e-4, 1e-5, ... `last`, each from where the one before it ended: the kinks of
  /// |w - w0| are too sharp to be found at once.
  void solve(double last) {
    const int limit = 100 + 4 * static_cast<int>(w_.size());
    for (double smoothing = 1e-4; smoothing > 0.5 * last; smoothing *= 0.1) {
      at_ = derivatives_(w_, smoothing);
      for (int steps = 0; steps < limit && move(smoothing); ++steps)
        ++steps_;
    }
  }
  const Vector& weights() const { return w_; }
  int steps() const { return steps_; }

private:
  bool move(double smoothing);
  bool release(const Vector& gradient, double nu);
  double direction(const Vector& gradient, const Vector& hessian, Vector& d) const;

  Derivatives derivatives_;
  Vector w_;
  std::vector<bool> free_;
  Tensors at_; // the derivatives at w_, once they are known
  int steps_ = 0;
};

/// d with H d - nu 1 = -g on the free assets and sum d = 0; returns nu, the price of the budget.
double ActiveSetNewton::direction(const Vector& gradient, const Vector& hessian, Vector& d) const {
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < w_.size(); ++i)
    if (free_[i])
      at.push_back(i);
  const auto m = static_cast<Eigen::Index>(at.size());
  Eigen::MatrixXd H(m, m);
  Eigen::VectorXd g(m);
  for (Eigen::Index i = 0; i < m; ++i) {
    g[i] = gradient[at[std::size_t(i)]];
    for (Eigen::Index j = 0; j < m; ++j)
      H(i, j) = -hessian[at[std::size_t(i)] * w_.size() + at[std::size_t(j)]];
  }
  const Eigen::LLT<Eigen::MatrixXd> cholesky(H); // of -H, which is positive definite
  const Eigen::VectorXd up = cholesky.solve(g), one = cholesky.solve(Eigen::VectorXd::Ones(m));
  const double nu = up.sum() / one.sum();
  d.assign(w_.size(), 0.0);
  for (Eigen::Index i = 0; i < m; ++i)
    d[at[std::size_t(i)]] = up[i] - nu * one[i];
  return nu;
}

/// Frees the asset at 0 that would gain most; false if none would.
bool ActiveSetNewton::release(const Vector& gradient, double nu) {
  std::size_t best = w_.size();
  for (std::size_t i = 0; i < w_.size(); ++i)
    if (!free_[i] && gradient[i] - nu > 1e-12 &&
        (best == w_.size() || gradient[i] > gradient[best]))
      best = i;
  if (best == w_.size())
    return false;
  free_[best] = true;
  return true;
}

/// One step, cut off where a weight reaches 0; false at the optimum.
bool ActiveSetNewton::move(double smoothing) {
  const double value = at_[0].item<double>();
  const Vector gradient = at_[1].to_vector<double>();
  Vector d;
  const double nu = direction(gradient, at_[2].to_vector<double>(), d);
  double slope = 0.0, longest = 1.0;
  std::size_t blocking = w_.size();
  for (std::size_t i = 0; i < w_.size(); ++i) {
    slope += (gradient[i] - nu) * d[i]; // sum d = 0, but for its rounding
    if (d[i] < 0.0 && w_[i] + longest * d[i] < 0.0) {
      longest = -w_[i] / d[i];
      blocking = i;
    }
  }
  // Above the rounding of w at a kink, where the curvature is cost / sqrt(smoothing).
  if (slope < 1e-28)
    return release(gradient, nu);
  for (double step = longest; step > 1e-18; step *= 0.5) {
    Vector moved = w_;
    for (std::size_t i = 0; i < w_.size(); ++i)
      moved[i] = i == blocking && step == longest ? 0.0 : std::max(0.0, moved[i] + step * d[i]);
    Tensors there = derivatives_(moved, smoothing);
    const double gained = there[0].item<double>() - value;
    // What the value's rounding hides is forgiven, so that the last digits don't stop it.
    if (gained < 1e-4 * step * slope - 1e-15 * std::max(1.0, std::fabs(value)))
      continue;
    w_ = std::move(moved);
    at_ = std::move(there);
    if (step == longest && blocking < w_.size())
      free_[blocking] = false;
    return true;
  }
  return release(gradient, nu);
}

class MeanVarianceStudy {
public:
  MeanVarianceStudy(const StudyOptions& options, Vector mu, Vector S)
      : options_(options), n_(mu.size()), mu_(std::move(mu)), S_(std::move(S)),
        w0_(n_, 1.0 / double(n_)), problem_{mu_, S_, w0_, kTerms.aversion, kTerms.cost, kSmoothing},
        shape_{int64_t(n_), int64_t(n_)} {
    const Eigen::Map<const Eigen::MatrixXd> map(S_.data(), Eigen::Index(n_), Eigen::Index(n_));
    rate_ = 1.0 / (kTerms.aversion *
                   Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(map).eigenvalues().maxCoeff());
    // Beside the equal weights, where every cost has its kink.
    for (std::size_t i = 0; i < n_; ++i)
      point_.push_back(w0_[i] * (1.0 + 0.5 * std::cos(double(i) + 1.0)));
    point_ = simplexProjection(point_);
  }
  MeanVarianceStudy(const MeanVarianceStudy&) = delete;

  Json run() const;

private:
  std::string label() const { return "W2 n=" + std::to_string(n_); }
  std::vector<Job> jobs() const;
  WholeRun ascent() const;
  WholeRun newton() const;
  template <class F> Vector ascend(const F& step, Marks& marks) const;
  Json endOf(const Vector& w) const;

  const StudyOptions& options_;
  std::size_t n_;
  Vector mu_, S_, w0_;
  MeanVariance problem_;
  Shape shape_;
  double rate_ = 0.0;
  Vector point_;
};

std::vector<Job> MeanVarianceStudy::jobs() const {
  const Tensor w = tensor(point_), mu = tensor(mu_), S = tensor(S_, shape_), w0 = tensor(w0_);
  const Tensor smoothing = tensor(kSmoothing), rate = tensor(rate_);
  const Vector value{meanVarianceValue(problem_, point_)};
  const Vector gradient = meanVarianceGradient(problem_, point_);
  const Vector H = meanVarianceHessian(problem_, point_);
  Vector along, Hv(n_, 0.0), moved = point_;
  for (std::size_t i = 0; i < n_; ++i) {
    along.push_back(std::sin(double(i) + 1.0));
    moved[i] += rate_ * gradient[i];
  }
  for (std::size_t i = 0; i < n_ * n_; ++i)
    Hv[i / n_] += H[i] * std::sin(double(i % n_) + 1.0);
  std::vector<Job> jobs;
  const auto add = [&](Job job, std::vector<Vector> expected) {
    job.expected = std::move(expected);
    jobs.push_back(std::move(job));
  };
  add(makeJob("value + gradient", value_and_grad(utility()), w, mu, S, w0, smoothing),
      {value, gradient});
  add(makeJob("projected step", projectedStep(), w, rate, mu, S, w0, smoothing),
      {simplexProjection(moved)});
  add(makeJob("Hessian x vector", hvp(utility()), w, tensor(along), mu, S, w0, smoothing), {Hv});
  add(makeJob("Hessian", hessian(utility()), w, mu, S, w0, smoothing), {H});
  return jobs;
}

Json MeanVarianceStudy::endOf(const Vector& w) const {
  std::size_t held = 0, kept = 0;
  for (std::size_t i = 0; i < n_; ++i) {
    held += w[i] > 0.0;
    kept += std::fabs(w[i] - w0_[i]) < 1e-4 * w0_[i];
  }
  return {{"w", w},
          {"value", meanVarianceValue(problem_, w)},
          {"residual", meanVarianceResidual(problem_, w)},
          {"held", held},
          {"kept", kept}};
}

template <class F> Vector MeanVarianceStudy::ascend(const F& step, Marks& marks) const {
  Tensor w = tensor(w0_);
  const Tensor rate = tensor(rate_), mu = tensor(mu_), S = tensor(S_, shape_), w0 = w;
  const Tensor smoothing = tensor(kSmoothing);
  for (; marks.begun(); marks.done())
    w = step(w, rate, mu, S, w0, smoothing);
  return w.template to_vector<double>();
}

WholeRun MeanVarianceStudy::ascent() const {
  auto loop = [this](const auto& step) -> Json {
    Marks marks(kSteps, runBudget(options_));
    Json end = endOf(ascend(step, marks));
    end.update(marks.json());
    return end;
  };
  WholeRun run = makeRun("projected gradient", projectedStep(), loop);
  run.unit = "projected steps";
  // Where a weight jumps about its kink, a last digit decides on which side it ends.
  run.apart = 4.0 * rate_ * kTerms.cost;
  return run;
}

WholeRun MeanVarianceStudy::newton() const {
  auto loop = [this](const auto& derivatives) -> Json {
    const double begin = now();
    const Tensor mu = tensor(mu_), S = tensor(S_, shape_), w0 = tensor(w0_);
    ActiveSetNewton newton(
        [&](const Vector& w, double smoothing) {
          return leavesOf(derivatives(tensor(w), mu, S, w0, tensor(smoothing)));
        },
        w0_);
    newton.solve(kSmoothing);
    Json end = endOf(newton.weights());
    end.update({{"iterations", newton.steps()}, {"seconds", now() - begin}});
    return end;
  };
  WholeRun run = makeRun("Newton, active set", derivatives(), loop);
  run.apart = 1e-7;
  run.residual = kResidual;
  run.residualName = "the residual of the optimality conditions";
  return run;
}

Json MeanVarianceStudy::run() const {
  Json workload = {
      {"heading", std::to_string(n_) + " assets"},
      {"functions", fmt::format("mu'w - {}/2 w'Sw - {} sum_i |w_i - 1/n|, sum w = 1, w >= 0; "
                                "|u| as sqrt(u^2 + {:.0e})",
                                kTerms.aversion, kTerms.cost, kSmoothing)},
      {"residual", "KKT residual"},
      {"rows", Json::array()},
      {"optimisation", Json::array()}};
  for (const Job& job : jobs())
    workload["rows"].push_back(measureRow(job, options_, label()));
  Json& runs = workload["optimisation"];
  runs.push_back(measureRun(ascent(), options_, label()));
  runs.push_back(measureRun(newton(), options_, label()));
  if (runs[0].contains("jit") && runs[1].contains("jit"))
    workload["notes"] = {fmt::format(
        "The optimum holds {} of {} assets and leaves {} where they were. {} projected steps of "
        "1/(5 lambda_max) end {:.1e} below it.",
        runs[1]["jit"]["held"].get<int>(), n_, runs[1]["jit"]["kept"].get<int>(),
        runs[0]["jit"]["iterations"].get<int>(),
        std::max(0.0,
                 runs[1]["jit"]["value"].get<double>() - runs[0]["jit"]["value"].get<double>()))};
  return workload;
}

} // namespace

Json studyMeanVariance(const StudyOptions& options, const StudyData& data, const Extents& size) {
  std::size_t n = size.at("n");
  Vector S, mu;
  if (options.prices.empty()) {
    S = makeCovariance(n, options.seed);
  } else {
    n = std::min(n, data.panel.N);
    S = covarianceOf(data.panel, n);
  }
  // What makes equal weights optimal without costs, and views that differ by a few cost units.
  for (std::size_t i = 0; i < n; ++i) {
    mu.push_back(0.03 * std::cos(3.0 * double(i)));
    for (std::size_t j = 0; j < n; ++j)
      mu.back() += kTerms.aversion * S[i * n + j] / double(n);
  }
  return MeanVarianceStudy(options, mu, S).run();
}

} // namespace diptych::study
