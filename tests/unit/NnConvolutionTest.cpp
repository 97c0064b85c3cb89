// Convolution and pooling layers against naive loops; their parameters, initial values and
// gradients, in both modes.
#include "tests/unit/Naive.h"
#include "tests/unit/SameBits.h"

#include <diptych/nn/nn.h>

namespace dt = diptych;
namespace nn = diptych::nn;
using namespace diptych::test;
using dt::Tensor;

namespace {

testing::AssertionResult near(const Tensor& got, const Tensor& expected, double tolerance = 1e-12) {
  if (got.shape() == expected.shape() && dt::allclose(got, expected, tolerance, tolerance))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << got.type().str() << " and " << expected.type().str();
}

// Compiled bits, and gradients in every parameter that differences confirm.
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
    const Tensor direction =
        dt::sin(dt::reshape(dt::arange(1.0, value.numel() + 1.0), value.shape()));
    nn::State up = p, down = p;
    up[name] = value + h * direction;
    down[name] = value - h * direction;
    const double expected = (loss(up, x) - loss(down, x)).template item<double>() / (2 * h);
    EXPECT_NEAR(dt::sum(g.at(name) * direction).template item<double>(), expected,
                1e-6 * (1 + std::abs(expected)))
        << name;
  }
}

TEST(NnConvolution, Conv2dIsTheNaiveLoop) {
  dt::manual_seed(1);
  const nn::Conv2d layer(4, 6, {3, 2}, {.stride = {2, 1}, .padding = 1, .groups = 2});
  const Tensor x = dt::randn({2, 4, 6, 5});
  const NaiveConvolution naive{2, 1, 1, 1, 1, 1, 2};
  EXPECT_TRUE(near(layer(x), naive(x, *layer.weight) + dt::reshape(*layer.bias, {6, 1, 1})));
  EXPECT_EQ(layer.weight->shape(), (dt::Shape{6, 2, 3, 2}));
  const double bound = 1 / std::sqrt(12.0);
  EXPECT_LE(dt::max(dt::abs(*layer.weight)).item<double>(), bound);
  EXPECT_GT(dt::max(dt::abs(*layer.weight)).item<double>(), 0.8 * bound);
  EXPECT_LE(dt::max(dt::abs(*layer.bias)).item<double>(), bound);
  expectDifferentiable(layer, x);
  EXPECT_FALSE(nn::Conv2d(1, 1, 3, {.bias = false}).bias);
  EXPECT_EQ(nn::Conv2d(1, 1, 3, {.dtype = dt::f32}).weight->dtype(), dt::f32);
}

TEST(NnConvolution, OneAndThreeAxes) {
  dt::manual_seed(2);
  const nn::Conv1d line(2, 3, 3, {.padding = dt::Padding::same(), .dilation = 2});
  const Tensor x = dt::randn({2, 2, 9});
  const NaiveConvolution naive{1, 1, 0, 2, 1, 2, 1};
  const Tensor expected = naive(dt::unsqueeze(x, 2), dt::unsqueeze(*line.weight, 2)) +
                          dt::reshape(*line.bias, {3, 1, 1});
  EXPECT_TRUE(near(line(x), dt::squeeze(expected, 2)));
  const nn::Conv3d solid(2, 3, {1, 2, 2});
  const Tensor volume = dt::randn({1, 2, 3, 4, 4});
  const Tensor planes =
      NaiveConvolution{}(dt::select(volume, 2, 1), dt::select(*solid.weight, 2, 0)) +
      dt::reshape(*solid.bias, {3, 1, 1});
  EXPECT_TRUE(near(dt::select(solid(volume), 2, 1), planes));
  expectDifferentiable(solid, volume);
}

// Its output is the gradient of the convolution with its weight.
TEST(NnConvolution, TransposedIsTheGradient) {
  dt::manual_seed(3);
  const nn::ConvTranspose2d layer(4, 3, 3, {.stride = 2, .padding = 1, .output_padding = 1});
  const Tensor x = dt::randn({2, 4, 3, 3});
  auto f = [&](const Tensor& y) {
    return dt::sum(dt::conv2d(y, *layer.weight, {.stride = 2, .padding = 1}) * x);
  };
  const Tensor y = layer(x);
  EXPECT_EQ(y.shape(), (dt::Shape{2, 3, 6, 6}));
  EXPECT_TRUE(near(y, dt::grad(f)(dt::zeros({2, 3, 6, 6})) + dt::reshape(*layer.bias, {3, 1, 1})));
  expectDifferentiable(layer, x);
}

