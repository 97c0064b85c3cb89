// The mathematics of Models.h, line by line.
#include "tools/study/Models.h"

#include <cmath>

namespace diptych::study {

Tensor factorReturns(const Tensor& w, const Tensor& X, const Tensor& Y,
                     const PortfolioTerms& terms) {
  const Tensor position = softmax(matmul(X, w / terms.temperature), -1); // [T,N]
  const Tensor earned = sum(position * Y, -1);                           // [T]
  if (terms.cost == 0.0)
    return earned;
  const Tensor trade = slice(position, 0, 1) - slice(position, 0, 0, -1); // [T-1,N]
  const Tensor paid = terms.cost * sum(sqrt(square(trade) + 1e-8), -1);   // [T-1]
  return earned - pad(paid, {{1, 0}});
}

Tensor annualSharpe(const Tensor& returns) {
  return std::sqrt(252.0) * mean(returns) / stddev(returns);
}

Tensor factorPortfolio(const Tensor& w, const Tensor& X, const Tensor& Y,
                       const PortfolioTerms& terms) {
  return annualSharpe(factorReturns(w, X, Y, terms)) - terms.ridge * dot(w, w);
}

Tensor riskParity(const Tensor& x, const Tensor& S, const Tensor& b) {
  return 0.5 * dot(x, matmul(S, x)) - dot(b, log(x));
}

Tensor riskSpread(const Tensor& w, const Tensor& S) {
  const Tensor share = w * matmul(S, w);
  return sum(square(unsqueeze(share, 1) - share));
}

Tensor meanVarianceUtility(const Tensor& w, const Tensor& mu, const Tensor& S, const Tensor& w0,
                           const Tensor& smoothing, const MeanVarianceTerms& terms) {
  const Tensor traded = sum(sqrt(square(w - w0) + smoothing));
  return dot(mu, w) - 0.5 * terms.aversion * dot(w, matmul(S, w)) - terms.cost * traded;
}

Tensor nearestOnSimplex(const Tensor& v) {
  // relu(v - tau), tau the largest (sum of the k largest v - 1) / k: it grows with k as long as the
  // k-th stays above 0.
  const Tensor sorted = take_along_axis(v, argsort(v, -1, true), -1);
  const Tensor count = arange(1.0, double(v.shape()[0]) + 1.0);
  return relu(v - max((cumsum(sorted, 0) - 1.0) / count));
}

Tensor meanVarianceStep(const Tensor& w, const Tensor& rate, const Tensor& mu, const Tensor& S,
                        const Tensor& w0, const Tensor& smoothing, const MeanVarianceTerms& terms) {
  auto utility = [&](const Tensor& w) {
    return meanVarianceUtility(w, mu, S, w0, smoothing, terms);
  };
  return nearestOnSimplex(w + rate * grad(utility)(w));
}

Tensor windowLoss(const Tensor& theta, const Tensor& R) {
  return -annualSharpe(matmul(R, softmax(theta)));
}

} // namespace diptych::study
