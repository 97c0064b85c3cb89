// Factor weights by gradient descent: which mix of factors would have earned the best Sharpe ratio?
#include <diptych/diptych.h>

#include <cmath>
#include <iostream>

namespace dt = diptych;

// w [K] factor weights, X [T,N,K] exposures of N stocks on T days, r [T,N] their next-day returns.
static dt::Tensor loss(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& r) {
  auto position = dt::softmax(dt::matmul(X, w), -1); // [T,N]: invested in full, long only
  auto pnl = dt::sum(position * r, -1);              // [T]
  auto sharpe = std::sqrt(252.0) * dt::mean(pnl) / dt::stddev(pnl);
  return 0.05 * dt::sum(w * w) - sharpe;
}

// Gradient descent from w = 0; step(w, X, r) gives the loss and its gradient.
template <class Step>
static dt::Tensor fit(const char* mode, const Step& step, const dt::Tensor& X,
                      const dt::Tensor& r) {
  auto w = dt::zeros({X.shape(-1)});
  for (int i = 0; i <= 100; ++i) {
    auto [value, gradient] = step(w, X, r);
    if (i % 25 == 0)
      std::cout << mode << " step " << i << ": loss " << value << ", |gradient| "
                << dt::norm(gradient) << '\n';
    w -= 0.05 * gradient;
  }
  return w;
}

int main() {
  const int64_t T = 250, N = 60, K = 4;
  dt::manual_seed(7);
  auto X = dt::randn({T, N, K});
  auto premium = dt::tensor({0.0006, -0.0004, 0.0002, 0.0});
  auto r = dt::matmul(X, premium) + 0.02 * dt::randn({T, N});

  // The same model twice: on the tape, and traced, differentiated and compiled once.
  auto step = dt::value_and_grad(loss); // differentiates argument 0
  auto compiled = dt::jit(step);
  auto w = fit("eager", step, X, r);
  auto same = fit("jit", compiled, X, r);
  std::cout << "weights " << w << "\nthe two agree: " << std::boolalpha
            << dt::allclose(w, same, 1e-9) << ", compiled in " << compiled.stats().compile()
            << " ms\n";

  // How sharp is the optimum? The Hessian says it in full, a Hessian-vector product along one way.
  auto H = dt::jit(dt::hessian(loss))(w, X, r); // [K,K]
  auto along = dt::hvp(loss)(w, premium / dt::norm(premium), X, r);
  std::cout << "curvature\n" << H << "\nalong the true premia " << along << '\n';

  // What one factor adds: the loss without it.
  for (int64_t k = 0; k < K; ++k) {
    auto without = dt::where(dt::arange(K) == k, 0.0, w);
    std::cout << "factor " << k << " contributes " << loss(without, X, r) - loss(w, X, r) << '\n';
  }
}
