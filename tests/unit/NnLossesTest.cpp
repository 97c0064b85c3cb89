// Every loss against its formula in plain C++, and derivatives where formulas are often wrong.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/Losses.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;
using nn::Reduction;
using testing::HasSubstr;

namespace {

using Numbers = std::vector<double>;

double total(const Numbers& numbers) {
  double sum = 0;
  for (double number : numbers)
    sum += number;
  return sum;
}

template <class F> Numbers each(const Numbers& x, const Numbers& y, F f) {
  Numbers result;
  for (size_t i = 0; i < x.size(); ++i)
    result.push_back(f(x[i], y[i]));
  return result;
}

void expectNear(const Tensor& got, const Numbers& expected) {
  const Numbers numbers = got.to_vector<double>();
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    EXPECT_NEAR(numbers[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << i;
}

template <class Loss> void expectReductions(const Loss& loss, const Numbers& expected) {
  expectNear(loss(Reduction::none), expected);
  expectNear(loss(Reduction::sum), {total(expected)});
  expectNear(loss(Reduction::mean), {total(expected) / static_cast<double>(expected.size())});
}

const Numbers kX{0.5, -2.0, 0.0, 3.0, 1.25, -0.5}, kY{0.25, 1.0, 0.0, 3.5, -4.0, -0.5};
const Tensor x = dt::tensor(kX, dt::Shape{3, 2}), y = dt::tensor(kY, dt::Shape{3, 2});

TEST(NnLosses, Distances) {
  expectReductions([](Reduction r) { return nn::mse_loss(x, y, r); },
                   each(kX, kY, [](double a, double b) { return (a - b) * (a - b); }));
  expectReductions([](Reduction r) { return nn::l1_loss(x, y, r); },
                   each(kX, kY, [](double a, double b) { return std::abs(a - b); }));
  expectReductions([](Reduction r) { return nn::huber_loss(x, y, r, 0.4); },
                   each(kX, kY, [](double a, double b) {
                     const double d = std::abs(a - b);
                     return d < 0.4 ? 0.5 * d * d : 0.4 * (d - 0.2);
                   }));
  expectReductions([](Reduction r) { return nn::smooth_l1_loss(x, y, r, 0.4); },
                   each(kX, kY, [](double a, double b) {
                     const double d = std::abs(a - b);
                     return d < 0.4 ? 0.5 * d * d / 0.4 : d - 0.2;
                   }));
  EXPECT_TRUE(
      sameBits(nn::smooth_l1_loss(x, y, Reduction::sum, 0), nn::l1_loss(x, y, Reduction::sum)));
}

// f32's largest square is near 3e38: a far target must not become an infinity, nor its gradient
// NaN.
TEST(NnLosses, HuberStaysFiniteFarAway) {
  const Tensor far = dt::tensor({1e30f, 0.1f}), zero = dt::zeros({2}, dt::f32);
  const Tensor g =
      dt::grad([&](const Tensor& x) { return nn::huber_loss(x, zero, Reduction::sum); })(far);
  EXPECT_EQ(g.to_vector<float>(), (std::vector<float>{1.0f, 0.1f}));
}

TEST(NnLosses, BinaryCrossEntropy) {
  const Numbers t{1, 0, 0.25, 1, 0, 0.5};
  const Tensor target = dt::tensor(t, dt::Shape{3, 2});
  const auto plain = [](double a, double b) {
    const double s = 1 / (1 + std::exp(-a));
    return -(b * std::log(s) + (1 - b) * std::log(1 - s));
  };
  expectReductions(
      [&](Reduction r) {
        return nn::binary_cross_entropy_with_logits(x, target, {.reduction = r});
      },
      each(kX, t, plain));
  const auto weighted = [](double a, double b) {
    const double s = 1 / (1 + std::exp(-a));
    return -0.5 * (3 * b * std::log(s) + (1 - b) * std::log(1 - s));
  };
  expectReductions(
      [&](Reduction r) {
        return nn::binary_cross_entropy_with_logits(
            x, target, {.reduction = r, .weight = dt::tensor(0.5), .pos_weight = dt::tensor(3.0)});
      },
      each(kX, t, weighted));
  // No overflow, and at 0 the derivatives are those of the function: s - t, s (1 - s).
  const Tensor extreme = dt::tensor({1000.0, -1000.0, 0.0}), one = dt::ones({3});
  auto loss = [&](const Tensor& x) {
    return nn::binary_cross_entropy_with_logits(x, one, {.reduction = Reduction::sum});
  };
  expectNear(loss(extreme), {1000 + std::log(2.0)});
  expectNear(dt::grad(loss)(extreme), {0, -1, -0.5});
  expectNear(dt::hessian(loss)(extreme), {0, 0, 0, 0, 0, 0, 0, 0, 0.25});
}

TEST(NnLosses, KullbackLeibler) {
  const Numbers p{0.2, 0.8, 0.0, 1.0, 0.5, 0.5};
  const Tensor target = dt::tensor(p, dt::Shape{3, 2});
  const Numbers expected =
      each(kX, p, [](double a, double b) { return (b > 0 ? b * std::log(b) : 0) - b * a; });
  expectReductions([&](Reduction r) { return nn::kl_div(x, target, r); }, expected);
  expectNear(nn::kl_div(x, target, Reduction::batchmean), {total(expected) / 3});
  expectReductions([&](Reduction r) { return nn::kl_div(x, y, r, true); },
                   each(kX, kY, [](double a, double b) { return std::exp(b) * (b - a); }));
  const Tensor g =
      dt::grad([&](const Tensor& t) { return nn::kl_div(x, t, Reduction::sum); })(target);
  EXPECT_TRUE(dt::all(dt::isfinite(g)).item<bool>());
}

//===-- Classes ------------------------------------------------------------------------------===//

// -sum_c q_c w_c log softmax(row)_c, with q the smoothed target.
double classLoss(const Numbers& row, int64_t target, const Numbers& weight, double smoothing) {
  double sum = 0;
  for (double value : row)
    sum += std::exp(value);
  double loss = 0;
  for (size_t c = 0; c < row.size(); ++c) {
    const double q = smoothing / static_cast<double>(row.size()) +
                     (static_cast<int64_t>(c) == target ? 1 - smoothing : 0);
    loss -= q * weight[c] * (row[c] - std::log(sum));
  }
  return loss;
}

TEST(NnLosses, CrossEntropyOfIndices) {
  const std::vector<Numbers> rows{{0.5, -1, 2}, {1, 1, 0}, {-2, 0.3, 0.1}, {4, 5, 6}};
  const std::vector<int64_t> targets{2, 0, -100, 1};
  const Tensor logits =
      dt::tensor({{0.5, -1.0, 2.0}, {1.0, 1.0, 0.0}, {-2.0, 0.3, 0.1}, {4.0, 5.0, 6.0}});
  for (const Numbers& weight : {Numbers{1, 1, 1}, Numbers{0.5, 2, 3}})
    for (double smoothing : {0.0, 0.1}) {
      Numbers losses;
      double weights = 0;
      for (size_t i = 0; i < rows.size(); ++i) {
        const bool counts = targets[i] >= 0;
        losses.push_back(counts ? classLoss(rows[i], targets[i], weight, smoothing) : 0);
        weights += counts ? weight[static_cast<size_t>(targets[i])] : 0;
      }
      nn::ClassOptions options{.weight = dt::tensor(weight), .label_smoothing = smoothing};
      expectNear(nn::cross_entropy(logits, dt::tensor(targets), options),
                 {total(losses) / weights});
      options.reduction = Reduction::none;
      expectNear(nn::cross_entropy(logits, dt::tensor(targets), options), losses);
    }
}

TEST(NnLosses, CrossEntropyTakesFurtherAxesAndProbabilities) {
  dt::manual_seed(1);
  const Tensor logits = dt::randn({2, 3, 4});
  const Tensor target = dt::tensor({{0, 1, 2, 0}, {2, 2, 1, 0}});
  // [N,C,L] is [N L, C] with the axes exchanged.
  const Tensor flat = dt::reshape(dt::transpose(logits, 1, 2), {8, 3});
  const Tensor oneHot =
      (dt::unsqueeze(dt::flatten(target).astype(dt::i64), 1) == dt::arange(3)).astype(dt::f64);
  const Tensor expected = nn::cross_entropy(flat, dt::flatten(target));
  EXPECT_TRUE(dt::allclose(nn::cross_entropy(logits, target), expected, 1e-14));
  EXPECT_TRUE(dt::allclose(nn::cross_entropy(flat, oneHot), expected, 1e-14));
  EXPECT_TRUE(dt::allclose(nn::nll_loss(dt::log_softmax(logits, 1), target), expected, 1e-14));
  EXPECT_TRUE(dt::allclose(nn::cross_entropy(dt::select(flat, 0, 5), dt::tensor(int64_t{2})),
                           -dt::select(dt::select(dt::log_softmax(flat, 1), 0, 5), 0, 2), 1e-14));
  // The gradient is (softmax - one hot) / N.
  const Tensor g =
      dt::grad([&](const Tensor& l) { return nn::cross_entropy(l, dt::flatten(target)); })(flat);
  EXPECT_TRUE(dt::allclose(g, (dt::softmax(flat, 1) - oneHot) / 8, 1e-12, 1e-15));
  expectEagerBits(
      dt::hvp([&](const Tensor& l) { return nn::cross_entropy(l, dt::flatten(target)); }), flat, g);
}

TEST(NnLosses, MisuseIsNamed) {
  EXPECT_ERROR_HERE(nn::mse_loss(x, dt::zeros({3, 1})), "mse_loss: expected",
                    "f64[3,2] and f64[3,1]", "do not broadcast");
  EXPECT_ERROR_HERE(nn::cross_entropy(x, dt::zeros({3}, dt::f32)), "cross_entropy: expected class",
                    "[3]", "f32[3]");
  EXPECT_ERROR_HERE(nn::nll_loss(x, dt::tensor({0, 1})), "nll_loss", "[3]", "i32[2]");
  EXPECT_ERROR_HERE(nn::cross_entropy(x, dt::tensor({0, 1, 1}), {.weight = dt::ones({3})}),
                    "a weight for each of 2 classes");
  EXPECT_THROW(nn::cross_entropy(x, dt::tensor({0, 1, 2})).item<double>(), dt::Error);
}

} // namespace
