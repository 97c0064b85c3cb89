// W1 in closed form. With x' = x - E_p x:  dp/dw = p x' / tau,  d2(sum p z)/dw2 = E_p[(z - E_p z)
// x' x''] / tau^2.
#include "tools/study/ClosedForms.h"

#include <diptych/Error.h>

#include <eigen3/Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <string>

namespace diptych::study {

namespace {

using Real = long double;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMatrix = Eigen::Map<const Matrix>;
constexpr Real smoothing = 1e-8L; // under the root of the trading cost
const Real annual = std::sqrt(252.0L);

void check(const FactorPortfolio& problem, std::span<const double> w) {
  auto refuse = [](const std::string& what, std::size_t expected, std::size_t got) {
    throw Error("factor portfolio: " + what + ": expected " + std::to_string(expected) +
                " values, got " + std::to_string(got) + "; pass arrays of X[T,N,K], Y[T,N], w[K]");
  };
  if (problem.X.size() != problem.T * problem.N * problem.K)
    refuse("X", problem.T * problem.N * problem.K, problem.X.size());
  if (problem.Y.size() != problem.T * problem.N)
    refuse("Y", problem.T * problem.N, problem.Y.size());
  if (w.size() != problem.K)
    refuse("w", problem.K, w.size());
  if (problem.T < 2)
    throw Error("factor portfolio: a Sharpe ratio needs at least 2 days, got " +
                std::to_string(problem.T) + "; take a longer period");
  if (!(problem.temperature > 0.0))
    throw Error("factor portfolio: expected a temperature above 0, got " +
                std::to_string(problem.temperature));
}

/// Everything that the value, the gradient and the Hessian share.
class Evaluation {
public:
  Evaluation(const FactorPortfolio& problem, std::span<const double> w) : problem_(problem), w_(w) {
    check(problem, w);
    computePositions();
    computeReturns();
    computeMoments();
  }

  const std::vector<Real>& returns() const { return returns_; }
  Real sharpe() const { return annual * mean_ / deviation_; }
  Real objective() const {
    Real norm = 0.0L;
    for (double weight : w_)
      norm += Real(weight) * weight;
    return sharpe() - problem_.ridge * norm;
  }

  /// dJ/dR_t = annual (1/(T s) - m (R_t - m) / ((T-1) s^3)).
  Real sensitivity(std::size_t t) const {
    Real T = problem_.T;
    return annual *
           (1.0L / (T * deviation_) - mean_ * (returns_[t] - mean_) / ((T - 1.0L) * cube()));
  }

  std::vector<double> gradient() const;
  std::vector<double> hessian() const;

private:
  void computePositions();
  void computeReturns();
  void computeMoments();
  Real trade(std::size_t t, std::size_t n) const {
    return Real(position_[t * problem_.N + n]) - position_[(t - 1) * problem_.N + n];
  }
  /// d sqrt(u^2 + e) / du at the trade into day t; 0 where there is no such trade.
  Real costSlope(std::size_t t, std::size_t n) const {
    if (problem_.cost == 0.0 || t == 0 || t >= problem_.T)
      return 0.0L;
    Real u = trade(t, n);
    return u / std::sqrt(u * u + smoothing);
  }
  Real cube() const { return deviation_ * deviation_ * deviation_; }
  std::vector<Real> payoffs(std::size_t t) const;
  Matrix positionJacobian(std::size_t t) const;
  std::vector<Real> returnGradient(std::size_t t) const;
  Matrix curvatureOfReturns() const;
  void addCurvatureOfSharpe(Matrix& H) const;

