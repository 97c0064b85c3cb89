// Small random programs over one matrix, the same ones for every run: what no one thought of.
#pragma once

#include <diptych/diptych.h>

#include <random>

namespace diptych::test {

/// A function of x [4,6]. Calls with one seed compute the same thing.
struct RandomProgram {
  unsigned seed = 0;
  int length = 25;

  Tensor operator()(const Tensor& x) const {
    std::mt19937 random(seed);
    std::vector<Tensor> values{x, 0.5 * tanh(transpose(x))};
    for (int i = 0; i < length; ++i) {
      const Tensor& a = values[random() % values.size()];
      const Tensor& b = values[random() % values.size()];
      values.push_back(step(random() % 17, a, b));
    }
    // The last few meet in one number; the others may be dead.
    Tensor total = sum(tanh(values.back()));
    for (size_t i = values.size() - 5; i + 1 < values.size(); ++i)
      total = total + mean(tanh(values[i]));
    return total;
  }

private:
  static Tensor step(unsigned which, const Tensor& a, const Tensor& b) {
    switch (which) {
    case 0: return sin(a);
    case 1: return exp(-(a * a));
    case 2: return transpose(a);
    case 3: return tanh(matmul(a, transpose(a)));
    case 4: return flip(a, 0);
    case 5: return softmax(a, 1);
    case 6: return a - mean(a, 0);
    case 7: return a * sum(a, 1, true) * 0.1;
    case 8: return concatenate({slice(a, 1, 1), slice(a, 1, 0, 1)}, 1);
    case 9: return pad(slice(a, 0, 1), {{0, 1}, {0, 0}}, 0.25);
    case 10: return reshape(transpose(a), a.shape());
    case 11: return take(a, argmax(a, 0), 0);
    case 12: return where(a > 0.0, a, 0.5 * a);
    case 13: return reshape(sum(a), {1, 1}) * 0.01 + a;
    default: break;
    }
    if (a.shape() == b.shape())
      return which % 2 ? a * b : a + sqrt(1.0 + b * b);
    return a * reshape(slice(flatten(b), 0, 0, 1), {1, 1});
  }
};

} // namespace diptych::test
