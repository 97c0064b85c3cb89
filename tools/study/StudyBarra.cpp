// W4, Barra-like factor returns: weighted least squares of each day's returns under a constraint,
// all days in one batch of linear systems, and their derivatives in the exponent of the weights.
#include "tools/study/ClosedForms.h"
#include "tools/study/StudyRuns.h"
#include "tools/study/Workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace diptych::study {

namespace {

using Vector = std::vector<double>;

constexpr double kExponent = 0.5, kAttribution = 1e-15;
/// Columns of the generated market, in the order SIZE, MOM, VOL, REV, LIQ.
constexpr std::size_t kStyles[] = {4, 0, 2, 1, 3};
constexpr std::size_t kStyleCount = std::size(kStyles), kMomentum = 1;

class Barra {
public:
  Barra(const StudyOptions& options, const Panel& panel, std::size_t industries)
      : options_(options), T_(panel.T), N_(panel.N), J_(industries),
        P_(1 + industries + kStyleCount), B_(T_ * N_ * P_), cap_(T_ * N_), share_(T_ * P_),
        r_(panel.Y), days_{T_, N_, P_, B_, r_, cap_, share_} {
    for (std::size_t t = 0; t < T_; ++t)
      fill(panel, t);
  }
  Barra(const Barra&) = delete;

  Json run() const;

private:
  void fill(const Panel& panel, std::size_t t);
  CrossSectionTensors tensors() const {
    const auto T = int64_t(T_), N = int64_t(N_), P = int64_t(P_);
    return {from_blob(B_.data(), {T, N, P}), from_blob(r_.data(), {T, N}),
            from_blob(cap_.data(), {T, N}), from_blob(share_.data(), {T, P})};
  }
  auto momentum() const {
    return
        [factor = int64_t(1 + J_ + kMomentum)](const Tensor& a, const CrossSectionTensors& days) {
          return totalReturn(a, days, factor);
        };
  }
  std::vector<Job> jobs() const;
  WholeRun attribute() const;
  double unexplained(const Vector& parts) const;

