// Gradient ascent and safeguarded Newton over functions of tensors, run eagerly or compiled.
// Knows no model.
#pragma once

#include "tools/study/StudyCell.h"

namespace diptych::study {

/// (w, direction, rate) -> (w + rate direction, value there, gradient there).
using AscentStep =
    std::function<std::tuple<Tensor, Tensor, Tensor>(const Tensor&, const Tensor&, const Tensor&)>;

/// Maximises from w = 0 in exactly `iterations` steps, one evaluation each. A step that raises the
/// value by 1e-4 of what its slope promises is taken and the rate grows by 1.5; else the rate is
/// halved. Once |gradient| < 1e-8 ("converged_at") the rate is 0. Beyond `budget`
/// seconds it stops. "marks" and more: see Marks.
Json gradientAscent(const AscentStep& step, std::size_t K, int iterations, double budget);

struct NewtonProblem {
  std::function<Tensors(const Tensor&)> derivatives; ///< value, gradient [n], Hessian [n,n]
  std::function<double(const Tensor&)> value;
  bool maximise = false;
  bool positive = false; ///< every coordinate stays above 0
};

/// The direction that raises (or lowers) the function: sign H^-1 g by Cholesky where the Hessian is
/// definite as it should be; else with every eigenvalue replaced by its magnitude (at least 1e-8 of
/// the largest), which always points the right way.
std::vector<double> newtonDirection(const std::vector<double>& gradient,
                                    const std::vector<double>& hessian, bool maximise,
                                    bool* repaired = nullptr);

/// Steps of 1, 1/2, 1/4, ... along newtonDirection until one keeps a quarter of its promise, to the
/// rounding of the value. {"w", "value", "gradient_norm", "iterations", "repaired", "seconds",
/// "converged"}; seconds since `begin`.
Json newton(const NewtonProblem& problem, std::vector<double> start, double begin);

} // namespace diptych::study
