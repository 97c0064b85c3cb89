// W1, the softmax factor portfolio: its rows, its two optimisers, and what each factor adds.
#include "tools/study/ClosedForms.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/StudySolvers.h"
#include "tools/study/Workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

class Portfolio {
public:
  Portfolio(const StudyOptions& options, Panel panel)
      : options_(options), panel_(std::move(panel)), terms_(options.terms),
        problem_{panel_.T, panel_.N,           panel_.K,    panel_.X,
                 panel_.Y, terms_.temperature, terms_.cost, terms_.ridge},
        X_(from_blob(panel_.X.data(), shape({panel_.T, panel_.N, panel_.K}))),
        Y_(from_blob(panel_.Y.data(), shape({panel_.T, panel_.N}))) {
    // Away from w = 0, where softmax is flat and a wrong derivative may hide.
    for (std::size_t k = 0; k < panel_.K; ++k) {
      point_.push_back(0.3 * std::cos(double(k) + 1.0));
      along_.push_back(std::sin(double(k) + 1.0));
    }
  }

  Json run();

private:
  static Shape shape(std::vector<std::size_t> extents) {
    return Shape(std::vector<int64_t>(extents.begin(), extents.end()));
  }
  auto objective() const {
    return [terms = terms_](const Tensor& w, const Tensor& X, const Tensor& Y) {
      return factorPortfolio(w, X, Y, terms);
    };
  }
  /// (w, direction, rate, X, Y) -> (w', value, gradient)
  auto ascentStep() const {
    return [f = objective()](const Tensor& w, const Tensor& direction, const Tensor& rate,
                             const Tensor& X, const Tensor& Y) {
      const Tensor moved = w + rate * direction;
      auto [value, gradient] = value_and_grad(f)(moved, X, Y);
      return std::tuple(moved, value, gradient);
    };
  }
  /// (w, X, Y) -> (value, gradient, Hessian)
  auto derivatives() const {
    return [f = objective()](const Tensor& w, const Tensor& X, const Tensor& Y) {
      auto [value, gradient] = value_and_grad(f)(w, X, Y);
      return std::tuple(value, gradient, hessian(f)(w, X, Y));
    };
  }
  std::string hessianSkipped() const;
  std::vector<Job> jobs() const;
  void addSecondOrder(std::vector<Job>& jobs, const Vector& gradient) const;
  template <class F> Json ascend(F step, const char* mode) const;
  template <class F, class G> Json climb(F value, G derivatives, const char* mode) const;
  Json optimisation() const;
  Json contributions(const Vector& w) const;

  const StudyOptions& options_;
  Panel panel_;
  PortfolioTerms terms_;
  FactorPortfolio problem_;
  Tensor X_, Y_;
  Vector point_, along_;
};

/// Live [K,T,N] temporaries at the worst moment of an eager Hessian: 8.5 without costs and 11.3
/// with them, as the study's own table measures.
constexpr double kHessianTemporaries = 12.0;

std::string Portfolio::hessianSkipped() const {
  const double gigabyte = 1024.0 * 1024.0 * 1024.0;
  const double need =
      kHessianTemporaries * double(panel_.K) * double(panel_.T) * double(panel_.N) * 8 / gigabyte;
  const double limit = options_.hessianLimit > 0.0 ? options_.hessianLimit
                                                   : 0.5 * double(availableBytes()) / gigabyte;
  if (need <= limit || limit == 0.0)
    return "";
  char text[200];
  std::snprintf(text, sizeof text,
                "all %zu columns at once need about %.1f GiB, the limit is %.1f GiB; lower K, or "
                "raise --hessian-limit",
                panel_.K, need, limit);
  return text;
}

std::vector<Job> Portfolio::jobs() const {
  const Tensor w = tensor(point_);
  const Vector gradient = portfolioGradient(problem_, point_);
  const Vector value{portfolioObjective(problem_, point_)};
  std::vector<Job> jobs;
  jobs.push_back(makeJob("value", objective(), w, X_, Y_));
  jobs.back().expected = {value};
  jobs.push_back(makeJob("value + gradient", value_and_grad(objective()), w, X_, Y_));
  jobs.back().expected = {value, gradient};
  jobs.push_back(makeJob("ascent step", ascentStep(), w, tensor(along_), tensor(0.0), X_, Y_));
  jobs.back().expected = {point_, value, gradient};
  addSecondOrder(jobs, gradient);
  return jobs;
}

void Portfolio::addSecondOrder(std::vector<Job>& jobs, const Vector& gradient) const {
  const Tensor w = tensor(point_);
  const std::string skipped = hessianSkipped();
  const std::size_t K = panel_.K;
  Vector H, Hv;
  if (skipped.empty()) {
    H = portfolioHessian(problem_, point_);
    for (std::size_t i = 0; i < K; ++i) {
      Hv.push_back(0.0);
      for (std::size_t j = 0; j < K; ++j)
        Hv.back() += H[i * K + j] * along_[j];
    }
  }
  auto add = [&](Job job, std::vector<Vector> expected) {
    job.expected = skipped.empty() ? std::move(expected) : std::vector<Vector>();
    jobs.push_back(std::move(job));
  };
  add(makeJob("Hessian x vector", hvp(objective()), w, tensor(along_), X_, Y_), {Hv});
  add(makeJob("Hessian", hessian(objective()), w, X_, Y_), {H});
  jobs.back().skip = skipped;
  add(makeJob("Newton step", derivatives(), w, X_, Y_),
      {{portfolioObjective(problem_, point_)}, gradient, H});
  jobs.back().skip = skipped;
  jobs.back().finish = [](const Tensors& results) {
    newtonDirection(results[1].to_vector<double>(), results[2].to_vector<double>(), true);
  };
}

