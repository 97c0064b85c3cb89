// Functions of the layers and losses whose textbook formula has a kink in it that the function has
// not.
#pragma once

#include <diptych/Ops.h>

namespace diptych::nn::smooth {

// log(1 + exp(x)). The usual max(x, 0) + log1p(exp(-|x|)) has wrong derivatives at x = 0, where a
// logistic regression starts; either branch here is the function itself.
inline Tensor softplus(const Tensor& x) {
  const Tensor positive = x > 0;
  return where(positive, x + log1p(exp(-where(positive, x, 0))), log1p(exp(where(positive, 0, x))));
}

} // namespace diptych::nn::smooth
