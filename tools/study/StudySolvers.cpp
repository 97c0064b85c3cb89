// The loops of the two optimisers.
#include "tools/study/StudySolvers.h"

#include "tools/study/StudyRuns.h"

#include <eigen3/Eigen/Cholesky>
#include <eigen3/Eigen/Eigenvalues>

#include <cmath>

namespace diptych::study {

using Vector = std::vector<double>;

namespace {

double largest(const Vector& values) {
  double most = 0.0;
  for (double value : values)
    most = std::isnan(value) ? value : std::max(most, std::fabs(value));
  return most;
}

double product(const Vector& a, const Vector& b) {
  double total = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    total += a[i] * b[i];
  return total;
}

} // namespace

Json gradientAscent(const AscentStep& step, std::size_t K, int iterations, double budget) {
  Marks marks(iterations, budget);
  Tensor w = zeros({static_cast<int64_t>(K)}), gradient = w;
  double value = 0.0, rate = 0.0, next = 0.1;
  Json converged = nullptr;
  while (marks.begun()) {
    auto [moved, reached, slope] = step(w, gradient, tensor(rate));
    const double achieved = reached.item<double>();
    const Vector g = gradient.to_vector<double>();
    // The rounding of the value is forgiven, so that the last digits don't stop the ascent.
    const double needed = value + 1e-4 * rate * product(g, g) - 4e-16 * std::fabs(value);
    const bool first = marks.count() == 0;
    if (first || achieved >= needed) {
      w = moved, gradient = slope, value = achieved;
      next = first ? next : 1.5 * rate;
      if (converged.is_null() && largest(gradient.to_vector<double>()) < 1e-8)
        converged = marks.count() + 1;
    } else {
      next = 0.5 * rate;
    }
    // Converged: the remaining steps cost the same and stay where they are.
    rate = converged.is_null() ? next : 0.0;
    marks.done();
  }
  Json result = marks.json();
  result["converged_at"] = converged;
  result["w"] = w.to_vector<double>();
  result["value"] = value;
  result["gradient_norm"] = largest(gradient.to_vector<double>());
  return result;
}

Vector newtonDirection(const Vector& gradient, const Vector& hessian, bool maximise,
                       bool* repaired) {
  const auto n = static_cast<Eigen::Index>(gradient.size());
  const double sign = maximise ? -1.0 : 1.0; // of the function to be lowered
  Eigen::MatrixXd H = sign * Eigen::Map<const Eigen::MatrixXd>(hessian.data(), n, n);
  H = (0.5 * (H + H.transpose())).eval();
  const Eigen::VectorXd downhill = -sign * Eigen::Map<const Eigen::VectorXd>(gradient.data(), n);
  Vector direction(gradient.size());
  Eigen::Map<Eigen::VectorXd> d(direction.data(), n);
  const Eigen::LLT<Eigen::MatrixXd> cholesky(H);
  if (repaired)
    *repaired = cholesky.info() != Eigen::Success;
  if (cholesky.info() == Eigen::Success) {
    d = cholesky.solve(downhill);
    return direction;
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(H);
  const Eigen::ArrayXd size = eigen.eigenvalues().array().abs();
  const Eigen::ArrayXd kept = size.max(1e-8 * size.maxCoeff()).max(1e-300);
  const Eigen::VectorXd along = eigen.eigenvectors().transpose() * downhill;
  d = eigen.eigenvectors() * (along.array() / kept).matrix();
  return direction;
}

namespace {

bool allPositive(const Vector& x) {
  for (double value : x)
    if (!(value > 0.0))
      return false;
  return true;
}

/// Moves x along d by the first acceptable step; false if none of 60 is.
bool search(const NewtonProblem& problem, Vector& x, const Vector& d, double value, double slope) {
  const double sign = problem.maximise ? -1.0 : 1.0;
  double step = 1.0;
  for (int trial = 0; trial < 60; ++trial, step *= 0.5) {
    Vector moved = x;
    for (std::size_t i = 0; i < x.size(); ++i)
      moved[i] += step * d[i];
    if (problem.positive && !allPositive(moved))
      continue;
    const double change = sign * (problem.value(tensor(moved)) - value);
    if (change <= -0.25 * step * slope + 1e-15 * std::max(1.0, std::fabs(value))) {
      x = std::move(moved);
      return true;
    }
  }
  return false;
}

} // namespace

Json newton(const NewtonProblem& problem, Vector start, double begin) {
  Vector x = std::move(start);
  int iterations = 0, repairs = 0;
  double value = 0.0, norm = 0.0, before = HUGE_VAL;
  bool converged = false;
  for (; iterations < 100; ++iterations) {
    const Tensors derivatives = problem.derivatives(tensor(x));
    const Vector gradient = derivatives[1].to_vector<double>();
    value = derivatives[0].item<double>();
    norm = largest(gradient);
    bool repaired = false;
    const Vector d =
        newtonDirection(gradient, derivatives[2].to_vector<double>(), problem.maximise, &repaired);
    // g'd: twice what a full step should gain. Below the value's rounding squared, or no longer
    // falling down there, nothing is left to gain.
    const double slope = std::fabs(product(gradient, d));
    converged = !repaired && (slope < 1e-29 || (slope < 1e-20 && slope >= 0.25 * before));
    if (converged || !std::isfinite(slope) || !search(problem, x, d, value, slope))
      break;
    before = slope;
    repairs += repaired;
  }
  return {{"w", x},
          {"value", value},
          {"gradient_norm", norm},
          {"iterations", iterations},
          {"repaired", repairs},
          {"converged", converged},
          {"seconds", now() - begin}};
}

} // namespace diptych::study
