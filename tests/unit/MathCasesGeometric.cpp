// Circular functions and their inverses: against long double libm.
#include "MathKernels.h"

namespace diptych::mathtest {

std::vector<Case> geometricCases() {
  return {
      {"sin", unary<&MathBuilder::sin>, [](long double x, long double) { return sinl(x); }, -20, 20,
       1.5, 0.51},
      {"cos", unary<&MathBuilder::cos>, [](long double x, long double) { return cosl(x); }, -20, 20,
       1.5, 0.51},
      {"tan", unary<&MathBuilder::tan>,
       [](long double x, long double) -> long double { return tanl(x); }, -20, 20, 1.5, 0.51},
      {"asin", unary<&MathBuilder::asin>,
       [](long double x, long double) -> long double { return asinl(x); }, -1, 1, 1.5, 0.51},
      {"acos", unary<&MathBuilder::acos>,
       [](long double x, long double) -> long double { return acosl(x); }, -1, 1, 1.5, 0.51},
      {"atan", unary<&MathBuilder::atan>,
       [](long double x, long double) -> long double { return atanl(x); }, -5, 5, 1.5, 0.51},
      {"atan2", binary<&MathBuilder::atan2>,
       [](long double x, long double y) -> long double { return atan2l(x, y); }, -40, 40, 1.5, 0.51,
       true},
  };
}

} // namespace diptych::mathtest
