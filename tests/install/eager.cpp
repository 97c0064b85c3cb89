// Uses only Diptych::diptych: y = sum(a^3), dy/da = 3 a^2; a misuse is an exception one can catch.
#include <diptych/diptych.h>

#include <cstdio>

namespace dt = diptych;

static bool misuseIsCaught() {
  try {
    dt::matmul(dt::tensor({1.0, 2.0}), dt::tensor({1.0, 2.0, 3.0}));
  } catch (const dt::Error&) {
    return true;
  }
  return false;
}

int main() {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  auto y = dt::sum(a * a * a);
  y.backward();
  const double* slope = a.grad().data<double>();
  std::printf("%g %g %g\n", y.item<double>(), slope[0], slope[1]);
  return y.item<double>() == 9.0 && slope[0] == 3.0 && slope[1] == 12.0 && misuseIsCaught() ? 0 : 1;
}