template <class F> Json Portfolio::ascend(F step, const char* mode) const {
  if (options_.progress)
    options_.progress(std::string("W1: gradient ascent, ") + mode);
  return inFreshProcess([&] {
    beginCell(options_);
    auto bound = [&](const Tensor& w, const Tensor& direction, const Tensor& rate) {
      return step(w, direction, rate, X_, Y_);
    };
    return gradientAscent(bound, panel_.K, options_.iterations, 10 * options_.sampling.seconds);
  });
}

template <class F, class G> Json Portfolio::climb(F value, G derivatives, const char* mode) const {
  if (options_.progress)
    options_.progress(std::string("W1: Newton, ") + mode);
  return inFreshProcess([&] {
    beginCell(options_);
    NewtonProblem problem;
    problem.maximise = true;
    problem.value = [&](const Tensor& w) { return value(w, X_, Y_).template item<double>(); };
    problem.derivatives = [&](const Tensor& w) { return leavesOf(derivatives(w, X_, Y_)); };
    return newton(problem, Vector(panel_.K, 0.0), now());
  });
}

Json Portfolio::optimisation() const {
  const JitOptions numerics{.numerics = options_.numerics};
  Json runs = Json::array();
  const WholeRun ascent{
      .method = "gradient ascent", .unit = "ascent steps", .run = {}, .apart = 1e-6};
  runs.push_back(judgeRun(ascent, ascend(ascentStep(), "eager"),
                          ascend(jit(ascentStep(), numerics), "jit"), nullptr));
  if (const std::string skipped = hessianSkipped(); !skipped.empty())
    runs.push_back({{"method", "Newton"}, {"failure", ""}, {"skipped", skipped}});
  else
    runs.push_back(judgeRun(
        {.method = "Newton", .run = {}, .apart = 1e-8}, climb(objective(), derivatives(), "eager"),
        climb(jit(objective(), numerics), jit(derivatives(), numerics), "jit"), nullptr));
  return runs;
}

/// What is lost without a factor: its weight set to 0, the others kept.
Json Portfolio::contributions(const Vector& w) const {
  if (options_.progress)
    options_.progress("W1: contributions");
  return inFreshProcess([&] {
    beginCell(options_);
    const NoGradGuard guard;
    auto measures = [&](const Vector& weights) {
      const Tensor R = factorReturns(tensor(weights), X_, Y_, terms_);
      return std::pair(annualSharpe(R).item<double>(), 252.0 * mean(R).item<double>());
    };
    const auto [sharpe, yearly] = measures(w);
    const auto [equalSharpe, equalYearly] = measures(Vector(w.size(), 0.0));
    Json factors = Json::array();
    for (std::size_t k = 0; k < w.size(); ++k) {
      Vector without = w;
      without[k] = 0.0;
      const auto [sharpeLeft, yearlyLeft] = measures(without);
      factors.push_back({{"factor", panel_.factors[k]},
                         {"weight", w[k]},
                         {"sharpe", sharpe - sharpeLeft},
                         {"return", yearly - yearlyLeft}});
    }
    std::sort(factors.begin(), factors.end(), [](const Json& a, const Json& b) {
      return a["sharpe"].get<double>() > b["sharpe"].get<double>();
    });
    return Json{{"sharpe", sharpe},
                {"return", yearly},
                {"sharpe_at_zero", equalSharpe},
                {"return_at_zero", equalYearly},
                {"factors", factors}};
  });
}

Json Portfolio::run() {
  Json workload = {
      {"heading",
       fmt::format("{} days, {} stocks, {} factors; cost {}, temperature {}, "
                   "ridge {}",
                   panel_.T, panel_.N, panel_.K, terms_.cost, terms_.temperature, terms_.ridge)},
      {"functions", "J(w) - ridge |w|^2, J the yearly Sharpe ratio of positions "
                    "softmax(X w / temperature); at w_k = 0.3 cos(k)"},
      {"size", {{"T", panel_.T}, {"N", panel_.N}, {"K", panel_.K}}},
      {"rows", Json::array()}};
  for (const Job& job : jobs())
    workload["rows"].push_back(measureRow(job, options_, "W1"));
  workload["optimisation"] = optimisation();
  // Newton's end where there is one, as it is the sharper.
  for (const Json& run : workload["optimisation"])
    if (run.contains("jit")) {
      workload["optimum"] = contributions(run["jit"]["w"]);
      workload["optimum"]["method"] = run["method"];
    }
  return workload;
}

} // namespace

Json studyPortfolio(const StudyOptions& options, const StudyData& data, const Extents& size) {
  if (!options.prices.empty())
    return Portfolio(options, data.panel).run();
  if (options.progress)
    options.progress("W1: generating a market");
  return Portfolio(options, makeMarket(size.at("T"), size.at("N"), size.at("K"), options.seed))
      .run();
}

} // namespace diptych::study