  FactorPortfolio problem_;
  std::span<const double> w_;
  std::vector<Real> position_; // [T,N]
  std::vector<Real> returns_;  // [T]
  Real mean_ = 0.0L, deviation_ = 0.0L;
};

void Evaluation::computePositions() {
  auto [T, N, K] = std::array{problem_.T, problem_.N, problem_.K};
  position_.resize(T * N);
  for (std::size_t t = 0; t < T; ++t) {
    Real* p = position_.data() + t * N;
    const double* x = problem_.X.data() + t * N * K;
    for (std::size_t n = 0; n < N; ++n, x += K) {
      p[n] = 0.0L;
      for (std::size_t k = 0; k < K; ++k)
        p[n] += Real(x[k]) * w_[k];
      p[n] /= problem_.temperature;
    }
    Real largest = *std::max_element(p, p + N), total = 0.0L;
    for (std::size_t n = 0; n < N; ++n)
      total += p[n] = std::exp(p[n] - largest);
    for (std::size_t n = 0; n < N; ++n)
      p[n] /= total;
  }
}

void Evaluation::computeReturns() {
  returns_.assign(problem_.T, 0.0L);
  for (std::size_t t = 0; t < problem_.T; ++t)
    for (std::size_t n = 0; n < problem_.N; ++n) {
      returns_[t] += position_[t * problem_.N + n] * problem_.Y[t * problem_.N + n];
      if (problem_.cost != 0.0 && t > 0)
        returns_[t] -= problem_.cost * std::sqrt(trade(t, n) * trade(t, n) + smoothing);
    }
}

void Evaluation::computeMoments() {
  for (Real r : returns_)
    mean_ += r;
  mean_ /= Real(problem_.T);
  Real square = 0.0L;
  for (Real r : returns_)
    square += (r - mean_) * (r - mean_);
  deviation_ = std::sqrt(square / Real(problem_.T - 1));
  if (!(deviation_ > 0.0L))
    throw Error("factor portfolio: the portfolio's returns have no spread, so their Sharpe ratio "
                "has no value; "
                "expected returns that differ from day to day");
}

// z_tn = dJ/dp_tn: what one more unit of p_tn earns, directly and through the trades at t and t
// + 1.
std::vector<Real> Evaluation::payoffs(std::size_t t) const {
  std::vector<Real> z(problem_.N);
  Real today = sensitivity(t), tomorrow = t + 1 < problem_.T ? sensitivity(t + 1) : 0.0L;
  for (std::size_t n = 0; n < problem_.N; ++n)
    z[n] = today * problem_.Y[t * problem_.N + n] -
           problem_.cost * (today * costSlope(t, n) - tomorrow * costSlope(t + 1, n));
  return z;
}

std::vector<double> Evaluation::gradient() const {
  auto [T, N, K] = std::array{problem_.T, problem_.N, problem_.K};
  std::vector<Real> sum(K, 0.0L);
  for (std::size_t t = 0; t < T; ++t) {
    std::vector<Real> z = payoffs(t);
    const Real* p = position_.data() + t * N;
    Real expected = 0.0L;
    for (std::size_t n = 0; n < N; ++n)
      expected += p[n] * z[n];
    // Covariance under p of payoff and exposure.
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t k = 0; k < K; ++k)
        sum[k] += p[n] * (z[n] - expected) * problem_.X[(t * N + n) * K + k];
  }
  std::vector<double> result(K);
  for (std::size_t k = 0; k < K; ++k)
    result[k] = static_cast<double>(sum[k] / problem_.temperature - 2.0L * problem_.ridge * w_[k]);
  return result;
}

// [N,K]: p (x - E_p x) / tau.
Matrix Evaluation::positionJacobian(std::size_t t) const {
  auto [N, K] = std::array{problem_.N, problem_.K};
  ConstMatrix x(problem_.X.data() + t * N * K, Eigen::Index(N), Eigen::Index(K));
  Eigen::VectorXd p(N);
  for (std::size_t n = 0; n < N; ++n)
    p[Eigen::Index(n)] = static_cast<double>(position_[t * N + n]);
  Eigen::RowVectorXd centre = p.transpose() * x;
  return p.asDiagonal() * (x.rowwise() - centre) / problem_.temperature;
}

// sum_t dJ/dR_t d2R_t, through the positions' second derivatives and the cost's own curvature.
Matrix Evaluation::curvatureOfReturns() const {
  auto [T, N, K] = std::array{problem_.T, problem_.N, problem_.K};
  Matrix H = Matrix::Zero(Eigen::Index(K), Eigen::Index(K)), before;
  for (std::size_t t = 0; t < T; ++t) {
    std::vector<Real> z = payoffs(t);
    const Real* p = position_.data() + t * N;
    Real expected = 0.0L;
    for (std::size_t n = 0; n < N; ++n)
      expected += p[n] * z[n];
    Matrix D = positionJacobian(t);
    // D'diag((z - E z)/p) D = E_p[(z - E z) x'x''] / tau^2; x' taken anew, as p may underflow to 0.
    ConstMatrix x(problem_.X.data() + t * N * K, Eigen::Index(N), Eigen::Index(K));
    Eigen::VectorXd weight(N), mass(N), curvature(N);
    for (std::size_t n = 0; n < N; ++n) {
      mass[Eigen::Index(n)] = static_cast<double>(p[n]);
      weight[Eigen::Index(n)] = static_cast<double>(z[n] - expected);
      Real u = t > 0 && problem_.cost != 0.0 ? trade(t, n) : 0.0L,
           root = std::sqrt(u * u + smoothing);
      curvature[Eigen::Index(n)] = static_cast<double>(smoothing / (root * root * root));
    }
    Matrix centred = x.rowwise() - Eigen::RowVectorXd(mass.transpose() * x);
    H.noalias() += centred.transpose() * weight.asDiagonal() * D / problem_.temperature;
    if (problem_.cost != 0.0 && t > 0) {
      Matrix change = D - before;
      double scale = static_cast<double>(problem_.cost * sensitivity(t));
      H.noalias() -= scale * (change.transpose() * curvature.asDiagonal() * change);
    }
    before = std::move(D);
  }
  return H;
}

// dR_t/dw [K].
std::vector<Real> Evaluation::returnGradient(std::size_t t) const {
  auto [N, K] = std::array{problem_.N, problem_.K};
  auto addDay = [&](std::vector<Real>& sum, std::size_t day, auto payoff) {
    const Real* p = position_.data() + day * N;
    Real expected = 0.0L;
    for (std::size_t n = 0; n < N; ++n)
      expected += p[n] * payoff(n);
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t k = 0; k < K; ++k)
        sum[k] += p[n] * (payoff(n) - expected) * problem_.X[(day * N + n) * K + k] /
                  problem_.temperature;
  };
  std::vector<Real> sum(K, 0.0L);
  addDay(sum, t,
         [&](std::size_t n) { return problem_.Y[t * N + n] - problem_.cost * costSlope(t, n); });
  if (problem_.cost != 0.0 && t > 0)
    addDay(sum, t - 1, [&](std::size_t n) { return problem_.cost * costSlope(t, n); });
  return sum;
}

