// Uses Diptych::compiler: the same model eagerly and compiled, value, gradient and Hessian.
#include <diptych/diptych.h>

#include <cstdio>

namespace dt = diptych;

static dt::Tensor cubes(const dt::Tensor& a) { return dt::sum(a * a * a); }

int main() {
  auto a = dt::tensor({1.0, 2.0});
  auto [value, slope] = dt::jit(dt::value_and_grad(cubes))(a);
  auto curvature = dt::jit(dt::hessian(cubes))(a);
  const double* g = slope.data<double>();
  const double* h = curvature.data<double>();
  std::printf("%g | %g %g | %g %g %g %g\n", value.item<double>(), g[0], g[1], h[0], h[1], h[2],
              h[3]);
  const bool right = value.item<double>() == 9.0 && g[0] == 3.0 && g[1] == 12.0 && h[0] == 6.0 &&
                     h[1] == 0.0 && h[2] == 0.0 && h[3] == 12.0;
  return right ? 0 : 1;
}
