// What products and convolutions do to their results as they store them: in the plan, and to
// eager's bits for tiles with tails, for every layout of the result and of what is read beside it.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

using testing::HasSubstr;
using testing::Not;

Tensor wave(const Shape& shape, double step, DType dtype = f64) {
  return sin(reshape(arange(0.0, static_cast<double>(shape.product())) * step, shape))
      .astype(dtype);
}

/// Compiled it gives eager's bits, and the plan has such a call.
template <class F, class... Args>
void expectCall(const std::string& name, F f, const Args&... arguments) {
  const auto compiled = strictJit(f);
  EXPECT_TRUE(sameBits(compiled(arguments...), f(arguments...)));
  EXPECT_THAT(compiled.ir("plan"), HasSubstr(name + "("));
}

struct Image {
  Shape x, w;
};

// The image's or the kernel's side along vectors, one panel or several, whole tiles and tails; the
// result stored along vectors, across them, apart.
const Image images[] = {
    {{2, 3, 5, 4}, {4, 3, 2, 3}},    {{2, 1, 28, 28}, {32, 1, 3, 3}},
    {{3, 4, 9, 40}, {5, 4, 3, 3}},   {{1, 6, 7, 33}, {27, 6, 3, 2}},
    {{2, 5, 11, 11}, {17, 5, 3, 3}}, {{3, 8, 1, 19}, {40, 8, 1, 2}},
    {{17, 2, 6, 26}, {32, 2, 3, 3}}, {{2, 64, 26, 26}, {32, 64, 3, 3}},
};

TEST(StoreEpilogues, ConvolutionsAddBiasesAndRectify) {
  for (const DType dtype : {f64, f32})
    for (const Image& image : images) {
      SCOPED_TRACE(image.x.str() + " " + image.w.str());
      const Tensor x = wave(image.x, 0.7, dtype), w = wave(image.w, 1.3, dtype);
      const Tensor bias = wave({image.w[0], 1, 1}, 2.1, dtype);
      expectCall(
          "convolution+add+relu",
          [](const Tensor& x, const Tensor& w, const Tensor& b) { return relu(conv2d(x, w) + b); },
          x, w, bias);
      // Along the rows instead, and a scalar.
      const Tensor columns = wave({image.x[3] - image.w[3] + 1}, 0.3, dtype);
      expectCall(
          "convolution+mul+sub",
          [](const Tensor& x, const Tensor& w, const Tensor& c) { return conv2d(x, w) * 3.0 - c; },
          x, w, columns);
    }
}

// Relu's derivative: where the first layer was positive, in its place, and what is summed of that.
TEST(StoreEpilogues, ConvolutionsMaskTheirGradients) {
  for (const DType dtype : {f64, f32})
    for (const Image& image : images) {
      SCOPED_TRACE(image.x.str() + " " + image.w.str());
      const Tensor x = wave(image.x, 0.7, dtype), w = wave(image.w, 1.3, dtype);
      const Tensor bias = wave({image.x[1], 1, 1}, 2.1, dtype);
      expectCall(
          "convolution+gt+where",
          [](const Tensor& x, const Tensor& w, const Tensor& b) {
            return grad([](const Tensor& x, const Tensor& w,
                           const Tensor& b) { return sum(square(conv2d(relu(x * 2.0 + b), w))); },
                        {0, 1, 2})(x, w, b);
          },
          x, w, bias);
    }
}

TEST(StoreEpilogues, ProductsDoTheSame) {
  for (const DType dtype : {f64, f32})
    for (const auto& [m, k, n] : {std::array{7, 5, 9},
                                  {64, 64, 64},
                                  {100, 64, 65},
                                  {13, 100, 200},
                                  {200, 30, 13},
                                  {40, 3, 4},
                                  {1, 20, 33},
                                  {33, 20, 1}}) {
      SCOPED_TRACE(std::to_string(m) + " " + std::to_string(k) + " " + std::to_string(n));
      const Tensor a = wave({m, k}, 0.7, dtype), b = wave({k, n}, 1.3, dtype);
      const Tensor bias = wave({n}, 2.1, dtype), rows = wave({m, 1}, 0.9, dtype);
      expectEagerBits(
          [](const Tensor& a, const Tensor& b, const Tensor& c) { return relu(matmul(a, b) + c); },
          a, b, bias);
      expectEagerBits(
          [](const Tensor& a, const Tensor& b, const Tensor& c) { return matmul(a, b) * c - 1.0; },
          a, b, rows);
      // Hidden layers: relu where the product is stored, its derivative in the layer's place, and
      // the sums of a bias of what is stored.
      const auto net = [](const Tensor& a, const Tensor& b, const Tensor& c) {
        const auto loss = [](const Tensor& a, const Tensor& b, const Tensor& c) {
          const Tensor hidden = relu(matmul(relu(a * 2.0 + slice(c, 0, 0, 1)), b) + c);
          return sum(square(hidden));
        };
        return grad(loss, {0, 1, 2})(a, b, c);
      };
      expectEagerBits(net, a, b, bias);
    }
  const Tensor a = wave({100, 64}, 0.7), b = wave({64, 65}, 1.3), bias = wave({65}, 2.1);
  expectCall(
      "matmul+add+relu",
      [](const Tensor& a, const Tensor& b, const Tensor& c) { return relu(matmul(a, b) + c); }, a,
      b, bias);
}