TEST(NnConvolution, WeightNormStartsAsThePlainLayer) {
  dt::manual_seed(4);
  const nn::Conv1d plain(3, 5, 2);
  dt::manual_seed(4);
  const nn::Conv1d normed(3, 5, 2, {.weightNorm = true});
  const Tensor x = dt::randn({2, 3, 8});
  EXPECT_TRUE(near(normed(x), plain(x)));
  EXPECT_EQ(normed.weight_g->shape(), (dt::Shape{5, 1, 1}));
  EXPECT_EQ(normed.named_parameters().size(), 3u);
  const auto v = normed.weight_v->to_vector<double>();
  const auto g = normed.weight_g->to_vector<double>();
  for (size_t o = 0; o < 5; ++o) {
    double squares = 0;
    for (size_t k = 0; k < 6; ++k)
      squares += v[o * 6 + k] * v[o * 6 + k];
    EXPECT_NEAR(g[o], std::sqrt(squares), 1e-14);
  }
  expectDifferentiable(normed, x);
}

TEST(NnConvolution, PoolingLayers) {
  dt::manual_seed(5);
  const Tensor x = dt::randn({2, 3, 6, 8});
  EXPECT_TRUE(sameBits(nn::MaxPool2d(2)(x), dt::max_pool2d(x, 2)));
  EXPECT_TRUE(sameBits(nn::AvgPool2d(3, {.stride = 1, .padding = 1})(x),
                       dt::avg_pool2d(x, 3, {.stride = 1, .padding = 1})));
  const Tensor line = dt::select(x, 2, 0);
  EXPECT_TRUE(sameBits(nn::MaxPool1d(2)(line), dt::max_pool1d(line, 2)));
  EXPECT_TRUE(sameBits(nn::AvgPool1d(4)(line), dt::avg_pool1d(line, 4)));
  EXPECT_EQ(nn::AdaptiveAvgPool2d({1, 5})(x).shape(), (dt::Shape{2, 3, 1, 5}));
  EXPECT_EQ(nn::AdaptiveAvgPool1d(3)(line).shape(), (dt::Shape{2, 3, 3}));
  EXPECT_EQ(nn::Flatten()(x).shape(), (dt::Shape{2, 144}));
}

// BatchNorm2d is BatchNorm1d of the image as a line.
TEST(NnConvolution, BatchNorm2d) {
  dt::manual_seed(6);
  const Tensor x = dt::randn({3, 4, 2, 5}) + 2;
  nn::BatchNorm2d image(4, {.eps = 0.1});
  nn::BatchNorm1d line(4, {.eps = 0.1});
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_TRUE(near(image(x), dt::reshape(line(dt::reshape(x, {3, 4, 10})), x.shape())));
    EXPECT_TRUE(near(*image.running_mean, *line.running_mean));
    EXPECT_TRUE(near(*image.running_var, *line.running_var));
    image.eval();
    line.eval();
  }
  EXPECT_EQ(image.kind(), "BatchNorm2d");
}

TEST(NnConvolution, GroupNormNormalisesGroups) {
  dt::manual_seed(7);
  const nn::GroupNorm layer(2, 4);
  nn::init::normal_(layer.weight);
  nn::init::normal_(layer.bias);
  const Tensor x = dt::randn({2, 4, 3});
  const auto in = x.to_vector<double>(), w = layer.weight->to_vector<double>(),
             b = layer.bias->to_vector<double>();
  std::vector<double> expected;
  for (size_t row = 0; row < 4; ++row) { // sample, group
    double mean = 0, var = 0;
    for (size_t k = 0; k < 6; ++k)
      mean += in[row * 6 + k] / 6;
    for (size_t k = 0; k < 6; ++k)
      var += (in[row * 6 + k] - mean) * (in[row * 6 + k] - mean) / 6;
    for (size_t k = 0; k < 6; ++k) {
      const size_t channel = row % 2 * 2 + k / 3;
      expected.push_back((in[row * 6 + k] - mean) / std::sqrt(var + 1e-5) * w[channel] +
                         b[channel]);
    }
  }
  EXPECT_TRUE(near(layer(x), dt::reshape(dt::tensor(expected), {2, 4, 3})));
  expectDifferentiable(layer, x);
}

} // namespace
