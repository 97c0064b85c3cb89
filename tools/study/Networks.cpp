// The mathematics of Networks.h, line by line.
#include "tools/study/Networks.h"

namespace diptych::study {

Tensor networkOutputs(const Parameters& p, const Tensor& x) {
  const Tensor first = relu(matmul(x, transpose(p[0])) + p[1]);      // [n,h]
  const Tensor second = relu(matmul(first, transpose(p[2])) + p[3]); // [n,h]
  return matmul(second, transpose(p[4])) + p[5];                     // [n,out]
}

Tensor regressionLoss(const Parameters& parameters, const Tensor& x, const Tensor& y) {
  return mean(square(networkOutputs(parameters, x) - y));
}

Tensor valueLoss(const Parameters& parameters, const Parameters& target, const Tensor& states,
                 const Tensor& next, const Tensor& step) {
  const Tensor turn = (7 * arange(states.shape()[0]) + 5 * step).astype(DType::f64);
  const Tensor action = turn - double(kActions) * floor(turn / double(kActions)); // [n], whole
  const Tensor values = networkOutputs(parameters, states);                       // [n,21]
  const Tensor index = unsqueeze(action.astype(DType::i64), 1);
  const Tensor taken = squeeze(take_along_axis(values, index, 1), {1}); // [n]
  const double apart = (kLastAction - kFirstAction) / double(kActions - 1);
  const Tensor off = kFirstAction + apart * action - (2.0 * squeeze(states, {1}) + 0.3);
  const Tensor best = max(networkOutputs(target, next), {1});
  return mean(square(taken - stop_gradient(0.9 * best - square(off))));
}

} // namespace diptych::study
