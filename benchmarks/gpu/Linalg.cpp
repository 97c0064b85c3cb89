// Linear algebra: compiled in standard numerics (cuSOLVER where it is), and eager, on the host.
#include "benchmarks/gpu/Bench.h"

#include <diptych/Linalg.h>

namespace diptych::bench {

namespace {

/// Symmetric, with a diagonal above its noise.
Tensor positive(const Shape& batch, int64_t n) {
  Shape shape = batch;
  shape.push_back(n);
  shape.push_back(n);
  const Tensor x = numbers(shape, f64, 1);
  return x + transpose(x) + eye(n) * static_cast<double>(n);
}

struct Case {
  const char* name;
  Shape batch;
  int64_t n;
  double operations; // of one matrix, by n^3
  std::function<Tensor(const Tensor&)> f;
};

Tensor factor(const Tensor& x) { return linalg::cholesky(x); }
Tensor solved(const Tensor& x) { return linalg::solve(x, x + 1); }
Tensor triangle(const Tensor& x) { return linalg::qr(x).second; }
Tensor eigenvalues(const Tensor& x) { return linalg::eigvalsh(x); }
Tensor singularValues(const Tensor& x) { return linalg::svdvals(x); }

} // namespace

void benchLinalg(Bench& bench) {
  const bool tiny = bench.options().tiny;
  const int64_t large = tiny ? 12 : 1024, middle = tiny ? 12 : 512, small = tiny ? 3 : 16;
  const Shape many{tiny ? 3 : 4096};
  const Case cases[] = {{"cholesky f64", {}, large, 1.0 / 3, factor},
                        {"solve f64", {}, large, 8.0 / 3, solved},
                        {"qr f64", {}, middle, 8.0 / 3, triangle},
                        {"eigenvalues f64", {}, middle, 9, eigenvalues},
                        {"singular values f64", {}, middle, 20, singularValues},
                        {"cholesky batch f64", many, small, 1.0 / 3, factor},
                        {"solve batch f64", many, small, 8.0 / 3, solved},
                        {"eigenvalues batch f64", many, small, 9, eigenvalues}};
  for (const Case& one : cases) {
    Subject subject;
    subject.name = std::string(one.name) + " " + std::to_string(one.n);
    if (!bench.wants(subject.name))
      continue;
    const auto n = static_cast<double>(one.n);
    subject.inputs = {positive(one.batch, one.n)};
    subject.program = [f = one.f](const Tensors& x) { return Tensors{f(x[0])}; };
    subject.flops = one.operations * n * n * n * count(one.batch);
    subject.tolerance = 1e-11;
    measure(bench, subject);
  }
}

} // namespace diptych::bench
