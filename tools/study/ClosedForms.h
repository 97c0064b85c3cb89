// Values and derivatives of the workloads, derived on paper and written as loops: the second
// opinion that automatic differentiation is checked against. Knows no tensor and no tape.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace diptych::study {

/// The softmax factor portfolio. p_t = softmax_n(X_t w / temperature);
///   R_t = sum_n p_tn Y_tn - cost sum_n sqrt((p_tn - p_{t-1,n})^2 + 1e-8)   (no cost at t = 0)
///   J   = sqrt(252) mean(R) / std(R), divisor T - 1;   objective = J - ridge |w|^2, to be
///   maximised.
struct FactorPortfolio {
  std::size_t T = 0, N = 0, K = 0;
  std::span<const double> X; ///< [T,N,K]
  std::span<const double> Y; ///< [T,N]
  double temperature = 1.0;
  double cost = 0.0;
  double ridge = 0.05;
};

/// All throw Error if sizes disagree, T < 2, temperature <= 0 or the returns R have no spread.
/// Value, gradient [K] and Hessian [K,K] are exact for cost > 0 as well.
double portfolioObjective(const FactorPortfolio& problem, std::span<const double> w);
std::vector<double> portfolioGradient(const FactorPortfolio& problem, std::span<const double> w);
std::vector<double> portfolioHessian(const FactorPortfolio& problem, std::span<const double> w);
/// The daily returns R [T], and J without the ridge.
std::vector<double> portfolioReturns(const FactorPortfolio& problem, std::span<const double> w);
double portfolioSharpe(const FactorPortfolio& problem, std::span<const double> w);

/// Risk parity: f(x) = x'Sx / 2 - sum_i b_i ln x_i, x > 0, S [n,n] symmetric, b [n] positive.
double riskParityValue(std::span<const double> S, std::span<const double> b,
                       std::span<const double> x);
std::vector<double> riskParityGradient(std::span<const double> S, std::span<const double> b,
                                       std::span<const double> x);
std::vector<double> riskParityHessian(std::span<const double> S, std::span<const double> b,
                                      std::span<const double> x);

struct RiskParitySolution {
  std::vector<double> x;       ///< minimiser of f
  std::vector<double> weights; ///< x / sum x
  int iterations = 0;
  double decrement = 0.0; ///< g' H^-1 g / 2 at the last step
  double residual = 0.0;  ///< max_i |w_i (Sw)_i / w'Sw - b_i / sum b|
};

/// Damped Newton from x_i = sqrt(b_i / S_ii): steps of 1, 1/2, 1/4, ... that keep x positive and
/// lower f by a quarter of what its slope promises. Throws Error if S is not positive definite or
/// the iteration does not converge.
RiskParitySolution solveRiskParity(std::span<const double> S, std::span<const double> b,
                                   int maxIterations = 100);

/// F(w) = sum_ij (r_i - r_j)^2 with r = w o Sw; gradient [n], Hessian [n,n].
double riskDispersion(std::span<const double> S, std::span<const double> w);
std::vector<double> riskDispersionGradient(std::span<const double> S, std::span<const double> w);
std::vector<double> riskDispersionHessian(std::span<const double> S, std::span<const double> w);

/// Mean-variance with costs: U(w) = mu'w - (aversion/2) w'Sw - cost sum_i sqrt((w_i - w0_i)^2 +
/// smoothing), to be maximised where w >= 0 and sum w = 1.
struct MeanVariance {
  std::span<const double> mu, S, w0; ///< [n], [n,n], [n]
  double aversion = 5.0, cost = 0.01, smoothing = 1e-12;
};
double meanVarianceValue(const MeanVariance& problem, std::span<const double> w);
std::vector<double> meanVarianceGradient(const MeanVariance& problem, std::span<const double> w);
std::vector<double> meanVarianceHessian(const MeanVariance& problem, std::span<const double> w);
/// How far w is from the conditions of an optimum: the largest of |g_i - nu| where w_i > 0,
/// g_i - nu where w_i = 0, -w_i and |sum w - 1|; g the gradient and nu = sum_i w_i g_i.
double meanVarianceResidual(const MeanVariance& problem, std::span<const double> w);
/// The nearest point of the simplex, by sorting.
std::vector<double> simplexProjection(std::span<const double> v);

/// Minus the yearly Sharpe ratio of returns R [days,N] at weights softmax(theta), and its gradient
/// in theta [N].
struct ValueAndGradient {
  double value = 0.0;
  std::vector<double> gradient;
};
ValueAndGradient windowLossGradient(std::span<const double> R, std::span<const double> theta);
std::vector<double> softmaxWeights(std::span<const double> theta);

/// The optimum of 5 w'Sw - mu'w + |w - previous|^2 with sum w = 1, from returns R [days,N]: S is
/// half the yearly covariance, half its mean variance; mu a tenth of the yearly mean.
std::vector<double> windowOptimum(std::span<const double> R, std::span<const double> previous);
/// d/dprevious of towards'windowOptimum.
std::vector<double> windowOptimumGradient(std::span<const double> R,
                                          std::span<const double> towards);

/// Cross-sections of T days: returns r [T,N] explained by exposures B [T,N,P] with weights cap^a
/// and constraint share'f = 0, share [T,P].
struct CrossSections {
  std::size_t T = 0, N = 0, P = 0;
  std::span<const double> B, r, cap, share;
};
/// Factor returns [T,P] and their first two derivatives in a.
struct FactorReturnsInExponent {
  std::vector<double> f, first, second;
};
FactorReturnsInExponent factorReturnsAt(const CrossSections& days, double a);

/// A network 1 -> h -> h -> out with relu between: rows of weights [h,1], [h,h], [out,h] and biases
/// [h], [h], [out], in the order W1, b1, W2, b2, W3, b3.
struct Network {
  std::size_t hidden = 0, out = 0;
  std::vector<std::vector<double>> parameters;
};
/// Outputs [out] for the input x.
std::vector<double> networkOutput(const Network& network, double x);
/// mean_i (output(x_i)[chosen_i] - target_i)^2, and its gradient in each parameter.
struct LossAndGradients {
  double loss = 0.0;
  std::vector<std::vector<double>> gradients;
};
LossAndGradients networkLoss(const Network& network, std::span<const double> x,
                             std::span<const std::size_t> chosen, std::span<const double> target);

} // namespace diptych::study
