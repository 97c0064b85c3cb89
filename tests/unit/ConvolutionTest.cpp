// Convolution against naive loops, in both modes to the same bits; its derivatives to the second
// order, batches of images and of kernels, and the blocks of its canonical order.
#include "Naive.h"
#include "SameBits.h"

#include <random>

namespace diptych::test {
namespace {

Tensor wave(const Shape& shape, double step) {
  return sin(reshape(arange(0.0, static_cast<double>(shape.product())) * step, shape));
}

testing::AssertionResult near(const Tensor& got, const Tensor& expected, double tolerance = 1e-12) {
  if (!(got.shape() == expected.shape()))
    return testing::AssertionFailure()
           << got.type().str() << ", expected " << expected.type().str();
  if (allclose(got, expected, tolerance, tolerance))
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "apart by " << max(abs(got - expected)).item<double>();
}

struct Setting {
  Shape x, w;
  NaiveConvolution naive;
};

// Both roles of the operands, tails of every kind, padding, groups.
const Setting settings[] = {
    {{2, 3, 5, 4}, {4, 3, 2, 3}, {}},
    {{2, 3, 9, 11}, {4, 3, 3, 2}, {2, 3, 1, 2, 1, 1, 1}},
    {{1, 6, 9, 10}, {4, 3, 3, 3}, {1, 1, 2, 0, 2, 3, 2}},
    {{3, 4, 6, 6}, {8, 1, 3, 3}, {1, 2, 1, 1, 1, 1, 4}},
    {{2, 1, 28, 28}, {32, 1, 3, 3}, {}},
    {{1, 5, 7, 37}, {3, 5, 7, 5}, {1, 1, 0, 4, 1, 1, 1}},
    {{2, 130, 5, 6}, {7, 130, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
    {{5, 2, 1, 33}, {17, 2, 1, 7}, {1, 1, 0, 6, 1, 2, 1}},
    {{2, 3, 8, 8}, {5, 3, 1, 1}, {1, 1, 0, 0, 1, 1, 1}},
    // One output: rows of tiles are the image's.
    {{3, 6, 17, 40}, {1, 6, 3, 3}, {}},
    {{1, 140, 5, 37}, {1, 140, 3, 3}, {1, 1, 1, 1, 1, 1, 1}},
    {{2, 4, 30, 21}, {2, 2, 3, 3}, {2, 1, 1, 2, 2, 1, 2}},
    {{2, 5, 23, 37}, {1, 5, 5, 4}, {2, 1, 3, 2, 1, 2, 1}},
    {{1, 3, 40, 19}, {1, 3, 7, 7}, {1, 1, 0, 1, 3, 1, 1}},
    {{3, 2, 11, 12}, {1, 2, 11, 12}, {1, 1, 2, 2, 1, 1, 1}},
    {{2, 2, 9, 30}, {1, 2, 10, 8}, {1, 1, 1, 0, 1, 1, 1}}, // too many steps to share elements
    {{2, 3, 70, 33}, {3, 1, 2, 3}, {1, 1, 0, 1, 30, 1, 3}},
    {{1, 1, 45, 40}, {1, 1, 40, 30}, {}}, // cut into blocks between rows
    {{1, 2, 14, 300}, {2, 2, 6, 2}, {}},
    // Few outputs, vectors of elements that lie apart, rows of one axis.
    {{2, 3, 31, 45}, {2, 3, 3, 3}, {}},
    {{1, 2, 9, 150}, {3, 2, 3, 5}, {1, 1, 0, 2, 1, 1, 1}},
    {{2, 4, 33, 41}, {4, 1, 3, 3}, {2, 2, 1, 1, 1, 1, 4}},
    {{1, 3, 20, 70}, {1, 3, 2, 4}, {1, 3, 0, 0, 1, 2, 1}},
    {{1, 2, 7, 161}, {5, 2, 3, 3}, {2, 4, 1, 1, 1, 1, 1}},
    {{3, 2, 1, 90}, {3, 2, 1, 3}, {1, 2, 0, 0, 1, 1, 1}},
    {{2, 5, 1, 203}, {1, 5, 1, 4}, {}},
    {{9, 6, 1, 21}, {6, 1, 1, 3}, {1, 1, 0, 1, 1, 2, 6}},
    // Rows some steps of the kernel apart: more than it has, with gaps, none in common.
    {{1, 3, 29, 50}, {1, 3, 2, 3}, {3, 2, 0, 0, 1, 1, 1}},
    {{2, 2, 40, 61}, {2, 2, 5, 4}, {2, 2, 0, 1, 1, 1, 1}},
    {{1, 2, 50, 70}, {3, 2, 3, 5}, {4, 2, 1, 0, 2, 1, 1}},
    {{1, 2, 45, 66}, {1, 2, 3, 3}, {3, 2, 0, 0, 2, 3, 1}},
    {{1, 2, 9, 37}, {2, 2, 1, 3}, {1, 1, 0, 1, 1, 1, 1}},
    // Rows of tiles go through two axes.
    {{7, 2, 5, 6}, {16, 2, 3, 2}, {1, 2, 0, 0, 1, 1, 1}},
    {{3, 4, 9, 7}, {32, 2, 2, 3}, {2, 1, 1, 1, 1, 1, 2}},
    // Short sums.
    {{2, 2, 19, 35}, {6, 2, 3, 3}, {2, 1, 2, 1, 1, 2, 1}},
    {{3, 1, 9, 21}, {33, 1, 1, 5}, {}},
};

ConvolutionOptions optionsOf(const NaiveConvolution& n) {
  return {.stride = {n.strideH, n.strideW},
          .padding = {n.padH, n.padW},
          .dilation = {n.dilationH, n.dilationW},
          .groups = n.groups};
}

TEST(Convolution, IsTheNaiveLoopInBothModes) {
  for (const Setting& s : settings) {
    SCOPED_TRACE(s.x.str() + " " + s.w.str());
    const Tensor x = wave(s.x, 0.7), w = wave(s.w, 1.3);
    auto f = [&](const Tensor& x, const Tensor& w) { return conv2d(x, w, optionsOf(s.naive)); };
    EXPECT_TRUE(near(f(x, w), s.naive(x, w)));
    expectEagerBits(f, x, w);
    const Tensor single = f(x.astype(f32), w.astype(f32));
    EXPECT_TRUE(near(single.astype(f64), s.naive(x, w), 2e-5));
    expectEagerBits(f, x.astype(f32), w.astype(f32));
  }
}

// <cot, conv(x + dx, w)> is linear in dx: the gradient is exact against differences of any step.
TEST(Convolution, GradientsAreTransposes) {
  for (const Setting& s : settings) {
    SCOPED_TRACE(s.x.str() + " " + s.w.str());
    const Tensor x = wave(s.x, 0.7), w = wave(s.w, 1.3);
    const Tensor cot = cos(s.naive(x, w) * 3);
    auto f = [&](const Tensor& x, const Tensor& w) {
      return sum(conv2d(x, w, optionsOf(s.naive)) * cot);
    };
    const std::vector<Tensor> d = grad(f, {0, 1})(x, w);
    const Tensor vx = wave(s.x, 2.1), vw = wave(s.w, 0.4);
    const auto inner = [](const Tensor& a, const Tensor& b) { return sum(a * b).item<double>(); };
    EXPECT_NEAR(inner(d[0], vx), inner(s.naive(vx, w), cot), 1e-10);
    EXPECT_NEAR(inner(d[1], vw), inner(s.naive(x, vw), cot), 1e-10);
    expectEagerBits(grad(f, {0, 1}), x, w);
  }
}

// Tiles of all heights, by positions and by outputs.
TEST(Convolution, RowsOfEveryNumber) {
  const auto f = [](const Tensor& x, const Tensor& w) { return conv1d(x, w); };
  for (int64_t rows = 1; rows <= 25; ++rows) {
    SCOPED_TRACE(rows);
    expectEagerBits(f, wave({1, 2, rows + 2}, 0.7), wave({16, 2, 3}, 1.3));
    expectEagerBits(f, wave({1, 2, 34}, 0.7).astype(f32), wave({rows, 2, 3}, 1.3).astype(f32));
  }
}

// Views that run backwards, and that repeat their rows.
TEST(Convolution, ImagesAreViews) {
  const Tensor w = wave({2, 3, 3, 3}, 1.3);
  const Tensor x = wave({2, 3, 20, 41}, 0.7), row = wave({2, 3, 1, 41}, 0.7);
  for (const int64_t stride : {1, 2}) {
    const auto f = [&](const Tensor& x, const Tensor& w) {
      return conv2d(x, w, {.stride = stride});
    };
    EXPECT_TRUE(sameBits(f(flip(x, {2, 3}), w), f(flip(x, {2, 3}) + 0.0, w)));
    EXPECT_TRUE(sameBits(f(transpose(x, 2, 3), w), f(transpose(x, 2, 3) + 0.0, w)));
    const Tensor repeated = broadcast_to(row, {2, 3, 20, 41});
    EXPECT_TRUE(sameBits(f(repeated, w), f(repeated + 0.0, w)));
  }
}

TEST(Convolution, OneAndThreeAxes) {
  const Tensor x = wave({2, 3, 11}, 0.7), w = wave({4, 3, 3}, 1.3), b = wave({4}, 1);
  const NaiveConvolution naive{1, 2, 0, 2, 1, 2, 1};
  const Tensor expected =
      naive(reshape(x, {2, 3, 1, 11}), reshape(w, {4, 3, 1, 3})) + reshape(b, {4, 1, 1});
  EXPECT_TRUE(
      near(conv1d(x, w, b, {.stride = 2, .padding = 2, .dilation = 2}), squeeze(expected, 2)));
  // Planes of the kernel, one depth after the other.
  const Tensor volume = wave({2, 3, 4, 5, 6}, 0.3), kernel = wave({2, 3, 2, 3, 2}, 0.9);
  std::vector<Tensor> planes;
  for (int64_t d = 0; d < 3; ++d)
    planes.push_back(NaiveConvolution{}(select(volume, 2, d), select(kernel, 2, 0)) +
                     NaiveConvolution{}(select(volume, 2, d + 1), select(kernel, 2, 1)));
  EXPECT_TRUE(near(conv3d(volume, kernel), stack(planes, 2)));
  const auto padded = [](const Tensor& x, const Tensor& w) { return conv3d(x, w, {.padding = 1}); };
  for (const Tensor& outputs : {kernel, slice(kernel, 0, 0, 1)}) {
    expectEagerBits([](const Tensor& x, const Tensor& w) { return conv3d(x, w); }, volume, outputs);
    expectEagerBits(padded, volume, outputs);
    expectEagerBits(padded, slice(volume, 1, 0, 1), slice(outputs, 1, 0, 1));
  }
}

TEST(Convolution, SameKeepsExtents) {
  const Tensor x = wave({1, 2, 7, 6}, 0.7), w = wave({3, 2, 4, 3}, 1.3);
  const Tensor y = conv2d(x, w, {.padding = Padding::same(), .dilation = {1, 2}});
  EXPECT_EQ(y.shape(), (Shape{1, 3, 7, 6}));
  const Tensor padded = pad(x, {{0, 0}, {0, 0}, {1, 2}, {2, 2}});
  EXPECT_TRUE(near(y, NaiveConvolution{1, 1, 0, 0, 1, 2, 1}(padded, w)));
}

// The transpose of a convolution is its gradient in the input.
TEST(Convolution, TransposeIsTheGradient) {
  for (const int64_t extra : {0, 1}) {
    const Tensor w = wave({4, 3, 3, 2}, 1.3), cot = wave({2, 4, 4, 5}, 0.4);
    const ConvolutionOptions options{.stride = {2, 3}, .padding = {1, 0}, .groups = 1};
    const Tensor x = zeros({2, 3, 7 + extra, 14 + extra});
    auto f = [&](const Tensor& x) { return sum(conv2d(x, w, options) * cot); };
    EXPECT_TRUE(near(
        conv_transpose2d(cot, w, {.stride = {2, 3}, .padding = {1, 0}, .outputPadding = extra}),
        grad(f)(x)));
  }
  // Groups, and more padding than the kernel reaches.
  const Tensor w = wave({4, 1, 2}, 1.3), x = wave({1, 4, 6}, 0.4);
  auto f = [&](const Tensor& y) {
    return sum(conv1d(y, w, {.padding = 3, .groups = 2}) * pad(x, {{0, 0}, {0, 0}, {0, 0}}));
  };
  EXPECT_TRUE(near(conv_transpose1d(x, w, {.padding = 3, .groups = 2}), grad(f)(zeros({1, 2, 1}))));
}

// Blocks hold whole inner loops: 3 x 400 terms are blocks of 800 and 400, not of 1024 and 176.
TEST(Convolution, SumsInBlocksOfWholeLoops) {
  const Tensor x = wave({1, 3, 20, 20}, 0.37), w = wave({1, 3, 20, 20}, 1.91);
  const auto a = x.to_vector<double>(), b = w.to_vector<double>();
  double total = 0;
  for (size_t c = 0; c < 3; c += 2) {
    double block = 0;
    for (size_t k = c * 400; k < std::min<size_t>(3, c + 2) * 400; ++k)
      block = std::fma(a[k], b[k], block);
    total = c == 0 ? block : total + block;
  }
  EXPECT_EQ(conv2d(x, w).item<double>(), total);
  EXPECT_EQ(
      strictJit([](const Tensor& x, const Tensor& w) { return conv2d(x, w); })(x, w).item<double>(),
      total);
}

TEST(Convolution, HessianOfASmallNetwork) {
  const Tensor x = wave({2, 2, 6}, 0.7), w2 = wave({1, 3, 2}, 0.9);
  auto loss = [&](const Tensor& w) {
    const Tensor h = tanh(conv1d(x, w, {.stride = 2, .padding = 1}));
    return sum(square(conv1d(h, w2)));
  };
  const Tensor w = wave({3, 2, 2}, 1.3);
  const Tensor H = hessian(loss)(w);
  const Tensor v = wave({3, 2, 2}, 2.2);
  const double h = 1e-5;
  const Tensor expected = (grad(loss)(w + h * v) - grad(loss)(w - h * v)) / (2 * h);
  EXPECT_TRUE(
      near(reshape(matmul(reshape(H, {12, 12}), reshape(v, {12})), {3, 2, 2}), expected, 1e-7));
  EXPECT_TRUE(near(H, permute(H, {3, 4, 5, 0, 1, 2}), 1e-11));
  expectEagerBits(hessian(loss), w);
  auto third = [&](const Tensor& w) { return sum(sin(grad(loss)(w))); };
  expectEagerBits(grad([&](const Tensor& w) { return sum(square(grad(third)(w))); }), w);
}

TEST(Convolution, BatchesOfImagesAndOfKernels) {
  const Tensor x = wave({5, 2, 4, 6, 6}, 0.7), w = wave({5, 4, 2, 3, 2}, 1.3);
  auto f = [](const Tensor& x, const Tensor& w) {
    return conv2d(x, w, {.stride = {1, 2}, .padding = 1, .groups = 2});
  };
  std::vector<Tensor> images, kernels, both;
  for (int64_t i = 0; i < 5; ++i) {
    images.push_back(f(select(x, 0, i), select(w, 0, 0)));
    kernels.push_back(f(select(x, 0, 0), select(w, 0, i)));
    both.push_back(f(select(x, 0, i), select(w, 0, i)));
  }
  const Tensor x0 = select(x, 0, 0), w0 = select(w, 0, 0);
  EXPECT_TRUE(sameBits(vmap(f, {0, unbatched})(x, w0), stack(images)));
  EXPECT_TRUE(sameBits(vmap(f, {unbatched, 0})(x0, w), stack(kernels)));
  EXPECT_TRUE(sameBits(vmap(f)(x, w), stack(both)));
  expectEagerBits(vmap(f), x, w);
  auto g = [&](const Tensor& x, const Tensor& w) { return sum(sin(f(x, w))); };
  expectEagerBits(vmap(grad(g, {0, 1})), x, w);
}

// Zeros around an image are multiplied like all others: a kernel's infinity makes NaN of them.
TEST(Convolution, ZerosAroundAnImageAreNotInMemory) {
  struct Padded {
    Shape x, w;
    ConvolutionOptions options;
  };
  const Padded cases[] = {
      {{3, 5, 12, 26}, {7, 5, 3, 3}, {.padding = 1}},
      {{1, 16, 30, 30}, {32, 16, 3, 3}, {.padding = 2}},
      {{2, 6, 26, 26}, {1, 6, 3, 3}, {.padding = 2}}, // rows of tiles are the image's
      {{2, 3, 26, 26}, {1, 3, 5, 5}, {.padding = 7}},
      {{2, 3, 21, 90}, {1, 3, 2, 2}, {.padding = 1, .dilation = {1, 70}}},
      {{2, 6, 20, 26}, {6, 1, 3, 3}, {.stride = {2, 1}, .padding = 1, .groups = 6}},
      {{5, 1, 28, 28}, {9, 1, 3, 3}, {.padding = 1}}, // short sums
      {{2, 2, 17, 28}, {5, 2, 3, 3}, {.stride = {3, 1}, .padding = {4, 1}}},
      {{2, 3, 5, 40}, {4, 3, 3, 3}, {.padding = {1, 0}}},
      {{2, 4, 19, 70}, {4, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 4}}, // every second
      {{1, 2, 20, 90}, {1, 2, 4, 5}, {.stride = {1, 2}, .padding = 4, .dilation = {2, 1}}},
      {{1, 3, 12, 131}, {4, 3, 3, 3}, {.stride = 2, .padding = {1, 3}}},
      {{2, 3, 6, 16}, {8, 3, 1, 1}, {.padding = {1, 2}}},
      {{2, 3, 4, 22}, {16, 3, 3, 3}, {.padding = 5}},
      {{2, 3, 26, 24}, {20, 3, 9, 11}, {.padding = 4}},
      {{2, 300, 10, 16}, {12, 300, 3, 3}, {.padding = 1}}, // several blocks
      {{2, 3, 19, 40}, {5, 3, 3, 3}, {.stride = {2, 1}, .padding = {3, 2}, .dilation = {1, 2}}},
  };
  for (const Padded& p : cases)
    for (const DType dtype : {f64, f32}) {
      SCOPED_TRACE(p.x.str() + " " + p.w.str());
      const auto f = [&](const Tensor& x, const Tensor& w) { return conv2d(x, w, p.options); };
      const Tensor x = wave(p.x, 0.7).astype(dtype), w = wave(p.w, 1.3).astype(dtype);
      expectEagerBits(f, x, w);
      expectEagerBits(f, x, 1.0 / floor(3.0 * w));
      const auto jitted = jit(f, {.numerics = Numerics::strict});
      jitted(x, w);
      EXPECT_LT(jitted.stats().arenaBytes, x.type().bytes() + 2 * w.type().bytes() + 4096);
      expectEagerBits(
          [&](const Tensor& x, const Tensor& w) {
            return grad([&](const Tensor& x) { return sum(square(f(x, w))); })(x);
          },
          x, w);
      expectEagerBits(
          [&](const Tensor& x, const Tensor& w) {
            return grad([&](const Tensor& w) { return sum(square(f(x, w))); })(w);
          },
          x, w);
    }
}

// The cotangent is read where it lies. Where its rows leave lanes idle the image is copied, so that
// they are one loop.
TEST(Convolution, GradientInTheKernelOfFewChannelsPacksNoCotangent) {
  struct Layer {
    Shape x, w;
    ConvolutionOptions options;
  };
  const Layer layers[] = {
      {{64, 1, 28, 28}, {32, 1, 3, 3}, {}},
      {{9, 2, 30, 31}, {5, 2, 5, 4}, {}},
      {{12, 1, 40, 23}, {7, 1, 11, 11}, {}},
      {{8, 3, 24, 20}, {4, 3, 3, 3}, {.padding = 1}},
      {{6, 4, 50, 40}, {8, 2, 3, 3}, {.stride = {2, 1}, .groups = 2}},
      {{4, 3, 30, 40}, {6, 3, 1, 1}, {}},
      {{9, 1, 30, 35}, {40, 1, 3, 3}, {.dilation = {1, 2}}},
      {{7, 1, 31, 60}, {40, 1, 5, 3}, {.stride = {1, 3}}},
      {{7, 1, 61, 30}, {40, 1, 5, 3}, {.stride = {2, 1}}},
      {{5, 2, 21, 20}, {80, 1, 3, 3}, {.padding = {1, 0}, .groups = 2}},
  };
  for (const Layer& layer : layers)
    for (const DType dtype : {f64, f32}) {
      SCOPED_TRACE(layer.x.str() + " " + layer.w.str());
      const Tensor x = wave(layer.x, 0.7).astype(dtype), w = wave(layer.w, 1.3).astype(dtype);
      const auto f = [&](const Tensor& x, const Tensor& w) {
        const auto loss = [&](const Tensor& w) { return sum(square(conv2d(x, w, layer.options))); };
        return grad(loss)(w);
      };
      const Tensor expected = f(x, w), most = max(abs(expected));
      const auto jitted = jit(f);
      EXPECT_TRUE(near(jitted(x, w) / most, expected / most, dtype == f64 ? 1e-13 : 1e-5));
      expectEagerBits(f, x, w);
    }
  const auto f = jit([](const Tensor& x, const Tensor& cot) {
    const auto loss = [&](const Tensor& w) { return sum(conv2d(x, w) * cot); };
    return grad(loss)(zeros({32, 1, 3, 3}));
  });
  f(wave({64, 1, 34, 34}, 0.7), wave({64, 32, 32, 32}, 1.3));
  EXPECT_EQ(f.ir("plan").find("copy("), std::string::npos) << f.ir("plan");
  f(wave({64, 1, 28, 28}, 0.7), wave({64, 32, 26, 26}, 1.3));
  const std::string plan = f.ir("plan");
  const size_t copy = plan.find("copy(");
  ASSERT_NE(copy, std::string::npos) << plan;
  EXPECT_EQ(plan.find("copy(", copy + 1), std::string::npos) << plan;
  EXPECT_LT(f.stats().arenaBytes, 64 * 32 * 26 * 26 * 8 / 4);
}

} // namespace
} // namespace diptych::test
