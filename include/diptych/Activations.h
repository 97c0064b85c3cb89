// Activation functions and other elementwise composites, with PyTorch's names and defaults. Each is
// differentiable to any order through what it is made of; where a function has a kink, its
// derivative there is that of the side that includes the point.
#pragma once

#include <diptych/Ops.h>

namespace diptych {

//===-- Activations --------------------------------------------------------------------------===//

/// x where x > 0, else slope * x; the slope may be a tensor (PReLU).
Tensor leaky_relu(const Arg& x, const Arg& negative_slope = 0.01);
Tensor prelu(const Arg& x, const Arg& weight);
/// x where x > 0, else alpha * (exp(x) - 1).
Tensor elu(const Arg& x, double alpha = 1.0);
/// max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).
Tensor celu(const Arg& x, double alpha = 1.0);
/// Scaled elu with the constants that keep mean 0 and variance 1.
Tensor selu(const Arg& x);
/// Approximation of gelu: by the normal distribution function, or by tanh as in PyTorch.
enum class Gelu { exact, tanh };
/// x P(X <= x), X standard normal; accurate in the lower tail.
Tensor gelu(const Arg& x, Gelu form = Gelu::exact);
/// x * sigmoid(x).
Tensor silu(const Arg& x);
/// x * tanh(softplus(x)).
Tensor mish(const Arg& x);
/// log(1 + exp(beta * x)) / beta. Never overflows, so it needs no threshold.
Tensor softplus(const Arg& x, double beta);
/// log(sigmoid(x)), accurate on both sides.
Tensor logsigmoid(const Arg& x);
/// x / (1 + |x|).
Tensor softsign(const Arg& x);
/// x - tanh(x).
Tensor tanhshrink(const Arg& x);
/// x moved towards 0 by lambda, 0 where |x| <= lambda.
Tensor softshrink(const Arg& x, double lambda = 0.5);
/// x where |x| > lambda, else 0.
Tensor hardshrink(const Arg& x, double lambda = 0.5);
/// x within [low, high], whose derivative at both bounds is 0 (that of clamp is 1/2).
Tensor hardtanh(const Arg& x, double low = -1.0, double high = 1.0);
/// hardtanh(x, 0, 6).
Tensor relu6(const Arg& x);
/// relu6(x + 3) / 6.
Tensor hardsigmoid(const Arg& x);
/// x * relu6(x + 3) / 6.
Tensor hardswish(const Arg& x);
/// x where x > limit, else value.
Tensor threshold(const Arg& x, double limit, double value);

//===-- Elementwise --------------------------------------------------------------------------===//

/// 1 / x.
Tensor reciprocal(const Arg& x);
/// start + weight * (end - start), equal to end at weight 1 and monotonic in between.
Tensor lerp(const Arg& start, const Arg& end, const Arg& weight);
/// x - y * floor(x / y), exact where fmod is: the sign is that of y.
Tensor remainder(const Arg& x, const Arg& y);
/// x - trunc(x), of the sign of x.
Tensor frac(const Arg& x);
/// log(x / (1 - x)).
Tensor logit(const Arg& x);
/// x log(y), and 0 where x is 0, unless y is NaN. Where x is 0 the derivative in x is log(y), or 0
/// where that is no finite number.
Tensor xlogy(const Arg& x, const Arg& y);
/// Derivative of order n of digamma; digamma itself for order 0.
Tensor polygamma(int64_t n, const Arg& x);
/// Whether x is an infinity of either sign.
Tensor isinf(const Arg& x);

} // namespace diptych
