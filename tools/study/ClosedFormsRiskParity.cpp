// W3 in closed form: the logarithmic barrier of risk parity, its Newton iteration, the dispersion
// of risks.
#include "tools/study/ClosedForms.h"

#include <diptych/Error.h>

#include <eigen3/Eigen/Dense>

#include <cmath>
#include <string>

namespace diptych::study {

namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstVector = Eigen::Map<const Vector>;
using ConstMatrix = Eigen::Map<const Matrix>;

ConstVector view(std::span<const double> x) { return {x.data(), Eigen::Index(x.size())}; }

ConstMatrix square(std::span<const double> S, std::size_t n) {
  if (S.size() != n * n || n == 0)
    throw Error("risk parity: expected a covariance of " + std::to_string(n) + " x " +
                std::to_string(n) + " values, got " + std::to_string(S.size()) +
                "; pass S[n,n] for n assets");
  return {S.data(), Eigen::Index(n), Eigen::Index(n)};
}

std::vector<double> toStd(const Vector& x) { return {x.data(), x.data() + x.size()}; }
std::vector<double> toStd(const Matrix& x) { return {x.data(), x.data() + x.size()}; }

void checkBarrier(std::span<const double> b, std::span<const double> x) {
  if (b.size() != x.size())
    throw Error("risk parity: expected as many budgets as positions (" + std::to_string(x.size()) +
                "), got " + std::to_string(b.size()));
  for (std::size_t i = 0; i < b.size(); ++i)
    if (!(b[i] > 0.0) || !(x[i] > 0.0))
      throw Error("risk parity: expected positive budgets and positions, got b=" +
                  std::to_string(b[i]) + ", x=" + std::to_string(x[i]) + " for asset " +
                  std::to_string(i) + "; leave assets without a budget out");
}

double residual(const ConstMatrix& S, const Vector& w, const Vector& b) {
  Vector risk = w.cwiseProduct(S * w);
  return (risk / risk.sum() - b / b.sum()).cwiseAbs().maxCoeff();
}

// The largest of 1, 1/2, 1/4, ... that keeps x positive and lowers f by a quarter of what its slope
// promises.
double damping(std::span<const double> S, std::span<const double> b, const std::vector<double>& x,
               const Vector& step, double decrement) {
  double value = riskParityValue(S, b, x), rounding = 1e-14 * (1.0 + std::fabs(value));
  for (double length = 1.0; length > 1e-10; length *= 0.5) {
    Vector next = view(x) - length * step;
    if (next.minCoeff() > 0.0 &&
        riskParityValue(S, b, toStd(next)) <= value - 0.5 * length * decrement + rounding)
      return length;
  }
  throw Error("risk parity: no step lowers the objective; check the covariance for values that are "
              "badly scaled");
}

} // namespace

double riskParityValue(std::span<const double> S, std::span<const double> b,
                       std::span<const double> x) {
  checkBarrier(b, x);
  ConstVector position = view(x);
  return 0.5 * position.dot(square(S, x.size()) * position) -
         view(b).dot(Vector(position.array().log().matrix()));
}

// S x - b / x
std::vector<double> riskParityGradient(std::span<const double> S, std::span<const double> b,
                                       std::span<const double> x) {
  checkBarrier(b, x);
  return toStd(Vector(square(S, x.size()) * view(x) - view(b).cwiseQuotient(view(x))));
}

// S + diag(b / x^2)
std::vector<double> riskParityHessian(std::span<const double> S, std::span<const double> b,
                                      std::span<const double> x) {
  checkBarrier(b, x);
  Matrix H = square(S, x.size());
  H.diagonal() += view(b).cwiseQuotient(view(x).cwiseAbs2());
  return toStd(H);
}

RiskParitySolution solveRiskParity(std::span<const double> S, std::span<const double> b,
                                   int maxIterations) {
  ConstMatrix covariance = square(S, b.size());
  Vector diagonal = covariance.diagonal();
  if (!(diagonal.minCoeff() > 0.0) || Eigen::LLT<Matrix>(covariance).info() != Eigen::Success)
    throw Error(
        "risk parity: the covariance is not positive definite; expected the covariance of assets "
        "none of "
        "which is a combination of others, with more days than assets behind it, or shrink it");
  std::vector<double> x = toStd(Vector(view(b).cwiseQuotient(diagonal).cwiseSqrt()));
  RiskParitySolution solution;
  for (bool close = false; !close; ++solution.iterations) {
    std::vector<double> H = riskParityHessian(S, b, x), g = riskParityGradient(S, b, x);
    Vector step = square(H, x.size()).llt().solve(view(g));
    solution.decrement = 0.5 * view(g).dot(step);
    // f is quadratic to 1e-10 here: the full step leaves only rounding.
    close = solution.decrement < 1e-20 * view(b).sum();
    if (solution.iterations >= maxIterations || !std::isfinite(solution.decrement))
      throw Error(
          "risk parity: no convergence after " + std::to_string(solution.iterations) +
          " Newton steps; check the covariance for values that are not finite or badly scaled");
    x = toStd(Vector(view(x) - damping(S, b, x, step, solution.decrement) * step));
  }
  solution.weights = toStd(Vector(view(x) / view(x).sum()));
  solution.residual = residual(covariance, view(solution.weights), view(b));
  solution.x = std::move(x);
  return solution;
}

// sum_ij (r_i - r_j)^2 = 2 sum_i (n r_i^2) - 2 (sum r)^2, evaluated around the mean of r, where it
// does not cancel.
double riskDispersion(std::span<const double> S, std::span<const double> w) {
  Vector risk = view(w).cwiseProduct(square(S, w.size()) * view(w));
  return 2.0 * double(w.size()) * (risk.array() - risk.mean()).square().sum();
}

namespace {

// c_i = dF/dr_i = 4 n (r_i - mean r)
Vector dispersionSlopes(const ConstMatrix& S, const ConstVector& w) {
  Vector risk = w.cwiseProduct(S * w);
  return 4.0 * double(w.size()) * (risk.array() - risk.mean()).matrix();
}

// dr_i/dw_j = delta_ij (Sw)_i + w_i S_ij
Matrix riskJacobian(const ConstMatrix& S, const ConstVector& w) {
  Matrix J = w.asDiagonal() * S;
  J.diagonal() += S * w;
  return J;
}

} // namespace

std::vector<double> riskDispersionGradient(std::span<const double> S, std::span<const double> w) {
  ConstMatrix covariance = square(S, w.size());
  return toStd(Vector(riskJacobian(covariance, view(w)).transpose() *
                      dispersionSlopes(covariance, view(w))));
}

// J'(4 n I - 4 11')J + sum_i c_i d2r_i, d2r_i/dw_j dw_k = delta_ij S_ik + delta_ik S_ij
std::vector<double> riskDispersionHessian(std::span<const double> S, std::span<const double> w) {
  ConstMatrix covariance = square(S, w.size());
  Matrix J = riskJacobian(covariance, view(w));
  Vector c = dispersionSlopes(covariance, view(w));
  Matrix centred = J.rowwise() - J.colwise().mean();
  Matrix H = 4.0 * double(w.size()) * (centred.transpose() * centred);
  H += c.asDiagonal() * covariance;
  H += covariance * c.asDiagonal();
  return toStd(H);
}

} // namespace diptych::study
