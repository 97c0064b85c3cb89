// Windows, their sum, and pooling: against naive loops, both modes, derivatives at ties.
#include "Naive.h"
#include "SameBits.h"
#include "Threads.h"

#include <algorithm>
#include <numeric>

namespace diptych::test {
namespace {

Tensor wave(const Shape& shape, double step) {
  return sin(reshape(arange(0.0, static_cast<double>(shape.product())) * step, shape));
}

using Window = std::vector<double>;
double largest(const Window& w) { return *std::max_element(w.begin(), w.end()); }
double total(const Window& w) { return std::accumulate(w.begin(), w.end(), 0.0); }

TEST(Windows, AreAViewOfAnAxis) {
  const Tensor x = arange(0.0, 8.0);
  EXPECT_TRUE(
      sameBits(windows(x, 0, 3, 2), tensor({{0.0, 1.0, 2.0}, {2.0, 3.0, 4.0}, {4.0, 5.0, 6.0}})));
  EXPECT_TRUE(sameBits(windows(x, 0, 3, 1, 3), tensor({{0.0, 3.0, 6.0}, {1.0, 4.0, 7.0}})));
  EXPECT_EQ(windows(wave({2, 5, 6}, 1), {1, 2}, {2, 3}).shape(), (Shape{2, 4, 2, 4, 3}));
  auto f = [](const Tensor& x) { return sum(square(windows(exp(x), {-1}, 3)), -1); };
  expectEagerBits(f, x);
  expectEagerBits(grad([&](const Tensor& x) { return sum(f(x) * f(x)); }), x);
}

TEST(Windows, AddUpWhereTheyOverlap) {
  const Tensor w = tensor({{1.0, 2.0, 3.0}, {10.0, 20.0, 30.0}, {100.0, 200.0, 300.0}});
  EXPECT_TRUE(sameBits(overlap_add(w, {6}, 0), tensor({1.0, 12.0, 123.0, 230.0, 300.0, 0.0})));
  EXPECT_TRUE(sameBits(overlap_add(w, {8}, 0, 2),
                       tensor({1.0, 2.0, 13.0, 20.0, 130.0, 200.0, 300.0, 0.0})));
  expectEagerBits([](const Tensor& w) { return overlap_add(sin(w), {6}, 0); }, w);
  const Tensor x = wave({3, 4, 2, 5, 3}, 0.3);
  auto f = [](const Tensor& x) { return overlap_add(x, {3, 6, 9}, {1, 2}, {1, 1}, {2, 2}); };
  expectEagerBits(f, x);
  expectEagerBits(grad([&](const Tensor& x) { return sum(sin(f(x))); }), x);
}

// Enough windows for vectors, and enough of everything for threads: what meets at a place is added
// in the order of places, however the operand lies.
TEST(Windows, AddUpInTheOrderOfPlaces) {
  const test::Threads threads(4);
  manual_seed(5);
  struct Case {
    Shape shape; // of the result
    Axes axes;
    int64_t size, stride, dilation;
  };
  for (const Case& c :
       {Case{{7, 100}, {1}, 20, 1, 1}, Case{{7, 100}, {1}, 40, 7, 1}, Case{{3, 200}, {1}, 33, 2, 3},
        Case{{400, 300}, {0}, 20, 1, 1}, Case{{90, 2, 70}, {0}, 17, 3, 2},
        Case{{5, 40, 50}, {1, 2}, 18, 1, 1}, Case{{40, 3, 50}, {0, 2}, 5, 2, 1},
        Case{{1, 1000}, {1}, 24, 1, 1}, Case{{20}, {0}, 20, 1, 1}, Case{{}, {}, 1, 1, 1}}) {
    const Tensor view = windows(zeros(c.shape), c.axes, c.size, c.stride, c.dilation);
    const Tensor x = randn(view.shape());
    const auto add = [c](const Tensor& x) {
      return overlap_add(x, c.shape, c.axes, c.stride, c.dilation);
    };
    expectEagerBits(add, x);
    expectEagerBits([&](const Tensor& x) { return add(x * 3.0); }, x);
    std::vector<int64_t> turned(x.rank());
    std::iota(turned.rbegin(), turned.rend(), 0);
    expectEagerBits([&](const Tensor& y) { return add(transpose(y, turned)); },
                    transpose(x, turned) * 2.0);
  }
}

// How far apart the elements of an axis lie says nothing where it has one.
TEST(Windows, OfOneColumnAreAddedWhereTheyLie) {
  const auto add = [](const Tensor& x) {
    return overlap_add(transpose(reshape(x, {10, 1, 4}), {0, 2, 1}), {13, 1}, 0);
  };
  const Tensor x = wave({10, 4}, 0.4);
  expectEagerBits(add, x);
  auto compiled = jit(add);
  compiled(x);
  EXPECT_EQ(compiled.ir("plan").find("copy("), std::string::npos);
}

TEST(Windows, AreComputedWhereTheyAreAdded) {
  const auto light = [](const Tensor& x) { return overlap_add(x * 3.0 - 1.0, {17}, 0); };
  const auto heavy = [](const Tensor& x) { return overlap_add(sin(x), {17}, 0); };
  const Tensor x = wave({10, 8}, 0.4);
  for (const auto& [f, joins] :
       {std::pair<Tensor (*)(const Tensor&), bool>{light, true}, {heavy, false}}) {
    expectEagerBits(f, x);
    auto compiled = jit(f);
    compiled(x);
    EXPECT_EQ(compiled.ir("plan").find("overlap_add+") != std::string::npos, joins);
  }
}

TEST(Windows, SideBySideHaveACopyForAGradient) {
  const Tensor x = wave({2, 7, 11, 3}, 0.4);
  auto f = [](const Tensor& x) { return sum(sin(windows(x, {1, 2}, {2, 3}, {2, 3})) * 2.0); };
  const Tensor kept = windows(ones(x.shape()), {1, 2}, {2, 3}, {2, 3});
  const Tensor covered = overlap_add(kept, x.shape(), {1, 2}, {2, 3});
  EXPECT_TRUE(sameBits(grad(f)(x), cos(x) * 2.0 * covered));
  expectEagerBits(grad(f), x);
  auto g = jit(grad(f));
  g(x);
  EXPECT_EQ(g.ir("differentiated").find("overlap_add"), std::string::npos);
}

TEST(Windows, UnfoldAndFold) {
  const Tensor x = wave({2, 3, 5, 6}, 0.7), w = wave({4, 3, 2, 3}, 1.1);
  const ConvolutionOptions options{.stride = {1, 2}, .padding = {1, 1}};
  const Tensor columns = unfold(x, {2, 3}, options); // [2, 18, 6 * 3]
  const Tensor product = matmul(reshape(w, {4, 18}), columns);
  EXPECT_TRUE(allclose(reshape(product, {2, 4, 6, 3}), conv2d(x, w, options), 1e-12, 1e-12));
  auto f = [&](const Tensor& x) { return sum(unfold(x, {2, 3}, options) * columns); };
  EXPECT_TRUE(allclose(fold(columns, {5, 6}, {2, 3}, options), grad(f)(x), 1e-12, 1e-12));
}

TEST(Pooling, IsTheNaiveLoop) {
  for (const auto& [size, stride, pad] :
       {std::array<int64_t, 3>{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {2, 3, 0}}) {
    const Tensor rows = wave({6, 7, 8}, 1.7), x = reshape(rows, {2, 3, 7, 8});
    const PoolOptions options{.stride = stride, .padding = pad};
    PoolOptions own = options;
    own.countIncludePad = false;
    const auto shaped = [](const Tensor& y) { return reshape(y, {2, 3, y.shape(1), y.shape(2)}); };
    EXPECT_TRUE(sameBits(max_pool2d(x, size, options),
                         shaped(naivePool(rows, size, stride, pad, largest))));
    EXPECT_TRUE(allclose(avg_pool2d(x, size, options),
                         shaped(naivePool(rows, size, stride, pad, total)) /
                             static_cast<double>(size * size),
                         1e-13, 1e-13));
    EXPECT_TRUE(allclose(
        avg_pool2d(x, size, own),
        shaped(naivePool(rows, size, stride, pad,
                         [](const Window& w) { return total(w) / static_cast<double>(w.size()); })),
        1e-13, 1e-13));
    auto f = [&](const Tensor& x) {
      return sum(sin(max_pool2d(relu(x), size, options)) + avg_pool2d(x, size, own));
    };
    expectEagerBits(f, x);
    expectEagerBits(grad(f), x);
    expectEagerBits(jvp(grad(f)), x, wave({2, 3, 7, 8}, 0.2));
  }
}

TEST(Pooling, TiesShareAndPaddingNeverWins) {
  const Tensor x = tensor({{1.0, 1.0}, {1.0, 0.0}});
  auto f = [](const Tensor& x) { return sum(max_pool2d(x, 2)); };
  EXPECT_TRUE(sameBits(grad(f)(x), tensor({{1.0, 1.0}, {1.0, 0.0}}) / 3));
  const Tensor low = full({1, 4}, -5.0);
  EXPECT_TRUE(sameBits(max_pool1d(low, 3, {.stride = 1, .padding = 1}), low));
  EXPECT_TRUE(sameBits(max_pool1d(tensor({-3.0, -4.0, -9.0}), 2, {.stride = 1, .padding = 1}),
                       tensor({-3.0, -3.0, -4.0, -9.0})));
}

TEST(Pooling, OneAndThreeAxes) {
  const Tensor x = wave({2, 3, 4, 5, 6}, 0.9);
  const Tensor byAxis =
      max_pool1d(transpose(max_pool2d(x, {3, 2}, {.stride = 1}), 2, 4), 2, {.stride = 2});
  EXPECT_TRUE(sameBits(max_pool3d(x, {2, 3, 2}, {.stride = {2, 1, 1}}), transpose(byAxis, 2, 4)));
  EXPECT_TRUE(allclose(avg_pool3d(x, 2), mean(windows(x, {2, 3, 4}, 2, 2), {3, 5, 7}), 1e-13));
  auto f = [](const Tensor& x) { return sum(square(max_pool3d(x, 2, {.stride = 1}))); };
  expectEagerBits(vmap(grad(f)), x);
}

TEST(Pooling, AdaptiveWindowsCoverTheAxis) {
  const Tensor x = wave({2, 3, 7, 6}, 0.9);
  EXPECT_TRUE(allclose(squeeze(adaptive_avg_pool2d(x, 1), {2, 3}), mean(x, {2, 3}), 1e-13));
  const Tensor y = adaptive_avg_pool2d(x, {3, 2});
  ASSERT_EQ(y.shape(), (Shape{2, 3, 3, 2}));
  const int64_t from[] = {0, 2, 4}, to[] = {3, 5, 7};
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_TRUE(allclose(select(select(y, 3, j), 2, i),
                           mean(slice(slice(x, 2, from[i], to[i]), 3, 3 * j, 3 * j + 3), {2, 3}),
                           1e-13));
  auto f = [](const Tensor& x) { return sum(sin(adaptive_avg_pool2d(x, {3, 2}))); };
  expectEagerBits(grad(f), x);
}

} // namespace
} // namespace diptych::test
