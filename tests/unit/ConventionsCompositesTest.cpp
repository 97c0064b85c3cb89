// What composites do at degenerate points, to second order: docs/conventions.md.
#include "Conventions.h"

#include <diptych/nn/nn.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;

namespace {

const Numbers kZero2(2, 0), kZero4(4, 0), kZero9(9, 0);

TEST(Conventions, LengthsAndDeviationsAtZero) {
  expectConvention([](const Tensor& x) { return dt::norm(x); }, {0, 0}, 0, kZero2, kZero4, "norm");
  expectConvention([](const Tensor& x) { return dt::norm(x); }, {3, 4}, 5, {0.6, 0.8},
                   {0.128, -0.096, -0.096, 0.072}, "norm elsewhere");
  expectConvention([](const Tensor& x) { return dt::stddev(x); }, {2, 2, 2}, 0, Numbers(3, 0),
                   kZero9, "stddev of a constant");
  expectConvention(
      [](const Tensor& x) { return dt::var(x); }, {2, 2, 2}, 0, Numbers(3, 0),
      {2 / 3.0, -1 / 3.0, -1 / 3.0, -1 / 3.0, 2 / 3.0, -1 / 3.0, -1 / 3.0, -1 / 3.0, 2 / 3.0},
      "var of a constant");
  expectConvention([](const Tensor& x) { return dt::var(x, {}, 0); }, {5}, 0, {0}, {0},
                   "var of one, divided by n");
  expectConvention([](const Tensor& x) { return dt::var(x); }, {5}, kNan, {kNan}, {},
                   "var of one, divided by n - 1");
}

TEST(Conventions, LogSumExpOfInfinities) {
  const auto f = [](const Tensor& x) { return dt::logsumexp(x); };
  expectConvention(f, {-kInf, -kInf}, -kInf, kZero2, kZero4, "nothing");
  expectConvention(f, {-kInf, 1}, 1, {0, 1}, kZero4, "one of two");
  expectConvention(f, {kInf, 1}, kInf, {kNan, 0}, {}, "infinite");
  expectConvention(f, {1000, 1000}, 1000 + std::log(2), {0.5, 0.5}, {0.25, -0.25, -0.25, 0.25},
                   "large");
}

TEST(Conventions, SoftmaxWithMinusInfinity) {
  const auto second = [](const Tensor& x) { return dt::select(dt::softmax(x), 0, 1); };
  expectConvention(second, {-kInf, 1}, 1, kZero2, kZero4, "masked");
  expectConvention(second, {-1000, 1000}, 1, kZero2, kZero4, "far apart");
  expectConvention(second, {-kInf, -kInf}, kNan, {kNan, kNan}, {}, "everything masked");
  const auto logarithm = [](const Tensor& x) { return dt::select(dt::log_softmax(x), 0, 1); };
  expectConvention(logarithm, {-kInf, 1}, 0, kZero2, kZero4, "log, masked");
  expectConvention(logarithm, {1000, -1000}, -2000, {-1, 1}, kZero4, "log, far apart");
}

TEST(Conventions, ClampAtItsBounds) {
  const auto f = [](const Tensor& x) { return dt::clamp(dt::select(x, 0, 0), -1, 1); };
  expectConvention(f, {1}, 1, {0.5}, {0}, "upper");
  expectConvention(f, {-1}, -1, {0.5}, {0}, "lower");
  expectConvention(f, {kInf}, 1, {0}, {0}, "outside");
  expectConvention(f, {kNan}, kNan, {1}, {0}, "NaN");
}

TEST(Conventions, EntropyOfImpossibleEvents) {
  const auto entropy = [](const Tensor& p) { return -dt::sum(dt::xlogy(p, p)); };
  expectConvention(entropy, {0, 1}, 0, {0, -1}, {0, 0, 0, -1}, "x log x at 0");
  const auto f = [](const Tensor& x) {
    return dt::xlogy(dt::select(x, 0, 0), dt::select(x, 0, 1));
  };
  expectConvention(f, {0, 2}, 0, {std::log(2), 0}, {0, 0.5, 0.5, 0}, "0 log 2");
  expectConvention(f, {0, 0}, 0, kZero2, kZero4, "0 log 0");
  expectConvention(f, {0, kInf}, 0, kZero2, kZero4, "0 log infinity");
  expectConvention(f, {1, 0}, -kInf, {-kInf, kInf}, {}, "1 log 0");
}

TEST(Conventions, LossesOfExtremeLogits) {
  const auto crossEntropy = [](int64_t target) {
    return [target](const Tensor& x) {
      return nn::cross_entropy(dt::unsqueeze(x, 0), dt::tensor({target}));
    };
  };
  expectConvention(crossEntropy(0), {1000, -1000}, 0, kZero2, kZero4, "right");
  expectConvention(crossEntropy(1), {1000, -1000}, 2000, {1, -1}, kZero4, "wrong");
  expectConvention(crossEntropy(1), {-kInf, 3}, 0, kZero2, kZero4, "masked class");
  const auto binary = [](double target) {
    return [target](const Tensor& x) {
      return nn::binary_cross_entropy_with_logits(x, dt::full({1}, target));
    };
  };
  expectConvention(binary(1), {1000}, 0, {0}, {0}, "binary, right");
  expectConvention(binary(1), {-1000}, 1000, {-1}, {0}, "binary, wrong");
  expectConvention(binary(0.5), {0}, std::log(2), {0}, {0.25}, "binary, undecided");
  const auto divergence = [](const Tensor& target) {
    return [target](const Tensor& x) { return nn::kl_div(x, target, nn::Reduction::sum); };
  };
  expectConvention(divergence(dt::tensor({0.0, 1.0})), {-5, 0}, 0, {0, -1}, kZero4, "kl_div");
}

TEST(Conventions, ActivationsAtTheirKinks) {
  const auto at = [](auto f) { return [f](const Tensor& x) { return f(dt::select(x, 0, 0)); }; };
  expectConvention(at([](const Tensor& x) { return dt::leaky_relu(x, 0.1); }), {0}, 0, {0.1}, {0},
                   "leaky_relu");
  expectConvention(at([](const Tensor& x) { return dt::elu(x, 2); }), {0}, 0, {2}, {2}, "elu");
  expectConvention(at([](const Tensor& x) { return dt::elu(x); }), {1e4}, 1e4, {1}, {0},
                   "elu, where the other side overflows");
  expectConvention(at([](const Tensor& x) { return dt::hardtanh(x); }), {1}, 1, {0}, {0},
                   "hardtanh");
  expectConvention(at([](const Tensor& x) { return dt::softshrink(x); }), {0.5}, 0, {0}, {0},
                   "softshrink");
  expectConvention(at([](const Tensor& x) { return dt::softsign(x); }), {0}, 0, {1}, {0},
                   "softsign");
  expectConvention(at([](const Tensor& x) { return dt::logsigmoid(x); }), {-1e4}, -1e4, {1}, {0},
                   "logsigmoid");
}

} // namespace
