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

/// [[M, c], [c', 0]] of M [...,n,n] and c [...,n].
static Tensor bordered(const Tensor& M, const Tensor& c) {
  const Tensor column = unsqueeze(c, -1), row = unsqueeze(c, -2);
  const Tensor corner = zeros_like(slice(column, -2, 0, 1));
  return concatenate({concatenate({M, column}, -1), concatenate({row, corner}, -1)}, -2);
}

Tensor windowWeights(const Tensor& previous, const Tensor& R) {
  const int64_t days = R.shape()[0], N = R.shape()[1];
  const Tensor average = mean(R, {0}), off = R - average;
  const Tensor covariance = matmul(transpose(off), off) * (252.0 / double(days - 1));
  const Tensor spread = sum(square(off)) * (252.0 / double(days - 1)) / double(N); // tr cov / N
  // 10 S w - mu + 2 (w - previous) = nu 1, with 10 S = 5 cov + 5 (tr cov / N) I.
  const Tensor system = 5.0 * covariance + (5.0 * spread + 2.0) * eye(N);
  const Tensor right = concatenate({25.2 * average + 2.0 * previous, ones({1})});
  return slice(linalg::solve(bordered(system, ones({N})), right), 0, 0, N);
}

Tensor factorReturnsOf(const Tensor& a, const CrossSectionTensors& days) {
  const Tensor v = pow(days.cap, a);                            // [T,N]
  const Tensor weighted = transpose(days.B * unsqueeze(v, -1)); // [T,P,N]
  const Tensor normal = matmul(weighted, days.B);               // [T,P,P]
  const Tensor right = matmul(weighted, unsqueeze(days.r, -1)); // [T,P,1]
  const Tensor padded = pad(right, {{0, 0}, {0, 1}, {0, 0}});
  const Tensor f = linalg::solve(bordered(normal, days.share), padded); // [T,P+1,1]
  return slice(squeeze(f, {-1}), 1, 0, days.B.shape()[2]);
}

Tensor attribution(const Tensor& a, const CrossSectionTensors& days) {
  const Tensor v = pow(days.cap, a), held = v / sum(v, -1, true);           // [T,N]
  const Tensor exposure = squeeze(matmul(unsqueeze(held, 1), days.B), {1}); // [T,P]
  return exposure * factorReturnsOf(a, days);
}

Tensor totalReturn(const Tensor& a, const CrossSectionTensors& days, int64_t factor) {
  return sum(select(factorReturnsOf(a, days), 1, factor));
}

} // namespace diptych::study
