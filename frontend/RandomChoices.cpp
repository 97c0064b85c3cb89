// Draws of positions: orders, classes, samples. Made of other draws; derivatives are zero.
#include <diptych/Random.h>

#include "frontend/Ops.h"
#include "frontend/RandomKeys.h"

namespace diptych::random {

using detail::located;
using detail::misuse;

namespace {

void requireCount(const char* op, int64_t count) {
  if (count < 0)
    misuse(op, "a count that is not negative", std::to_string(count), "check the count");
}

// logits + gumbel, of the shape samples + logits.shape.
Tensor perturbed(const char* op, const Tensor& key, const Tensor& logits, const Shape& samples) {
  detail::requireFloat(op, logits.value());
  if (logits.rank() == 0 || logits.shape().back() == 0)
    misuse(op, "an axis of at least one class", logits.type().str(), "classes are the last axis");
  Shape shape = samples;
  for (int64_t extent : logits.shape())
    shape.push_back(extent);
  return logits + gumbel(key, shape, logits.dtype());
}

} // namespace

Tensor permutation(const Arg& arg, int64_t n) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("permutation", arg);
    requireCount("permutation", n);
    return argsort(bits(key, {n}), 0);
  });
}

Tensor shuffle(const Arg& arg, const Tensor& x, int64_t axis) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("shuffle", arg);
    const int64_t counted = detail::axisOf("shuffle", axis, x.rank());
    return take(x, permutation(key, x.shape()[counted]), counted);
  });
}

Tensor categorical(const Arg& arg, const Tensor& logits, const Shape& samples) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("categorical", arg);
    return argmax(perturbed("categorical", key, logits, samples), -1);
  });
}

Tensor multinomial(const Arg& arg, const Tensor& weights, int64_t count, bool replacement) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("multinomial", arg);
    requireCount("multinomial", count);
    const Tensor logits = log(weights);
    if (replacement) {
      const Tensor drawn = argmax(perturbed("multinomial", key, logits, {count}), -1);
      Dims order; // [count, rows...] to [rows..., count]
      for (int axis = 1; axis < drawn.rank(); ++axis)
        order.push_back(axis);
      order.push_back(0);
      return drawn.rank() > 1 ? transpose(drawn, order) : drawn;
    }
    const Tensor scores = perturbed("multinomial", key, logits, {});
    if (count > logits.shape().back())
      misuse("multinomial", "no more draws than classes, " + std::to_string(logits.shape().back()),
             std::to_string(count), "draw with replacement");
    return slice(argsort(scores, -1, true), -1, 0, count);
  });
}

Tensor choice(const Arg& arg, const Tensor& x, int64_t count, bool replacement,
              const Tensor& weights) {
  return located(arg.where(), [&] {
    const Tensor& key = keyOf("choice", arg);
    requireCount("choice", count);
    const int64_t n = x.shape()[detail::axisOf("choice", 0, x.rank())];
    if (weights.defined()) {
      if (!(weights.shape() == Shape{n}))
        misuse("choice", "weights " + Shape{n}.str(), weights.type().str(),
               "one for each slice along axis 0");
      return take(x, multinomial(key, weights, count, replacement));
    }
    if (replacement)
      return take(x, randint(key, {count}, 0, n));
    if (count > n)
      misuse("choice", "no more draws than slices, " + std::to_string(n), std::to_string(count),
             "draw with replacement");
    return take(x, slice(permutation(key, n), 0, 0, count));
  });
}

} // namespace diptych::random
