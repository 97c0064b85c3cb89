// W1, the softmax factor portfolio, with its gradient; W3's Hessian of risk parity; W9's
// convolution with its gradients.
#include "benchmarks/gpu/Bench.h"

#include "tools/study/Models.h"

namespace diptych::bench {

namespace {

// X is read once by the best version, and so is Y; weights and gradient are small.
void portfolio(Bench& bench, const char* name, int64_t T, int64_t N, int64_t K) {
  if (!bench.wants(name))
    return;
  Subject subject;
  subject.name = name;
  subject.inputs = {numbers({K}, f64, 1), numbers({T, N, K}, f64, 2),
                    0.02 * numbers({T, N}, f64, 3)};
  subject.program = [](const Tensors& x) {
    const auto objective = [&](const Tensor& w) {
      return study::factorPortfolio(w, x[1], x[2], {});
    };
    const auto [value, slope] = value_and_grad(objective)(x[0]);
    return Tensors{value, slope};
  };
  subject.bytes = 8 * (count({T, N, K}) + count({T, N}));
  subject.tolerance = 1e-9;
  measure(bench, subject);
}

void riskParity(Bench& bench, const char* name, int64_t n) {
  if (!bench.wants(name))
    return;
  Subject subject;
  subject.name = name;
  const Tensor root = numbers({n, n}, f64, 4);
  subject.inputs = {numbers({n}, f64, 1) + 1.0,
                    (matmul(root, transpose(root)) / static_cast<double>(n) + eye(n)),
                    full({n}, 1.0 / static_cast<double>(n))};
  subject.program = [](const Tensors& x) {
    const auto f = [&](const Tensor& at) { return study::riskParity(at, x[1], x[2]); };
    return Tensors{f(x[0]), grad(f)(x[0]), hessian(f)(x[0])};
  };
  subject.tolerance = 1e-10;
  measure(bench, subject);
}

void convolution(Bench& bench, const char* name, const Shape& x, const Shape& w) {
  if (!bench.wants(name))
    return;
  Subject subject;
  subject.name = name;
  subject.inputs = {numbers(x, f32, 1), numbers(w, f32, 2), numbers({w[0]}, f32, 3)};
  subject.program = [](const Tensors& in) {
    const auto loss = [](const Tensor& image, const Tensor& kernel, const Tensor& bias) {
      return sum(square(conv2d(image, kernel, bias)));
    };
    const auto [value, slopes] = value_and_grad(loss, {0, 1, 2})(in[0], in[1], in[2]);
    Tensors all{value};
    all.insert(all.end(), slopes.begin(), slopes.end());
    return all;
  };
  // Forward and the two gradients: three convolutions.
  const double out = count({x[0], w[0], x[2] - w[2] + 1, x[3] - w[3] + 1});
  subject.flops = 3 * 2 * out * count({w[1], w[2], w[3]});
  subject.tolerance = 1e-3;
  measure(bench, subject);
}

} // namespace

void benchWorkloads(Bench& bench) {
  const bool tiny = bench.options().tiny;
  if (tiny) {
    portfolio(bench, "W1 tiny", 16, 8, 3);
    riskParity(bench, "W3 tiny", 8);
    convolution(bench, "W9 tiny", {2, 3, 5, 4}, {4, 3, 3, 3});
    return;
  }
  portfolio(bench, "W1 real", 1000, 300, 8);
  portfolio(bench, "W1 large", 1000, 468, 158);
  riskParity(bench, "W3 95", 95);
  riskParity(bench, "W3 468", 468);
  convolution(bench, "W9 first layer", {64, 1, 28, 28}, {32, 1, 3, 3});
  convolution(bench, "W9 second layer", {64, 32, 26, 26}, {64, 32, 3, 3});
}

} // namespace diptych::bench
