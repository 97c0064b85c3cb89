// The model: the Sharpe ratio of a long-only factor portfolio. Runs while the C program is built,
// and becomes sharpe.h and libsharpe.a (see diptych_add_model in CMakeLists.txt).
#include <diptych/Aot.h>
#include <diptych/diptych.h>

#include <cmath>

namespace dt = diptych;

// Positions softmax(X_t w) over the stocks of day t; minus the yearly Sharpe ratio, and a ridge.
static dt::Tensor loss(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& r) {
  auto position = dt::softmax(dt::matmul(X, w), -1);
  auto daily = dt::sum(position * r, -1);
  return 0.05 * dt::sum(w * w) - std::sqrt(252.0) * dt::mean(daily) / dt::stddev(daily);
}

dt::aot::Artefact sharpe_model(const dt::aot::Options& options) {
  const int64_t days = 1000, stocks = 300, factors = 8;
  return dt::aot::compile({{"loss", loss},
                           {"loss_grad", dt::value_and_grad(loss)},
                           {"loss_hessian", dt::hessian(loss)}},
                          std::tuple(dt::zeros({factors}), dt::zeros({days, stocks, factors}),
                                     dt::zeros({days, stocks})),
                          options);
}
