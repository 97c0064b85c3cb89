// Error functions, the normal distribution, the gamma function and its derivatives. What MPFR lacks
// is made of what it has: erfinv by Newton's method, polygamma by the Euler-Maclaurin sum.
#include "References.h"

#include "tests/unit/ReferenceFunctions.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace diptych::accuracy {

namespace {

// erfc(-x / sqrt(2)) / 2.
void normalCdf(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  mpfr_sqrt_ui(out, 2, MPFR_RNDN);
  mpfr_div(out, x, out, MPFR_RNDN);
  mpfr_neg(out, out, MPFR_RNDN);
  mpfr_erfc(out, out, MPFR_RNDN);
  mpfr_div_2ui(out, out, 1, MPFR_RNDN);
}

// y -= (erf(y) - x) sqrt(pi) / 2 exp(y^2), from a start of 60 bits: two steps give all.
void erfinv(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  const double start = mpfr_get_d(x, MPFR_RNDN);
  if (!(std::fabs(start) < 1) || start == 0) {
    mpfr_set_ld(out, start == 0 ? start : reference::erfinv(start), MPFR_RNDN);
    return;
  }
  Number error, slope, square;
  mpfr_set_ld(out, reference::erfinv(start), MPFR_RNDN);
  for (int step = 0; step < 3; ++step) {
    mpfr_erf(error, out, MPFR_RNDN);
    mpfr_sub(error, error, x, MPFR_RNDN);
    mpfr_const_pi(slope, MPFR_RNDN);
    mpfr_sqrt(slope, slope, MPFR_RNDN);
    mpfr_div_2ui(slope, slope, 1, MPFR_RNDN);
    mpfr_sqr(square, out, MPFR_RNDN);
    mpfr_exp(square, square, MPFR_RNDN);
    mpfr_mul(slope, slope, square, MPFR_RNDN);
    mpfr_mul(error, error, slope, MPFR_RNDN);
    mpfr_sub(out, out, error, MPFR_RNDN);
  }
}

void lgamma(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  int sign;
  mpfr_lgamma(out, &sign, x, MPFR_RNDN);
}

// MPFR has NaN at the zeros, where the convention is the limit from the zero's side.
void digamma(mpfr_ptr out, mpfr_ptr x, mpfr_ptr) {
  if (mpfr_zero_p(x))
    mpfr_set_inf(out, mpfr_signbit(x) ? 1 : -1);
  else
    mpfr_digamma(out, x, MPFR_RNDN);
}

// The terms of Euler and Maclaurin at `end`, n >= 1: end^-s (end / (s - 1) + 1/2 + ...), s = n + 1.
void hurwitzTail(mpfr_ptr out, mpfr_ptr end, unsigned long n) {
  static const double numerators[] = {1, -1, 1, -1, 5, -691, 7, -3617, 43867, -174611};
  static const double denominators[] = {6, 30, 42, 30, 66, 2730, 6, 510, 798, 330};
  Number factor, term, power;
  mpfr_div_ui(out, end, n, MPFR_RNDN);
  mpfr_add_d(out, out, 0.5, MPFR_RNDN);
  mpfr_ui_div(factor, n + 1, end, MPFR_RNDN); // s (s+1) ... (s+2j-2) / ((2j)! end^(2j-1))
  mpfr_div_ui(factor, factor, 2, MPFR_RNDN);
  for (unsigned long j = 1; j <= 10; ++j) {
    mpfr_mul_d(term, factor, numerators[j - 1], MPFR_RNDN);
    mpfr_div_d(term, term, denominators[j - 1], MPFR_RNDN);
    mpfr_add(out, out, term, MPFR_RNDN);
    mpfr_mul_ui(factor, factor, (n + 2 * j) * (n + 2 * j + 1), MPFR_RNDN);
    mpfr_div_ui(factor, factor, (2 * j + 1) * (2 * j + 2), MPFR_RNDN);
    mpfr_div(factor, factor, end, MPFR_RNDN);
    mpfr_div(factor, factor, end, MPFR_RNDN);
  }
  mpfr_pow_si(power, end, -static_cast<long>(n) - 1, MPFR_RNDN);
  mpfr_mul(out, out, power, MPFR_RNDN);
}

// (-1)^(n+1) n! sum (x + k)^-(n+1), the terms up to x + k = 400 + 2n one by one.
void polygamma(mpfr_ptr out, mpfr_ptr order, mpfr_ptr x) {
  const double n = std::nearbyint(mpfr_get_d(order, MPFR_RNDN)), at = mpfr_get_d(x, MPFR_RNDN);
  const bool pole = at <= 0 && at == std::floor(at);
  if (!(n >= 1 && n <= 170) || !std::isfinite(at) || pole) {
    mpfr_set_ld(out, reference::polygamma(n, at), MPFR_RNDN);
    return;
  }
  const auto whole = static_cast<unsigned long>(n);
  Number sum(0.0), end, term;
  mpfr_set(end, x, MPFR_RNDN);
  while (mpfr_cmp_d(end, 400 + 2 * n) < 0) {
    mpfr_pow_si(term, end, -static_cast<long>(whole) - 1, MPFR_RNDN);
    mpfr_add(sum, sum, term, MPFR_RNDN);
    mpfr_add_ui(end, end, 1, MPFR_RNDN);
  }
  hurwitzTail(term, end, whole);
  mpfr_add(sum, sum, term, MPFR_RNDN);
  mpfr_fac_ui(out, whole, MPFR_RNDN);
  mpfr_mul(out, out, sum, MPFR_RNDN);
  if (whole % 2 == 0)
    mpfr_neg(out, out, MPFR_RNDN);
}

// Below 0 these are differences that vanish between the poles: the sizes of what cancels.
double lgammaScale(double x, double) { return x < -0.5 ? std::fabs(std::lgamma(-x)) + 1 : 0; }
double digammaScale(double x, double) {
  if (!(x < 0))
    return 0;
  const double f = x - std::nearbyint(x);
  const double cotangent = f == 0 ? 0 : std::numbers::pi / std::tan(std::numbers::pi * f);
  return std::max(std::log1p(-x) + 1, std::fabs(cotangent));
}
double polygammaScale(double n, double x) {
  return x < 0 ? static_cast<double>(std::fabs(reference::polygammaScale(n, x, 1))) : 0;
}

} // namespace

