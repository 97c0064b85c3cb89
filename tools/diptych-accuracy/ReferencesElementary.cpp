// Arithmetic, powers, exponentials, circular and hyperbolic functions: all in MPFR itself.
#include "References.h"

#include <algorithm>
#include <cmath>

namespace diptych::accuracy {

#define EXACT1(CALL) [](mpfr_ptr out, mpfr_ptr x, mpfr_ptr) { CALL(out, x, MPFR_RNDN); }
#define EXACT2(CALL) [](mpfr_ptr out, mpfr_ptr x, mpfr_ptr y) { CALL(out, x, y, MPFR_RNDN); }
#define NEAR1(...) [](long double x, long double) -> long double { return __VA_ARGS__; }
// Beyond, what grows or decays with e^x is infinite or 0 in f32; std::exp is slow there.
static double within(double x) { return std::clamp(x, -300.0, 300.0); }
#define QUICK(...) [](double x) -> double { return __VA_ARGS__; }
#define NEAR2(...) [](long double x, long double y) -> long double { return __VA_ARGS__; }

namespace {

long double relu(long double x) { return x > 0 || x != x ? x : 0; }
long double sign(long double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

// IEEE 754-2019: NaN wins, -0 is below 0.
long double larger(long double x, long double y) {
  if (x != x || y != y)
    return std::nanl("");
  return x == y ? (std::signbit(x) ? y : x) : std::max(x, y);
}
long double lesser(long double x, long double y) { return -larger(-x, -y); }

// Exact in long double already: f64 operands, one of them the result.
template <long double (*F)(long double)> void same1(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  mpfr_set_ld(out, F(mpfr_get_ld(x, MPFR_RNDN)), MPFR_RNDN);
}
template <long double (*F)(long double, long double)>
void same2(mpfr_ptr out, mpfr_ptr x, mpfr_ptr y) {
  mpfr_set_ld(out, F(mpfr_get_ld(x, MPFR_RNDN), mpfr_get_ld(y, MPFR_RNDN)), MPFR_RNDN);
}

void reciprocalRoot(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  // MPFR gives +infinity at -0; 1 / sqrt(-0) is -infinity.
  if (mpfr_zero_p(x) && mpfr_signbit(x))
    mpfr_set_inf(out, -1);
  else
    mpfr_rec_sqrt(out, x, MPFR_RNDN);
}

void sigmoid(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  mpfr_neg(out, x, MPFR_RNDN);
  mpfr_exp(out, out, MPFR_RNDN);
  mpfr_add_ui(out, out, 1, MPFR_RNDN);
  mpfr_ui_div(out, 1, out, MPFR_RNDN);
}

void softplus(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  mpfr_exp(out, x, MPFR_RNDN);
  if (mpfr_inf_p(out))
    mpfr_set(out, x, MPFR_RNDN);
  else
    mpfr_log1p(out, out, MPFR_RNDN);
}

} // namespace

std::vector<Reference> arithmeticReferences() {
  return {
      {"neg", 1, EXACT1(mpfr_neg), NEAR1(-x)},
      {"add", 2, EXACT2(mpfr_add), NEAR2(x + y)},
      {"sub", 2, EXACT2(mpfr_sub), NEAR2(x - y)},
      {"mul", 2, EXACT2(mpfr_mul), NEAR2(x * y)},
      {"div", 2, EXACT2(mpfr_div), NEAR2(x / y)},
      {"fmod", 2, EXACT2(mpfr_fmod), NEAR2(std::fmod(x, y))},
      {"maximum", 2, same2<larger>, larger},
      {"minimum", 2, same2<lesser>, lesser},
      {"abs", 1, EXACT1(mpfr_abs), NEAR1(std::fabs(x))},
      {"sign", 1, same1<sign>, NEAR1(sign(x))},
      {"relu", 1, same1<relu>, NEAR1(relu(x))},
      {"floor", 1, same1<std::floor>, NEAR1(std::floor(x))},
      {"ceil", 1, same1<std::ceil>, NEAR1(std::ceil(x))},
      {"trunc", 1, same1<std::trunc>, NEAR1(std::trunc(x))},
      {"round", 1, same1<std::nearbyint>, NEAR1(std::nearbyint(x))},
  };
}

std::vector<Reference> elementaryReferences() {
  return {
      {"pow", 2, EXACT2(mpfr_pow), NEAR2(std::pow(x, y)), nullptr, 0.05},
      {"exp", 1, EXACT1(mpfr_exp), NEAR1(std::exp(x)), QUICK(std::exp(within(x)))},
      {"exp2", 1, EXACT1(mpfr_exp2), NEAR1(std::exp2(x)), QUICK(std::exp2(within(x)))},
      {"expm1", 1, EXACT1(mpfr_expm1), NEAR1(std::expm1(x)), QUICK(std::expm1(within(x)))},
      {"log", 1, EXACT1(mpfr_log), NEAR1(std::log(x)), QUICK(std::log(x))},
      {"log2", 1, EXACT1(mpfr_log2), NEAR1(std::log2(x)), QUICK(std::log2(x))},
      {"log10", 1, EXACT1(mpfr_log10), NEAR1(std::log10(x)), QUICK(std::log10(x))},
      {"log1p", 1, EXACT1(mpfr_log1p), NEAR1(std::log1p(x)), QUICK(std::log1p(x))},
      {"sqrt", 1, EXACT1(mpfr_sqrt), NEAR1(std::sqrt(x)), QUICK(std::sqrt(x))},
      {"rsqrt", 1, reciprocalRoot, NEAR1(1 / std::sqrt(x)), QUICK(1 / std::sqrt(x))},
      {"cbrt", 1, EXACT1(mpfr_cbrt), NEAR1(std::cbrt(x)), QUICK(std::cbrt(x))},
      {"sinh", 1, EXACT1(mpfr_sinh), NEAR1(std::sinh(x)), QUICK(std::sinh(within(x)))},
      {"cosh", 1, EXACT1(mpfr_cosh), NEAR1(std::cosh(x)), QUICK(std::cosh(within(x)))},
      {"tanh", 1, EXACT1(mpfr_tanh), NEAR1(std::tanh(x)), QUICK(std::tanh(within(x)))},
      {"sigmoid", 1, sigmoid,
       NEAR1(x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x))),
       QUICK(1 / (1 + std::exp(-within(x))))},
      {"softplus", 1, softplus,
       NEAR1(x != x ? x : std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x)))),
       QUICK(x != x ? x : std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(within(x)))))},
      {"sin", 1, EXACT1(mpfr_sin), NEAR1(std::sin(x)), QUICK(std::sin(x))},
      {"cos", 1, EXACT1(mpfr_cos), NEAR1(std::cos(x)), QUICK(std::cos(x))},
      {"tan", 1, EXACT1(mpfr_tan), NEAR1(std::tan(x)), QUICK(std::tan(x))},
      {"asin", 1, EXACT1(mpfr_asin), NEAR1(std::asin(x)), QUICK(std::asin(x))},
      {"acos", 1, EXACT1(mpfr_acos), NEAR1(std::acos(x)), QUICK(std::acos(x))},
      {"atan", 1, EXACT1(mpfr_atan), NEAR1(std::atan(x)), QUICK(std::atan(x))},
      {"atan2", 2, EXACT2(mpfr_atan2), NEAR2(std::atan2(x, y))},
  };
}

} // namespace diptych::accuracy
