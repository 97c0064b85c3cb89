// Every math expansion, and where it is sampled densely.
#include "MathKernels.h"

namespace diptych::mathtest {

const std::vector<Case>& allCases() {
  static const std::vector<Case> cases{
      {"exp", unary<&MathBuilder::exp>, -20, 20},
      {"expm1", unary<&MathBuilder::expm1>, -2, 2},
      {"log", unary<&MathBuilder::log>, 0, 4},
      {"log1p", unary<&MathBuilder::log1p>, -1, 2},
      {"pow", binary<&MathBuilder::pow>, -4, 40, true},
      {"sqrt", unary<&MathBuilder::sqrt>, 0, 4},
      {"rsqrt", unary<&MathBuilder::rsqrt>, 0, 4},
      {"tanh", unary<&MathBuilder::tanh>, -6, 6},
      {"sigmoid", unary<&MathBuilder::sigmoid>, -40, 40},
      {"softplus", unary<&MathBuilder::softplus>, -40, 40},
      {"exp2", unary<&MathBuilder::exp2>, -20, 20},
      {"log2", unary<&MathBuilder::log2>, 0, 4},
      {"log10", unary<&MathBuilder::log10>, 0, 4},
      {"cbrt", unary<&MathBuilder::cbrt>, -4, 4},
      {"sinh", unary<&MathBuilder::sinh>, -20, 20},
      {"cosh", unary<&MathBuilder::cosh>, -20, 20},
      {"fmod", binary<&MathBuilder::fmod>, -100, 100, true},
      {"sin", unary<&MathBuilder::sin>, -20, 20},
      {"cos", unary<&MathBuilder::cos>, -20, 20},
      {"tan", unary<&MathBuilder::tan>, -20, 20},
      {"asin", unary<&MathBuilder::asin>, -1, 1},
      {"acos", unary<&MathBuilder::acos>, -1, 1},
      {"atan", unary<&MathBuilder::atan>, -5, 5},
      {"atan2", binary<&MathBuilder::atan2>, -40, 40, true},
      {"erf", unary<&MathBuilder::erf>, -6, 6},
      {"erfc", unary<&MathBuilder::erfc>, -6, 28},
      {"normal_cdf", unary<&MathBuilder::normalCdf>, -39, 9},
      {"erfinv", unary<&MathBuilder::erfinv>, -1, 1},
      {"lgamma", unary<&MathBuilder::lgamma>, -8, 10, false, 1, true},
      {"digamma", unary<&MathBuilder::digamma>, -8, 10, false, 1, true},
      {"polygamma", binary<&MathBuilder::polygamma>, 0.5, 8.5, true, 10, true},
  };
  return cases;
}

} // namespace diptych::mathtest