#define EXACT1(CALL) [](mpfr_ptr out, mpfr_ptr x, mpfr_ptr) { CALL(out, x, MPFR_RNDN); }
#define NEAR1(...) [](long double x, long double) -> long double { return __VA_ARGS__; }
#define QUICK(...) [](double x) -> double { return __VA_ARGS__; }

std::vector<Reference> specialReferences() {
  return {
      {"erf", 1, EXACT1(mpfr_erf), NEAR1(std::erf(x)), QUICK(std::erf(x))},
      {"erfc", 1, EXACT1(mpfr_erfc), NEAR1(std::erfc(x)), QUICK(std::erfc(x)), 0.05},
      {.name = "erfinv",
       .arity = 1,
       .exact = erfinv,
       .near = NEAR1(reference::erfinv(x)),
       .slack = 0.02,
       .thinned = 16},
      {"normal_cdf", 1, normalCdf, NEAR1(reference::normalCdf(x)),
       QUICK(0.5 * std::erfc(x * -0.70710678118654752)), 0.05},
      {.name = "lgamma",
       .arity = 1,
       .exact = lgamma,
       .near = NEAR1(std::lgamma(x)),
       .slack = 0.02,
       .scale = lgammaScale},
      {.name = "digamma",
       .arity = 1,
       .exact = digamma,
       .near = NEAR1(reference::digamma(x)),
       .slack = 0.02,
       .scale = digammaScale,
       .thinned = 4},
      {.name = "polygamma",
       .arity = 2,
       .exact = polygamma,
       .near = [](long double n, long double x) { return reference::polygamma(n, x); },
       .slack = 0.1,
       .scale = polygammaScale,
       .thinned = 256,
       .covers = [](double, double x) { return x > -200; }},
  };
}

const std::vector<Reference>& references() {
  static const std::vector<Reference> all = [] {
    std::vector<Reference> list;
    for (const auto& family : {arithmeticReferences(), elementaryReferences(), specialReferences()})
      list.insert(list.end(), family.begin(), family.end());
    return list;
  }();
  return all;
}

const Reference* referenceFor(std::string_view name) {
  for (const Reference& reference : references())
    if (reference.name == name)
      return &reference;
  return nullptr;
}

} // namespace diptych::accuracy
