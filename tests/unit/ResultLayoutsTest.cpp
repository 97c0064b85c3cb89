// Results that are returned by way of transposes and of axes of one element: written where they are
// returned, along the axis that costs least, with eager's bits.
#include "tests/unit/SameBits.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using namespace diptych::test;
using testing::HasSubstr;
using testing::Not;

namespace {

class ResultLayouts : public testing::TestWithParam<std::vector<int64_t>> {};

template <class F> void expectNoCopy(F f, const dt::Tensor& x) {
  expectEagerBits(f, x);
  const auto jitted = dt::jit(f);
  jitted(x);
  EXPECT_THAT(jitted.ir("plan"), Not(HasSubstr("copy")));
}

TEST_P(ResultLayouts, ComeFromKernelsWithoutACopy) {
  const std::vector<int64_t>& shape = GetParam();
  const dt::Tensor x = dt::randn({shape[0], shape[1], shape[2]});
  expectNoCopy([](const dt::Tensor& x) { return dt::transpose(dt::exp(x)); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::permute(x * x + 1.0, {2, 0, 1}); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::permute(-x, {1, 2, 0}); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::unsqueeze(dt::transpose(x - 1.0), 1); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::transpose(dt::sum(x, 1)); }, x);
}
INSTANTIATE_TEST_SUITE_P(Shapes, ResultLayouts,
                         testing::Values(std::vector<int64_t>{3, 4, 5},
                                         std::vector<int64_t>{40, 1, 33},
                                         std::vector<int64_t>{1, 64, 17},
                                         std::vector<int64_t>{2, 100, 3}));

// Somebody else reads it too, or it is returned twice: each result has memory of its own.
TEST(ResultLayouts, ThatAreSharedKeepTheirValues) {
  const dt::Tensor x = dt::randn({20, 30});
  expectEagerBits(
      [](const dt::Tensor& x) {
        const dt::Tensor y = dt::exp(x);
        return std::tuple(dt::transpose(y), y, dt::sum(y, 0));
      },
      x);
  expectEagerBits(
      [](const dt::Tensor& x) {
        const dt::Tensor y = dt::transpose(x * 2.0);
        return std::tuple(y, y);
      },
      x);
}

// Both lie across each other: one is read with strides whatever the order of the loops.
TEST(ResultLayouts, AddAMatrixToItsTranspose) {
  const auto f = [](const dt::Tensor& x) { return x + dt::transpose(x); };
  const auto g = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::transpose(dt::transpose(x) * dt::transpose(y) + x);
  };
  for (const int64_t n : {1, 7, 16, 50}) {
    expectEagerBits(f, dt::randn({n, n}));
    expectEagerBits(g, dt::randn({n, n}), dt::randn({n, n}));
  }
}

struct Layer {
  std::vector<int64_t> x, w;
};

/// A step along what a convolution's gradient in its kernel gives, with an array of the kernel's.
dt::Tensor moved(const dt::Tensor& x, const dt::Tensor& w) {
  const auto loss = [&](const dt::Tensor& w) { return dt::sum(dt::square(dt::conv2d(x, w))); };
  return w - 0.1 * dt::tanh(dt::grad(loss)(w));
}

// Their axes are exchanged on the way to the kernel's: with eager's bits, and read as one loop.
TEST(ResultLayouts, ConvolutionsLieAsTheirReadersSeeThem) {
  const Layer layers[] = {{{1, 20, 1, 40}, {8, 20, 1, 3}},  // a convolution
                          {{1, 20, 1, 400}, {8, 20, 1, 3}}, // products, one for each place
                          {{1, 37, 1, 400}, {5, 37, 1, 4}}, // of which the image is the vector
                          {{1, 40, 1, 300}, {6, 40, 1, 1}}, // one
                          {{1, 5, 1, 9000}, {3, 5, 1, 2}},  // whose sums have parts
                          {{16, 2, 28, 28}, {8, 2, 3, 3}},  // sums along both operands
                          {{9, 3, 30, 16}, {4, 3, 3, 3}},   // of a copied image
                          {{2, 130, 5, 6}, {7, 130, 3, 3}}};
  for (const Layer& layer : layers)
    for (const dt::DType dtype : {dt::f64, dt::f32}) {
      const dt::Tensor x = dt::randn(dt::Shape(layer.x)).astype(dtype);
      const dt::Tensor w = dt::randn(dt::Shape(layer.w)).astype(dtype);
      SCOPED_TRACE(w.type().str());
      expectEagerBits(moved, x, w);
      const auto jitted = dt::jit(moved);
      EXPECT_TRUE(dt::allclose(jitted(x, w), moved(x, w), 1e-4, 1e-4));
    }
  for (const Layer& layer : {layers[0], layers[1], layers[2], layers[5]}) {
    const auto jitted = dt::jit(moved);
    const dt::Tensor w = dt::randn(dt::Shape(layer.w));
    jitted(dt::randn(dt::Shape(layer.x)), w);
    EXPECT_THAT(jitted.ir("plan"),
                testing::ContainsRegex("tanh.*range " + std::to_string(w.type().numel()) + " "));
  }
}

// Where readers see different orders, or another order would leave lanes idle, it stays row-major.
TEST(ResultLayouts, ConvolutionsOfOtherReaders) {
  const dt::Tensor x = dt::randn({2, 3, 9, 40}), w = dt::randn({5, 3, 3, 3});
  expectEagerBits(
      [](const dt::Tensor& x, const dt::Tensor& w) {
        const dt::Tensor y = dt::conv2d(x, w), last = dt::permute(y, {0, 2, 3, 1});
        return std::tuple(dt::exp(last), dt::exp(y), dt::sum(last, 3));
      },
      x, w);
  for (const int64_t outputs : {1, 2, 16, 33})
    expectEagerBits(
        [](const dt::Tensor& x, const dt::Tensor& w) {
          const dt::Tensor last = dt::permute(dt::conv2d(x, w), {0, 2, 3, 1});
          return std::tuple(dt::relu(last + 1.0), dt::sum(dt::exp(last), 0));
        },
        x, dt::randn({outputs, 3, 3, 3}));
  const auto returned = [](const dt::Tensor& x, const dt::Tensor& w) {
    return dt::permute(dt::conv2d(x, w), {2, 0, 3, 1});
  };
  expectEagerBits(returned, x, w);
  expectEagerBits(returned, x, dt::randn({32, 3, 3, 3}));
}

// Copies of a long body are bounded: 13 exponentials of 8 vectors once took a second to compile.
TEST(ResultLayouts, FoldsOfHeavyBodiesStaySmall) {
  const auto f = dt::jit([](const dt::Tensor& x) { return dt::logsumexp(x, -1); });
  f(dt::randn({5000, 13}));
  EXPECT_LT(f.stats().objectBytes, 60000);
}

} // namespace
