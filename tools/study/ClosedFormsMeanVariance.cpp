// Mean-variance with costs and the Sharpe ratio of a window, in long double.
#include "tools/study/ClosedForms.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace diptych::study {

using Vector = std::vector<double>;
using Real = long double;

namespace {

std::vector<Real> product(std::span<const double> S, std::span<const double> w) {
  const std::size_t n = w.size();
  std::vector<Real> Sw(n, 0.0L);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      Sw[i] += Real(S[i * n + j]) * w[j];
  return Sw;
}

std::vector<Real> gradientOf(const MeanVariance& problem, std::span<const double> w) {
  std::vector<Real> g = product(problem.S, w);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const Real u = Real(w[i]) - problem.w0[i];
    g[i] = problem.mu[i] - problem.aversion * g[i] -
           problem.cost * u / std::sqrt(u * u + problem.smoothing);
  }
  return g;
}

} // namespace

double meanVarianceValue(const MeanVariance& problem, std::span<const double> w) {
  const std::vector<Real> Sw = product(problem.S, w);
  Real value = 0.0L;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const Real u = Real(w[i]) - problem.w0[i];
    value += problem.mu[i] * Real(w[i]) - 0.5L * problem.aversion * w[i] * Sw[i] -
             problem.cost * std::sqrt(u * u + problem.smoothing);
  }
  return static_cast<double>(value);
}

Vector meanVarianceGradient(const MeanVariance& problem, std::span<const double> w) {
  const std::vector<Real> g = gradientOf(problem, w);
  return Vector(g.begin(), g.end());
}

Vector meanVarianceHessian(const MeanVariance& problem, std::span<const double> w) {
  const std::size_t n = w.size();
  Vector H(n * n);
  for (std::size_t i = 0; i < n * n; ++i)
    H[i] = -problem.aversion * problem.S[i];
  for (std::size_t i = 0; i < n; ++i) {
    const Real u = Real(w[i]) - problem.w0[i], length = std::sqrt(u * u + problem.smoothing);
    H[i * n + i] -=
        static_cast<double>(problem.cost * problem.smoothing / (length * length * length));
  }
  return H;
}

double meanVarianceResidual(const MeanVariance& problem, std::span<const double> w) {
  const std::vector<Real> g = gradientOf(problem, w);
  Real nu = 0.0L, total = -1.0L, worst = 0.0L;
  for (std::size_t i = 0; i < w.size(); ++i) {
    nu += w[i] * g[i];
    total += w[i];
    worst = std::max(worst, -Real(w[i]));
  }
  for (std::size_t i = 0; i < w.size(); ++i)
    worst = std::max(worst, w[i] > 0.0 ? std::fabs(g[i] - nu) : g[i] - nu);
  worst = std::max(worst, std::fabs(total));
  return std::isfinite(total) ? static_cast<double>(worst) : HUGE_VAL;
}

Vector simplexProjection(std::span<const double> v) {
  Vector sorted(v.begin(), v.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  Real total = -1.0L, tau = 0.0L;
  for (std::size_t k = 0; k < sorted.size(); ++k) {
    total += sorted[k];
    if (sorted[k] * Real(k + 1) > total)
      tau = total / Real(k + 1);
  }
  Vector w;
  for (double value : v)
    w.push_back(static_cast<double>(std::max(0.0L, value - tau)));
  return w;
}

Vector softmaxWeights(std::span<const double> theta) {
  const Real shift = *std::max_element(theta.begin(), theta.end());
  Real total = 0.0L;
  for (double x : theta)
    total += std::exp(x - shift);
  Vector p;
  for (double x : theta)
    p.push_back(static_cast<double>(std::exp(x - shift) / total));
  return p;
}

ValueAndGradient windowLossGradient(std::span<const double> R, std::span<const double> theta) {
  const std::size_t N = theta.size(), days = R.size() / N;
  const Vector p = softmaxWeights(theta);
  std::vector<Real> earned(days, 0.0L);
  Real mean = 0.0L, squares = 0.0L;
  for (std::size_t t = 0; t < days; ++t) {
    for (std::size_t n = 0; n < N; ++n)
      earned[t] += Real(R[t * N + n]) * p[n];
    mean += earned[t] / days;
  }
  for (Real day : earned)
    squares += (day - mean) * (day - mean);
  const Real deviation = std::sqrt(squares / (days - 1)), year = std::sqrt(252.0L);
  // dJ/dR_t = sqrt(252) (1/(T s) - m (R_t - m) / ((T-1) s^3)); the loss is -J.
  std::vector<Real> slope(N, 0.0L);
  Real along = 0.0L;
  for (std::size_t t = 0; t < days; ++t) {
    const Real each = 1 / (days * deviation) -
                      mean * (earned[t] - mean) / ((days - 1) * deviation * deviation * deviation);
    for (std::size_t n = 0; n < N; ++n)
      slope[n] -= year * each * R[t * N + n];
  }
  for (std::size_t n = 0; n < N; ++n)
    along += p[n] * slope[n];
  ValueAndGradient result{static_cast<double>(-year * mean / deviation), {}};
  for (std::size_t n = 0; n < N; ++n)
    result.gradient.push_back(static_cast<double>(p[n] * (slope[n] - along)));
  return result;
}

} // namespace diptych::study
