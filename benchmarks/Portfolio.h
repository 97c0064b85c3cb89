// W1, the softmax factor portfolio: X [days, stocks, factors], returns r [days, stocks], weights w.
#pragma once

#include <diptych/diptych.h>

#include <cmath>

namespace diptych::bench {

/// The annualised Sharpe ratio of the days' returns, less a penalty: one number.
inline Tensor objective(const Tensor& w, const Tensor& X, const Tensor& r) {
  const Tensor position = softmax(matmul(X, w), -1);
  const Tensor pnl = sum(position * r, -1);
  return std::sqrt(252.0) * mean(pnl) / stddev(pnl) - 0.05 * sum(w * w);
}

/// Random data; the sizes are those of docs/study.md unless given.
struct Portfolio {
  explicit Portfolio(Shape shape = {1000, 300, 8})
      : X(randn(shape)), r(0.02 * randn({shape[0], shape[1]})), w(0.1 * randn({shape[2]})) {}
  Tensor X, r, w;
};

} // namespace diptych::bench
