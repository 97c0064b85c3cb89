// W3, risk parity: f(x) with every way to its Hessian, the spread F(w), and damped Newton.
#include "tools/study/ClosedForms.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/StudySolvers.h"
#include "tools/study/Workloads.h"

#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

class RiskParity {
public:
  RiskParity(const StudyOptions& options, const StudyData& data, std::size_t n)
      : options_(options), n_(options.prices.empty() ? n : std::min(n, data.panel.N)),
        covariance_(options.prices.empty() ? makeCovariance(n_, options.seed)
                                           : covarianceOf(data.panel, n_)),
        budget_(n_, 1.0 / double(n_)), equal_(budget_),
        S_(tensor(covariance_, {static_cast<int64_t>(n_), static_cast<int64_t>(n_)})),
        b_(tensor(budget_)) {
    for (std::size_t i = 0; i < n_; ++i) {
      start_.push_back(std::sqrt(budget_[i] / covariance_[i * n_ + i]));
      along_.push_back(std::sin(double(i) + 1.0));
    }
  }

  Json run() const;

private:
  std::string label() const { return "W3 n=" + std::to_string(n_); }
  static auto derivatives() {
    return [](const Tensor& x, const Tensor& S, const Tensor& b) {
      auto [value, gradient] = value_and_grad(riskParity)(x, S, b);
      return std::tuple(value, gradient, hessian(riskParity)(x, S, b));
    };
  }
  std::vector<Job> jobs() const;
  void addSpread(std::vector<Job>& jobs) const;
  template <class F, class G> Json solve(F value, G derivatives, const char* mode) const;
  Json optimisation() const;

  const StudyOptions& options_;
  std::size_t n_;
  Vector covariance_, budget_, equal_, start_, along_;
  Tensor S_, b_;
};

std::vector<Job> RiskParity::jobs() const {
  const Tensor x = tensor(start_);
  const Vector value{riskParityValue(covariance_, budget_, start_)};
  const Vector gradient = riskParityGradient(covariance_, budget_, start_);
  const Vector H = riskParityHessian(covariance_, budget_, start_);
  Vector Hv(n_, 0.0);
  for (std::size_t i = 0; i < n_ * n_; ++i)
    Hv[i / n_] += H[i] * along_[i % n_];
  std::vector<Job> jobs;
  auto add = [&](Job job, std::vector<Vector> expected) {
    job.expected = std::move(expected);
    jobs.push_back(std::move(job));
  };
  add(makeJob("f: value + gradient", value_and_grad(riskParity), x, S_, b_), {value, gradient});
  add(makeJob("f: Hessian x vector", hvp(riskParity), x, tensor(along_), S_, b_), {Hv});
  add(makeJob("f: Hessian, forward over reverse", hessian(riskParity), x, S_, b_), {H});
  add(makeJob("f: Hessian, reverse over reverse", jacrev(grad(riskParity)), x, S_, b_), {H});
  add(makeJob("f: Newton step", derivatives(), x, S_, b_), {value, gradient, H});
  jobs.back().finish = [](const Tensors& results) {
    newtonDirection(results[1].to_vector<double>(), results[2].to_vector<double>(), false);
  };
  addSpread(jobs);
  return jobs;
}

void RiskParity::addSpread(std::vector<Job>& jobs) const {
  const Tensor w = tensor(equal_);
  const Vector value{riskDispersion(covariance_, equal_)};
  const Vector gradient = riskDispersionGradient(covariance_, equal_);
  const Vector H = riskDispersionHessian(covariance_, equal_);
  jobs.push_back(makeJob("F: value + gradient", value_and_grad(riskSpread), w, S_));
  jobs.back().expected = {value, gradient};
  jobs.push_back(makeJob("F: Hessian, forward over reverse", hessian(riskSpread), w, S_));
  jobs.back().expected = {H};
  jobs.push_back(makeJob("F: Hessian, reverse over reverse", jacrev(grad(riskSpread)), w, S_));
  jobs.back().expected = {H};
}

/// max_i |w_i (Sw)_i / w'Sw - b_i|, w = x / sum x.
double residualOf(const Vector& S, const Vector& b, const Vector& x) {
  const std::size_t n = x.size();
  Vector risk(n, 0.0);
  double total = 0.0, worst = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j)
      risk[i] += x[i] * S[i * n + j] * x[j];
    total += risk[i];
  }
  for (std::size_t i = 0; i < n; ++i)
    worst = std::max(worst, std::fabs(risk[i] / total - b[i]));
  return worst;
}

template <class F, class G> Json RiskParity::solve(F value, G derivatives, const char* mode) const {
  if (options_.progress)
    options_.progress(label() + ": Newton, " + mode);
  Json run = inFreshProcess([&] {
    beginCell(options_);
    NewtonProblem problem;
    problem.positive = true;
    problem.value = [&](const Tensor& x) { return value(x, S_, b_).template item<double>(); };
    problem.derivatives = [&](const Tensor& x) { return leavesOf(derivatives(x, S_, b_)); };
    return newton(problem, start_, now());
  });
  if (run.contains("error"))
    return run;
  Vector w = run["w"];
  run["residual"] = residualOf(covariance_, budget_, w);
  double total = 0.0;
  for (double x : w)
    total += x;
  for (double& x : w)
    x /= total;
  run["w"] = w;
  return run;
}

/// Largest deviation of a risk share from its budget that counts as solved.
constexpr double kResidual = 1e-12;

Json RiskParity::optimisation() const {
  const JitOptions numerics{.numerics = options_.numerics};
  WholeRun newton{.method = "Newton",
                  .run = {},
                  .apart = 1e-8,
                  .residual = kResidual,
                  .residualName = "the largest deviation of a risk share from its budget"};
  return Json::array(
      {judgeRun(newton, solve(riskParity, derivatives(), "eager"),
                solve(jit(riskParity, numerics), jit(derivatives(), numerics), "jit"), nullptr)});
}

Json RiskParity::run() const {
  Json workload = {{"heading", std::to_string(n_) + " assets"},
                   {"functions", "f(x) = x'Sx/2 - sum_i b_i ln x_i at x_i = sqrt(b_i/S_ii); "
                                 "F(w) = sum_ij (w_i(Sw)_i - w_j(Sw)_j)^2 at w_i = 1/n"},
                   {"size", {{"n", n_}}},
                   {"residual", "off budget"},
                   {"rows", Json::array()}};
  for (const Job& job : jobs())
    workload["rows"].push_back(measureRow(job, options_, label()));
  workload["optimisation"] = optimisation();
  return workload;
}

} // namespace

Json studyRiskParity(const StudyOptions& options, const StudyData& data, const Extents& size) {
  return RiskParity(options, data, size.at("n")).run();
}

} // namespace diptych::study