// Batches of products whose matrices are the results of a reshape, and results read turned.
TEST(StoreEpilogues, ElementsAreFoundThroughOtherShapes) {
  const Tensor a = wave({6, 20}, 0.7), b = wave({20, 96}, 1.3), c = wave({6, 32, 3}, 0.4);
  expectCall(
      "matmul+gt+where",
      [](const Tensor& a, const Tensor& b, const Tensor& c) {
        const Tensor product = reshape(matmul(a, b), {6, 32, 3});
        const Tensor masked = where(c > 0.0, product, 0.0);
        return std::tuple(masked, sum(masked, 2));
      },
      a, b, c);
  const Tensor x = wave({5, 7, 20}, 0.7), y = wave({5, 20, 9}, 1.3), z = wave({5, 9, 7}, 0.4);
  expectEagerBits([](const Tensor& x, const Tensor& y,
                     const Tensor& z) { return relu(transpose(matmul(x, y), 1, 2) + z); },
                  x, y, z);
  expectEagerBits(
      [](const Tensor& x, const Tensor& y) { return relu(slice(matmul(x, y), 2, 1, 8)); }, x, y);
}

// Sums of several blocks are totals until the last; a heavy operator would be written down often;
// and what two want is stored.
TEST(StoreEpilogues, OthersKeepTheirKernels) {
  const Tensor a = wave({9, 1500}, 0.7), b = wave({1500, 17}, 1.3);
  const auto longSum = [](const Tensor& a, const Tensor& b) { return relu(matmul(a, b)); };
  const auto planOf = [](const auto& f, const auto&... arguments) {
    const auto compiled = strictJit(f);
    EXPECT_TRUE(sameBits(compiled(arguments...), f(arguments...)));
    return compiled.ir("plan");
  };
  EXPECT_THAT(planOf(longSum, a, b), Not(HasSubstr("matmul+relu")));
  const Tensor x = wave({9, 15}, 0.7), y = wave({15, 17}, 1.3);
  EXPECT_THAT(planOf(longSum, x, y), HasSubstr("matmul+relu"));
  EXPECT_THAT(planOf([](const Tensor& x, const Tensor& y) { return exp(matmul(x, y)); }, x, y),
              Not(HasSubstr("matmul+exp")));
  EXPECT_THAT(planOf(
                  [](const Tensor& x, const Tensor& y) {
                    const Tensor product = matmul(x, y);
                    return std::tuple(product, relu(product));
                  },
                  x, y),
              Not(HasSubstr("matmul+relu")));
}

// One long image: the gradient in the kernel is a product for each place.
TEST(StoreEpilogues, KernelsOfOneLongImageAreProducts) {
  for (const DType dtype : {f64, f32})
    for (const auto& [channels, outputs, length, kernel] : {std::array{5, 3, 50, 3},
                                                            {16, 4, 2500, 3},
                                                            {7, 20, 1100, 2},
                                                            {30, 64, 400, 5},
                                                            {4, 4, 9000, 3},
                                                            {1, 1, 300, 2}}) {
      SCOPED_TRACE(std::to_string(channels) + " " + std::to_string(length));
      const Tensor x = wave({1, channels, length}, 0.7, dtype);
      const Tensor w = wave({outputs, channels, kernel}, 1.3, dtype);
      const auto gradient = [](const Tensor& x, const Tensor& w) {
        return grad([](const Tensor& w, const Tensor& x) { return sum(square(conv1d(x, w))); })(w,
                                                                                                x);
      };
      expectEagerBits(gradient, x, w);
      const auto turned = [&](const Tensor& x, const Tensor& w) {
        return gradient(transpose(x, 1, 2), w) * 2.0;
      };
      expectEagerBits(turned, transpose(x, 1, 2), w);
      EXPECT_TRUE(allclose(jit(gradient)(x, w), gradient(x, w), dtype == f64 ? 1e-11 : 1e-4, 1e-6));
    }
  const Tensor x = wave({1, 16, 2500}, 0.7), w = wave({4, 16, 3}, 1.3);
  expectCall(
      "matmul",
      [](const Tensor& x, const Tensor& w) {
        return grad([&](const Tensor& w) { return sum(square(conv1d(x, w))); })(w);
      },
      x, w);
}

// Images of a batch one after the other: padding, convolution and what is done to it, padded arrays
// for the pieces under way alone.
TEST(StoreEpilogues, ImagesRunInGroups) {
  const Tensor x = wave({40, 8, 20, 20}, 0.7), w = wave({16, 8, 3, 3}, 1.3);
  const auto f = [](const Tensor& x, const Tensor& w) {
    return grad([&](const Tensor& x) { return sum(square(conv2d(relu(x + 1.0), w))); })(x);
  };
  const auto compiled = strictJit(f);
  EXPECT_TRUE(sameBits(compiled(x, w), f(x, w)));
  EXPECT_THAT(compiled.ir("plan"), HasSubstr("rows 40 by"));
  // Padded: 16 maps of 20 + 2 squared for each image.
  EXPECT_LT(compiled.stats().arenaBytes, 40 * 16 * 22 * 22 * 8);
}

} // namespace
} // namespace diptych::test
