// Every layer without time against its formula in plain C++, in both modes.
#include "tests/errors/Throws.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>

#include <gmock/gmock.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;
using testing::HasSubstr;

namespace {

using Numbers = std::vector<double>;

Numbers numbersOf(const Tensor& x) { return x.to_vector<double>(); }

void expectNear(const Tensor& got, const Numbers& expected, double tolerance = 1e-12) {
  const Numbers numbers = numbersOf(got);
  ASSERT_EQ(numbers.size(), expected.size());
  for (size_t i = 0; i < numbers.size(); ++i)
    EXPECT_NEAR(numbers[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << i;
}

// The layer as a function of its parameters and input has the same bits compiled, and gradients
// that central differences confirm.
template <class Layer> void expectDifferentiable(const Layer& layer, const Tensor& x) {
  auto loss = [&](const nn::State& p, const Tensor& x) {
    const Tensor y = nn::functional_call(layer, p, x);
    return dt::sum(dt::sin(y) * y);
  };
  const nn::State p = layer.parameter_dict();
  expectEagerBits(dt::value_and_grad(loss), p, x);
  const nn::State g = dt::grad(loss)(p, x);
  const double h = 1e-5;
  for (const auto& [name, value] : p) {
    nn::State up = p, down = p;
    const Tensor direction =
        dt::sin(dt::reshape(dt::arange(1.0, value.numel() + 1.0), value.shape()));
    up[name] = value + h * direction;
    down[name] = value - h * direction;
    const double expected = (loss(up, x) - loss(down, x)).template item<double>() / (2 * h);
    EXPECT_NEAR(dt::sum(g.at(name) * direction).template item<double>(), expected,
                1e-6 * (1 + std::abs(expected)))
        << name;
  }
}

TEST(NnLayers, LinearIsXTimesWPlusB) {
  dt::manual_seed(1);
  nn::Linear layer(3, 2);
  const Tensor x = dt::randn({2, 4, 3});
  const Numbers w = numbersOf(*layer.weight), b = numbersOf(*layer.bias), in = numbersOf(x);
  Numbers expected;
  for (size_t row = 0; row < 8; ++row)
    for (size_t o = 0; o < 2; ++o) {
      double sum = b[o];
      for (size_t k = 0; k < 3; ++k)
        sum += in[row * 3 + k] * w[o * 3 + k];
      expected.push_back(sum);
    }
  const Tensor y = layer(x);
  EXPECT_EQ(y.shape(), (dt::Shape{2, 4, 2}));
  expectNear(y, expected);
  expectDifferentiable(layer, x);
  for (double value : w)
    EXPECT_LE(std::abs(value), 1 / std::sqrt(3.0));
  EXPECT_FALSE(nn::Linear(3, 2, {.bias = false}).bias);
  EXPECT_EQ(nn::Linear(3, 2, {.dtype = dt::f32}).weight->dtype(), dt::f32);
  EXPECT_ERROR_HERE(layer(dt::zeros({3, 2})), "Linear: expected an input [..., 3], got f64[3,2]");
}

TEST(NnLayers, LayerNormNormalisesTheLastAxes) {
  dt::manual_seed(2);
  nn::LayerNorm layer(dt::Shape{2, 3});
  nn::init::normal_(layer.weight);
  nn::init::normal_(layer.bias);
  const Tensor x = dt::randn({4, 2, 3});
  const Numbers w = numbersOf(*layer.weight), b = numbersOf(*layer.bias), in = numbersOf(x);
  Numbers expected;
  for (size_t row = 0; row < 4; ++row) {
    double mean = 0, var = 0;
    for (size_t k = 0; k < 6; ++k)
      mean += in[row * 6 + k] / 6;
    for (size_t k = 0; k < 6; ++k)
      var += (in[row * 6 + k] - mean) * (in[row * 6 + k] - mean) / 6;
    for (size_t k = 0; k < 6; ++k)
      expected.push_back((in[row * 6 + k] - mean) / std::sqrt(var + 1e-5) * w[k] + b[k]);
  }
  expectNear(layer(x), expected);
  expectDifferentiable(layer, x);
  EXPECT_TRUE(nn::LayerNorm(3, {.elementwise_affine = false}).named_parameters().empty());
  EXPECT_ERROR_HERE(layer(dt::zeros({3, 2})), "LayerNorm: expected an input that ends in [2,3]");
}

// Batch statistics in training, running ones in eval; the running variance is the unbiased one.
TEST(NnLayers, BatchNormTracksStatistics) {
  dt::manual_seed(3);
  nn::BatchNorm1d layer(2, {.eps = 0.1});
  nn::init::normal_(layer.weight);
  nn::init::normal_(layer.bias);
  const Tensor x = dt::randn({4, 2, 3}) + 1;
  const Numbers w = numbersOf(*layer.weight), b = numbersOf(*layer.bias), in = numbersOf(x);
  Numbers trained(24), evaluated(24), means(2), vars(2);
  for (size_t c = 0; c < 2; ++c) {
    double mean = 0, var = 0;
    const auto at = [&](size_t i) { return i / 3 * 6 + c * 3 + i % 3; };
    for (size_t i = 0; i < 12; ++i)
      mean += in[at(i)] / 12;
    for (size_t i = 0; i < 12; ++i)
      var += (in[at(i)] - mean) * (in[at(i)] - mean) / 12;
    means[c] = 0.1 * mean;
    vars[c] = 0.9 + 0.1 * var * 12 / 11;
    for (size_t i = 0; i < 12; ++i) {
      trained[at(i)] = (in[at(i)] - mean) / std::sqrt(var + 0.1) * w[c] + b[c];
      evaluated[at(i)] = (in[at(i)] - means[c]) / std::sqrt(vars[c] + 0.1) * w[c] + b[c];
    }
  }
  expectNear(layer(x), trained);
  expectNear(*layer.running_mean, means);
  expectNear(*layer.running_var, vars);
  EXPECT_FALSE(layer.running_mean->requires_grad());
  layer.eval();
  expectNear(layer(x), evaluated);
  expectDifferentiable(layer, x);
}

TEST(NnLayers, BatchNormVariants) {
  dt::manual_seed(4);
  const Tensor a = dt::randn({5, 2}), b = dt::randn({5, 2});
  nn::BatchNorm1d average(2, {.momentum = std::nullopt});
  average(a);
  average(b);
  const Tensor expected = (dt::mean(a, 0) + dt::mean(b, 0)) / 2;
  EXPECT_TRUE(dt::allclose(*average.running_mean, expected, 1e-12, 1e-14));
  nn::BatchNorm1d plain(2, {.affine = false, .track_running_stats = false});
  EXPECT_TRUE(plain.state_dict().empty());
  const Tensor y = plain(a);
  plain.eval();
  EXPECT_TRUE(sameBits(plain(a), y));
  nn::BatchNorm1d layer(2);
  EXPECT_ERROR_HERE(layer(dt::zeros({1, 2})), "BatchNorm1d: expected more than one value");
  EXPECT_ERROR_HERE(layer(dt::zeros({4, 3})), "BatchNorm1d: expected [N,2] or [N,2,L]");
}

TEST(NnLayers, EmbeddingTakesRowsAndPadsWithoutGradient) {
  dt::manual_seed(5);
  nn::Embedding layer(4, 3, {.padding_idx = -1});
  const Numbers table = numbersOf(*layer.weight);
  EXPECT_EQ(table[9], 0);
  const Tensor indices = dt::tensor({{0, 3}, {2, 0}});
  const Tensor y = layer(indices);
  Numbers expected;
  for (size_t row : {0, 3, 2, 0})
    expected.insert(expected.end(), &table[row * 3], &table[row * 3] + 3);
  expectNear(y, expected);
  dt::sum(y).backward();
  expectNear(layer.weight->grad(), {2, 2, 2, 0, 0, 0, 1, 1, 1, 0, 0, 0});
  EXPECT_THROW(layer(dt::tensor({4})), dt::Error);
  EXPECT_THAT(messageOf([] { nn::Embedding(4, 3, {.padding_idx = 4}); }), HasSubstr("padding_idx"));
}

TEST(NnLayers, SequentialNamesItsLayersByNumber) {
  dt::manual_seed(7);
  nn::Linear first(2, 3), last(3, 1);
  nn::Sequential net(first, nn::Tanh(), last);
  const Tensor x = dt::randn({4, 2});
  EXPECT_TRUE(sameBits(net(x), last(dt::tanh(first(x)))));
  EXPECT_TRUE(net.state_dict().contains("2.bias"));
  EXPECT_EQ(net.size(), 3u);
  expectDifferentiable(net, x);
  nn::Sequential nested(net, nn::Sequential(nn::Softplus(), nn::Identity(), nn::Flatten()));
  EXPECT_TRUE(nested.state_dict().contains("0.2.bias"));
  EXPECT_TRUE(dt::allclose(nested(x), dt::log1p(dt::exp(net(x))), 1e-14));
}

TEST(NnLayers, WeightNormSplitsLengthAndDirection) {
  dt::manual_seed(8);
  nn::WeightNormLinear layer(3, 2);
  const Tensor x = dt::randn({4, 3});
  const Numbers v = numbersOf(*layer.weight_v);
  // At the start the weight is v itself.
  expectNear(layer(x), numbersOf(dt::matmul(x, dt::transpose(*layer.weight_v)) + *layer.bias));
  layer.weight_g.set(dt::tensor({{2.0}, {3.0}}));
  Numbers expected;
  for (size_t o = 0; o < 2; ++o) {
    double length = 0;
    for (size_t k = 0; k < 3; ++k)
      length += v[o * 3 + k] * v[o * 3 + k];
    for (size_t k = 0; k < 3; ++k)
      expected.push_back((o ? 3 : 2) * v[o * 3 + k] / std::sqrt(length));
  }
  expectNear(nn::weight_norm(*layer.weight_v, *layer.weight_g), expected);
  expectDifferentiable(layer, x);
}

// Where nobody handed the user's line on, none of ours stands in its place.
TEST(NnInit, LinesOfOurOwnAreNotShown) {
  const std::string message = messageOf([] { nn::Linear(int64_t{1} << 40, 8); });
  EXPECT_EQ(message.find("out of memory: "), 0U) << message;
}

TEST(NnInit, FansGainsAndDistributions) {
  dt::manual_seed(9);
  EXPECT_EQ(nn::init::fans({4, 3, 5}).in, 15);
  EXPECT_EQ(nn::init::fans({4, 3, 5}).out, 20);
  EXPECT_THROW(nn::init::fans({4}), dt::Error);
  EXPECT_DOUBLE_EQ(nn::init::calculate_gain(nn::init::Nonlinearity::leaky_relu, 1), 1);
  const dt::Shape shape{200, 100};
  const auto largest = [](const Tensor& x) { return dt::max(dt::abs(x)).item<double>(); };
  const auto deviation = [](const Tensor& x) { return dt::stddev(x).item<double>(); };
  EXPECT_NEAR(largest(nn::init::xavier_uniform(shape, 2)), 2 * std::sqrt(6.0 / 300), 1e-3);
  EXPECT_NEAR(deviation(nn::init::xavier_normal(shape)), std::sqrt(2.0 / 300), 3e-3);
  EXPECT_NEAR(largest(nn::init::kaiming_uniform(shape)), std::sqrt(6.0 / 100), 1e-3);
  EXPECT_NEAR(deviation(nn::init::kaiming_normal(shape, {.mode = nn::init::FanMode::fan_out})),
              std::sqrt(2.0 / 200), 3e-3);
  for (const dt::Shape& shape : {dt::Shape{5, 9}, dt::Shape{9, 5}, dt::Shape{4, 2, 3}}) {
    const Tensor q = dt::reshape(nn::init::orthogonal(shape, 2), {shape[0], -1});
    const Tensor product =
        shape[0] <= q.shape(1) ? dt::matmul(q, dt::transpose(q)) : dt::matmul(dt::transpose(q), q);
    EXPECT_TRUE(dt::allclose(product, 4 * dt::eye(product.shape(0)), 1e-12, 1e-12));
  }
}

} // namespace
