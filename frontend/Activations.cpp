// Activations, written with the DSL itself. Where one side of a `where` could overflow, its operand
// is made harmless before: the side not taken then has derivative 0, not 0 times infinity.
#include <diptych/Activations.h>

#include "frontend/Ops.h"

#include <diptych/Composites.h>

#include <limits>
#include <numbers>

namespace diptych {

using detail::located;
using detail::tensorOf;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace {
// The operand as a tensor of floats, under the user's line.
template <class Body> Tensor ofFloats(const char* op, const Arg& arg, Body&& body) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    detail::requireFloat(op, x.value());
    return body(x);
  });
}

// exp(x) - 1 where x <= 0, else 0.
Tensor negativeExpm1(const Tensor& x) { return expm1(where(x > 0, 0, x)); }
} // namespace

Tensor leaky_relu(const Arg& arg, const Arg& slope) {
  return ofFloats("leaky_relu", arg,
                  [&](const Tensor& x) { return where(x > 0, x, mul(slope, x)); });
}

Tensor prelu(const Arg& x, const Arg& weight) { return leaky_relu(x, weight); }

Tensor elu(const Arg& arg, double alpha) {
  return ofFloats("elu", arg,
                  [&](const Tensor& x) { return where(x > 0, x, alpha * negativeExpm1(x)); });
}

Tensor celu(const Arg& arg, double alpha) {
  return ofFloats("celu", arg, [&](const Tensor& x) {
    return where(x > 0, x, alpha * negativeExpm1(x / alpha));
  });
}

Tensor selu(const Arg& arg) {
  constexpr double alpha = 1.6732632423543772848170429916717;
  constexpr double scale = 1.0507009873554804934193349852946;
  return ofFloats("selu", arg, [&](const Tensor& x) {
    return scale * where(x > 0, x, alpha * negativeExpm1(x));
  });
}

// (1 + tanh(u)) / 2 = sigmoid(2u) without its cancellation.
Tensor gelu(const Arg& arg, Gelu form) {
  return ofFloats("gelu", arg, [&](const Tensor& x) {
    if (form == Gelu::exact)
      return x * normal_cdf(x);
    constexpr double twice = 2 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi; // 2 sqrt(2/pi)
    return x * sigmoid(twice * (x + 0.044715 * (x * x * x)));
  });
}

Tensor silu(const Arg& arg) {
  return ofFloats("silu", arg, [](const Tensor& x) { return x * sigmoid(x); });
}

Tensor mish(const Arg& arg) {
  return ofFloats("mish", arg, [](const Tensor& x) { return x * tanh(softplus(x)); });
}

Tensor softplus(const Arg& arg, double beta) {
  return ofFloats("softplus", arg, [&](const Tensor& x) { return softplus(beta * x) / beta; });
}

Tensor logsigmoid(const Arg& arg) {
  return ofFloats("logsigmoid", arg, [](const Tensor& x) { return -softplus(-x); });
}

Tensor softsign(const Arg& arg) {
  return ofFloats("softsign", arg, [](const Tensor& x) { return x / (1 + abs(x)); });
}

Tensor tanhshrink(const Arg& arg) {
  return ofFloats("tanhshrink", arg, [](const Tensor& x) { return x - tanh(x); });
}

Tensor softshrink(const Arg& arg, double lambda) {
  return ofFloats("softshrink", arg, [&](const Tensor& x) {
    return where(abs(x) <= lambda, 0, x - lambda * sign(x));
  });
}

Tensor hardshrink(const Arg& arg, double lambda) {
  return ofFloats("hardshrink", arg,
                  [&](const Tensor& x) { return where(abs(x) <= lambda, 0, x); });
}

Tensor hardtanh(const Arg& arg, double low, double high) {
  return ofFloats("hardtanh", arg,
                  [&](const Tensor& x) { return where(x <= low, low, where(x >= high, high, x)); });
}

Tensor relu6(const Arg& x) { return hardtanh(x, 0, 6); }

Tensor hardsigmoid(const Arg& arg) {
  return ofFloats("hardsigmoid", arg, [](const Tensor& x) { return relu6(x + 3) / 6; });
}

// Of the bounds' infinities: -inf * 0 is NaN, where the limit is 0.
Tensor hardswish(const Arg& arg) {
  return ofFloats("hardswish", arg, [](const Tensor& x) {
    return where(x <= -3, 0, where(x >= 3, x, x * (x + 3) / 6));
  });
}

Tensor threshold(const Arg& arg, double limit, double value) {
  return ofFloats("threshold", arg, [&](const Tensor& x) { return where(x <= limit, value, x); });
}

//===-- Elementwise --------------------------------------------------------------------------===//

Tensor reciprocal(const Arg& arg) {
  return ofFloats("reciprocal", arg, [](const Tensor& x) { return 1 / x; });
}

// From the nearer end, so that both are met exactly.
Tensor lerp(const Arg& start, const Arg& end, const Arg& weight) {
  return located(start.where(), [&] {
    const Tensor a = tensorOf(start), b = tensorOf(end), w = tensorOf(weight);
    const Tensor difference = b - a;
    return where(abs(w) < 0.5, a + w * difference, b - (1 - w) * difference);
  });
}

Tensor remainder(const Arg& a, const Arg& b) {
  return located(a.where(), [&] {
    const Tensor r = fmod(a, b);
    return where(r * sign(tensorOf(b)) < 0, r + b, r);
  });
}

Tensor frac(const Arg& arg) {
  return ofFloats("frac", arg, [](const Tensor& x) { return x - trunc(x); });
}

Tensor logit(const Arg& arg) {
  return ofFloats("logit", arg, [](const Tensor& x) { return log(x) - log1p(-x); });
}

// log(1) takes the place of an infinity that 0 would be multiplied with.
Tensor xlogy(const Arg& a, const Arg& b) {
  return located(a.where(), [&] {
    const Tensor x = tensorOf(a), y = tensorOf(b);
    const Tensor harmless = logical_and(x == 0, logical_or(y <= 0, y == kInfinity));
    return x * log(where(harmless, 1, y));
  });
}

Tensor polygamma(int64_t n, const Arg& arg) {
  return ofFloats("polygamma", arg, [&](const Tensor& x) {
    if (n < 0 || n > 170)
      detail::misuse("polygamma", "an order from 0 to 170", std::to_string(n),
                     "derivatives of digamma are counted from 0");
    if (n == 0)
      return digamma(x);
    const Arg order(static_cast<double>(n)), at(x);
    return detail::pointwise(OpCode::Polygamma, {order, at});
  });
}

Tensor isinf(const Arg& arg) {
  return located(arg.where(), [&] {
    const Tensor x = tensorOf(arg);
    return isFloat(x.dtype()) ? abs(x) == kInfinity : x != x;
  });
}

} // namespace diptych
