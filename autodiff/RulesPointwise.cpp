// Derivatives of the pointwise operators. No shapes here: operands, result and cotangent have one.
#include "autodiff/Rules.h"

#include <numbers>

namespace diptych::autodiff {

using namespace emitted;

//===-- Arithmetic ---------------------------------------------------------------------------===//

PARTIALS(Neg) { return {minusOne}; }
PARTIALS(Add) { return {one, one}; }
PARTIALS(Sub) { return {one, minusOne}; }
PARTIALS(Mul) { return {y(), x()}; }
PARTIALS(Div) {
  return {over(y()), [this] { return -(out() / y()); }};
}

// d/dx x^y = y x^(y-1). Where y = 0 and x = 0 (or NaN) that would be 0 * inf: there, 0 * 1^(y-1).
static Value powerByBase(const Value& x, const Value& y) {
  const Value regular = logical_or(ne(y, like(y, 0.0)), gt(abs(x), like(x, 0.0)));
  return where(regular, y, like(y, 0.0)) * pow(where(regular, x, like(x, 1.0)), y - 1.0);
}

// d/dy x^y = x^y log x. Where x = 0 and y >= 0 that would be 0 * -inf: there, x^y log 1.
static Value powerByExponent(const Value& x, const Value& y, const Value& power) {
  const Value zero = logical_and(eq(x, like(x, 0.0)), ge(y, like(y, 0.0)));
  return power * log(where(zero, like(x, 1.0), x));
}

PARTIALS(Pow) {
  return {[this] { return powerByBase(x(), y()); },
          [this] { return powerByExponent(x(), y(), out()); }};
}

// d/dy (x - n y) = -n; out - x is -n y but for a rounding, so that the nearest integer is n.
PARTIALS(Fmod) {
  return {one, [this] { return round((out() - x()) / y()); }};
}

// NaN has lost to nobody, so a NaN result sends its cotangent to both sides.
PARTIALS(Maximum) {
  return {[this] { return sharedAt(eq(x(), y()), lt(x(), y())); },
          [this] { return sharedAt(eq(x(), y()), gt(x(), y())); }};
}
PARTIALS(Minimum) {
  return {[this] { return sharedAt(eq(x(), y()), gt(x(), y())); },
          [this] { return sharedAt(eq(x(), y()), lt(x(), y())); }};
}

//===-- Functions of one variable ------------------------------------------------------------===//

PARTIALS(Exp) { return {out()}; }
// (2^x)' = ln2 2^x
PARTIALS(Exp2) { return {std::numbers::ln2 * out()}; }
// Not out + 1, which cancels for x << 0.
PARTIALS(Expm1) { return {exp(x())}; }
PARTIALS(Log) { return {over(x())}; }
PARTIALS(Log2) { return {over(std::numbers::ln2 * x())}; }
PARTIALS(Log10) { return {over(std::numbers::ln10 * x())}; }
PARTIALS(Log1p) { return {over(x() + 1.0)}; }
// sqrt' = 1 / (2 sqrt): +inf at 0.
PARTIALS(Sqrt) { return {over(2.0 * out())}; }
// (x^-1/2)' = -1/2 x^-3/2
PARTIALS(Rsqrt) { return {-0.5 * (out() * out() * out())}; }
// (x^1/3)' = 1 / (3 x^2/3): +inf at 0.
PARTIALS(Cbrt) { return {over(3.0 * (out() * out()))}; }
PARTIALS(Sinh) { return {cosh(x())}; }
PARTIALS(Cosh) { return {sinh(x())}; }
// Uses out, not x: tanh' = 1 - y^2 saves a second tanh.
PARTIALS(Tanh) { return {1.0 - out() * out()}; }
PARTIALS(Sigmoid) { return {out() * (1.0 - out())}; }
// log(1 + e^x)' = 1 / (1 + e^-x)
PARTIALS(Softplus) { return {sigmoid(x())}; }
// Uses out, not x, which need not be kept: out > 0 where x > 0, for NaN too.
PARTIALS(Relu) { return {onlyWhere(gt(out(), like(out(), 0.0)))}; }
PARTIALS(Sin) { return {cos(x())}; }
PARTIALS(Cos) { return {-sin(x())}; }
// tan' = 1 + tan^2
PARTIALS(Tan) { return {out() * out() + 1.0}; }
// (1 - x)(1 + x) keeps what 1 - x^2 would lose near 1.
static Value cosineOfAsin(const Value& x) { return sqrt((1.0 - x) * (x + 1.0)); }
PARTIALS(Asin) { return {over(cosineOfAsin(x()))}; }
PARTIALS(Acos) { return {over(-cosineOfAsin(x()))}; }
PARTIALS(Atan) { return {over(x() * x() + 1.0)}; }

// d angle = (x dy - y dx) / (x^2 + y^2). Both are divided by the larger first: squares would
// overflow or vanish. What they are divided by cancels, so it needs no derivative.
PARTIALS(Atan2) {
  const Value scale = stop_gradient(maximum(abs(in(0)), abs(in(1))));
  const Value v = in(0) / scale, u = in(1) / scale;
  const Value square = scale * (u * u + v * v);
  return {u / square, -(v / square)};
}

// erf' = 2/sqrt(pi) exp(-x^2)
PARTIALS(Erf) { return {2.0 * std::numbers::inv_sqrtpi * exp(-(x() * x()))}; }
// The density of erf, with the other sign.
PARTIALS(Erfc) { return {-2.0 * std::numbers::inv_sqrtpi * exp(-(x() * x()))}; }
// One over erf' at the result.
PARTIALS(Erfinv) { return {0.5 / std::numbers::inv_sqrtpi * exp(out() * out())}; }
// exp(-x^2/2) / sqrt(2 pi)
PARTIALS(NormalCdf) {
  constexpr double peak = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  return {peak * exp(-0.5 * (x() * x()))};
}
PARTIALS(Lgamma) { return {digamma(x())}; }
PARTIALS(Digamma) { return {polygamma(like(x(), 1.0), x())}; }
// Locally constant in the order, which is rounded.
PARTIALS(Polygamma) {
  return {none, [this] { return polygamma(in(0) + 1.0, in(1)); }};
}
PARTIALS(Abs) { return {sign(x())}; }

//===-- Selection and conversion -------------------------------------------------------------===//

PARTIALS(Where) { return {none, onlyWhere(in(0)), exceptWhere(in(0))}; }
TRANSPOSE(Convert) { return {convert(cot(), x().dtype())}; }

} // namespace diptych::autodiff
