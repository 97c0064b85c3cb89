// Powers, exponentials, logarithms: against long double libm.
#include "MathKernels.h"

namespace diptych::mathtest {

std::vector<Case> elementaryCases() {
  return {
      {"exp", unary<&MathBuilder::exp>, [](long double x, long double) { return expl(x); }, -20, 20,
       1.5, 0.51},
      {"expm1", unary<&MathBuilder::expm1>, [](long double x, long double) { return expm1l(x); },
       -2, 2, 1.5, 0.51},
      {"log", unary<&MathBuilder::log>, [](long double x, long double) { return logl(x); }, 0, 4,
       1.5, 0.51},
      {"log1p", unary<&MathBuilder::log1p>, [](long double x, long double) { return log1pl(x); },
       -1, 2, 1.5, 0.51},
      {"pow", binary<&MathBuilder::pow>, [](long double x, long double y) { return powl(x, y); },
       -4, 40, 1.5, 0.51, true},
      {"sqrt", unary<&MathBuilder::sqrt>, [](long double x, long double) { return sqrtl(x); }, 0, 4,
       0.501, 0.501},
      {"rsqrt", unary<&MathBuilder::rsqrt>, [](long double x, long double) { return 1 / sqrtl(x); },
       0, 4, 1.5, 1.5},
      {"tanh", unary<&MathBuilder::tanh>, [](long double x, long double) { return tanhl(x); }, -6,
       6, 1.5, 0.51},
      {"sigmoid", unary<&MathBuilder::sigmoid>,
       [](long double x, long double) {
         return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
       },
       -40, 40, 1.5, 0.51},
      {"exp2", unary<&MathBuilder::exp2>,
       [](long double x, long double) -> long double { return exp2l(x); }, -20, 20, 1, 0.51},
      {"log2", unary<&MathBuilder::log2>,
       [](long double x, long double) -> long double { return log2l(x); }, 0, 4, 1, 0.51},
      {"log10", unary<&MathBuilder::log10>,
       [](long double x, long double) -> long double { return log10l(x); }, 0, 4, 1, 0.51},
      {"cbrt", unary<&MathBuilder::cbrt>,
       [](long double x, long double) -> long double { return cbrtl(x); }, -4, 4, 0.51, 0.51},
      {"sinh", unary<&MathBuilder::sinh>,
       [](long double x, long double) -> long double { return sinhl(x); }, -20, 20, 1.5, 0.51},
      {"cosh", unary<&MathBuilder::cosh>,
       [](long double x, long double) -> long double { return coshl(x); }, -20, 20, 1.5, 0.51},
      {"fmod", binary<&MathBuilder::fmod>,
       [](long double x, long double y) -> long double { return fmodl(x, y); }, -100, 100, 0, 0,
       true},
  };
}

} // namespace diptych::mathtest