  const StudyOptions& options_;
  std::size_t T_, N_, J_, P_;
  Vector B_, cap_, share_, r_;
  CrossSections days_;
};

/// Ones, the industry, the styles; capitalisations about 1 with the spread of a large market.
void Barra::fill(const Panel& panel, std::size_t t) {
  double total = 0.0;
  for (std::size_t n = 0; n < N_; ++n) {
    const double* x = panel.X.data() + (t * N_ + n) * panel.K;
    double* row = B_.data() + (t * N_ + n) * P_;
    const std::size_t industry = n % J_;
    row[0] = row[1 + industry] = 1.0;
    for (std::size_t k = 0; k < kStyleCount; ++k)
      row[1 + J_ + k] = x[kStyles[k]];
    cap_[t * N_ + n] = std::exp(1.2 * x[kStyles[0]]);
    share_[t * P_ + 1 + industry] += cap_[t * N_ + n];
    total += cap_[t * N_ + n];
  }
  for (std::size_t j = 0; j < J_; ++j)
    share_[t * P_ + 1 + j] /= total;
}

/// What each factor adds to the portfolio's return, from factor returns f [T,P].
Vector attributed(const CrossSections& days, const Vector& f) {
  Vector parts;
  for (std::size_t t = 0; t < days.T; ++t) {
    long double total = 0.0L;
    std::vector<long double> exposure(days.P, 0.0L);
    for (std::size_t n = 0; n < days.N; ++n) {
      const long double v = std::sqrt(static_cast<long double>(days.cap[t * days.N + n]));
      total += v;
      for (std::size_t p = 0; p < days.P; ++p)
        exposure[p] += v * days.B[(t * days.N + n) * days.P + p];
    }
    for (std::size_t p = 0; p < days.P; ++p)
      parts.push_back(static_cast<double>(exposure[p] / total * f[t * days.P + p]));
  }
  return parts;
}

std::vector<Job> Barra::jobs() const {
  const FactorReturnsInExponent exact = factorReturnsAt(days_, kExponent);
  const auto total = [&](const Vector& f) {
    long double sum = 0.0L;
    for (std::size_t t = 0; t < T_; ++t)
      sum += f[t * P_ + 1 + J_ + kMomentum];
    return Vector{static_cast<double>(sum)};
  };
  const Tensor a = tensor(kExponent);
  const CrossSectionTensors days = tensors();
  std::vector<Job> jobs;
  const auto add = [&](Job job, std::vector<Vector> expected) {
    job.expected = std::move(expected);
    jobs.push_back(std::move(job));
  };
  add(makeJob("factor returns", factorReturnsOf, a, days), {exact.f});
  add(makeJob("attribution", attribution, a, days), {attributed(days_, exact.f)});
  add(makeJob("value + gradient", value_and_grad(momentum()), a, days),
      {total(exact.f), total(exact.first)});
  add(makeJob("second derivative", hessian(momentum()), a, days), {total(exact.second)});
  return jobs;
}

/// The largest difference between a day's parts and the return of the portfolio they are parts of.
/// Its weights are those of the regression, so that its residual return is 0.
double Barra::unexplained(const Vector& parts) const {
  double worst = 0.0;
  for (std::size_t t = 0; t < T_; ++t) {
    long double total = 0.0L, earned = 0.0L, explained = 0.0L;
    for (std::size_t n = 0; n < N_; ++n) {
      const long double v = std::sqrt(static_cast<long double>(cap_[t * N_ + n]));
      total += v;
      earned += v * r_[t * N_ + n];
    }
    for (std::size_t p = 0; p < P_; ++p)
      explained += parts[t * P_ + p];
    worst = larger(worst, static_cast<double>(std::fabs(earned / total - explained)));
  }
  return worst;
}

WholeRun Barra::attribute() const {
  auto loop = [this](const auto& step) -> Json {
    const double begin = now();
    const Vector parts = step(tensor(kExponent), tensors()).template to_vector<double>();
    const double seconds = now() - begin;
    Vector totals(P_, 0.0);
    for (std::size_t i = 0; i < parts.size(); ++i)
      totals[i % P_] += parts[i];
    double all = 0.0;
    for (double total : totals)
      all += total;
    return {{"w", totals},
            {"value", all},
            {"residual", unexplained(parts)},
            {"iterations", 1},
            {"seconds", seconds}};
  };
  WholeRun run = makeRun("attribution", attribution, loop);
  run.apart = 1e-10;
  run.residual = kAttribution;
  run.residualName = "the largest daily return left unexplained";
  return run;
}

Json Barra::run() const {
  Json workload = {{"heading", fmt::format("{} days, {} stocks, {} industries and {} styles", T_,
                                           N_, J_, kStyleCount)},
                   {"functions", "factor returns f_t by least squares with weights cap^a; the "
                                 "derivatives are of sum_t f_MOM,t in a, at a = 0.5"},
                   {"residual", "unexplained"},
                   {"rows", Json::array()},
                   {"optimisation", Json::array()}};
  for (const Job& job : jobs())
    workload["rows"].push_back(measureRow(job, options_, "W4"));
  workload["optimisation"].push_back(measureRun(attribute(), options_, "W4"));
  workload["notes"] = {"objective: the portfolio's return summed over the days; unexplained: the "
                       "largest daily difference between it and its parts"};
  return workload;
}

} // namespace

Json studyBarra(const StudyOptions& options, const StudyData&, const Extents& size) {
  if (options.progress)
    options.progress("W4: generating a market");
  const Panel panel = makeMarket(size.at("T"), size.at("N"), kStyleCount, options.seed);
  return Barra(options, panel, size.at("industries")).run();
}

} // namespace diptych::study
