// The error function, the normal distribution, the gamma function: against long double libm, and
// tests/unit/ReferenceFunctions.h for what it lacks.
#include "MathKernels.h"
#include "ReferenceFunctions.h"

namespace diptych::mathtest {

// Below 0 these are differences that vanish between the poles.
static long double lgammaScale(long double x, long double) {
  return x < -0.5L ? fabsl(lgammal(-x)) + 1 : 0;
}
static long double digammaScale(long double x, long double) { return x < 0 ? logl(1 - x) + 1 : 0; }
static long double polygammaScale(long double n, long double x) {
  return x < 0 ? fabsl(reference::polygammaScale(n, x, 1)) : 0;
}

std::vector<Case> specialCases() {
  return {
      {"erf", unary<&MathBuilder::erf>, [](long double x, long double) { return erfl(x); }, -6, 6,
       1.5, 0.51},
      {"erfc", unary<&MathBuilder::erfc>,
       [](long double x, long double) -> long double { return erfcl(x); }, -6, 28, 1.5, 0.51},
      {"normal_cdf", unary<&MathBuilder::normalCdf>,
       [](long double x, long double) -> long double { return reference::normalCdf(x); }, -39, 9,
       1.5, 0.51},
      {"erfinv", unary<&MathBuilder::erfinv>,
       [](long double x, long double) -> long double { return reference::erfinv(x); }, -1, 1, 3,
       0.51},
      {"lgamma", unary<&MathBuilder::lgamma>,
       [](long double x, long double) -> long double { return lgammal(x); }, -8, 10, 3, 0.51, false,
       lgammaScale},
      {"digamma", unary<&MathBuilder::digamma>,
       [](long double x, long double) -> long double { return reference::digamma(x); }, -8, 10, 5,
       0.51, false, digammaScale},
      {"polygamma", binary<&MathBuilder::polygamma>,
       [](long double x, long double y) -> long double { return reference::polygamma(x, y); }, 0.5,
       8.5, 4, 0.51, true, polygammaScale, 10},
  };
}

} // namespace diptych::mathtest