// sum_tu d2J/dR_t dR_u G_t G_u', G_t = dR_t/dw, d_t = R_t - m, q = sum_t d_t G_t, g = mean_t G_t:
// annual [ -(g q' + q g') / ((T-1) s^3) - m (sum_t G_t G_t' - T g g') / ((T-1) s^3) + 3 m q q' /
// ((T-1)^2 s^5) ].
void Evaluation::addCurvatureOfSharpe(Matrix& H) const {
  auto [T, K] = std::array{problem_.T, problem_.K};
  std::vector<Real> G(T * K), g(K, 0.0L), q(K, 0.0L);
  for (std::size_t t = 0; t < T; ++t) {
    std::vector<Real> row = returnGradient(t);
    std::copy(row.begin(), row.end(), G.begin() + std::ptrdiff_t(t * K));
    for (std::size_t k = 0; k < K; ++k) {
      g[k] += row[k] / Real(T);
      q[k] += (returns_[t] - mean_) * row[k];
    }
  }
  Real dof = Real(T - 1), s3 = cube(), s5 = s3 * deviation_ * deviation_;
  for (std::size_t i = 0; i < K; ++i)
    for (std::size_t j = 0; j < K; ++j) {
      Real scatter = 0.0L;
      for (std::size_t t = 0; t < T; ++t)
        scatter += (G[t * K + i] - g[i]) * (G[t * K + j] - g[j]);
      Real term = -(g[i] * q[j] + q[i] * g[j] + mean_ * scatter) / (dof * s3) +
                  3.0L * mean_ * q[i] * q[j] / (dof * dof * s5);
      H(Eigen::Index(i), Eigen::Index(j)) += static_cast<double>(annual * term);
    }
}

std::vector<double> Evaluation::hessian() const {
  Matrix H = curvatureOfReturns();
  addCurvatureOfSharpe(H);
  H.diagonal().array() -= 2.0 * problem_.ridge;
  return {H.data(), H.data() + H.size()};
}

} // namespace

double portfolioObjective(const FactorPortfolio& problem, std::span<const double> w) {
  return static_cast<double>(Evaluation(problem, w).objective());
}

double portfolioSharpe(const FactorPortfolio& problem, std::span<const double> w) {
  return static_cast<double>(Evaluation(problem, w).sharpe());
}

std::vector<double> portfolioReturns(const FactorPortfolio& problem, std::span<const double> w) {
  Evaluation evaluation(problem, w);
  return {evaluation.returns().begin(), evaluation.returns().end()};
}

std::vector<double> portfolioGradient(const FactorPortfolio& problem, std::span<const double> w) {
  return Evaluation(problem, w).gradient();
}

std::vector<double> portfolioHessian(const FactorPortfolio& problem, std::span<const double> w) {
  return Evaluation(problem, w).hessian();
}

} // namespace diptych::study
