// Jacobians and Hessians in chunks: the numbers of one sweep, in less memory.
#include "SameBits.h"

namespace diptych::test {
namespace {

auto field(const Tensor& x, const Tensor& M) {
  return std::pair(tanh(matmul(M, x)) * sum(x), sum(x * x * x));
}

struct Point {
  Point() {
    manual_seed(5);
    x = randn({7});
    M = randn({5, 7});
  }
  Tensor x, M;
};

TEST(Jacobian, DoesNotDependOnTheChunks) {
  const Point p;
  const auto columns = jacfwd(field)(p.x, p.M), rows = jacrev(field)(p.x, p.M);
  EXPECT_EQ(columns.first.shape(), (Shape{5, 7}));
  EXPECT_TRUE(allclose(columns.first, rows.first, 1e-12));
  for (int64_t size : {1, 2, 3, 6, 7, 100}) {
    EXPECT_TRUE(sameBits(jacfwd(field, 0, {.chunk_size = size})(p.x, p.M), columns)) << size;
    EXPECT_TRUE(sameBits(jacrev(field, 0, {.chunk_size = size})(p.x, p.M), rows)) << size;
  }
  expectEagerBits(jacfwd(field, 0, {.chunk_size = 3}), p.x, p.M);
  expectEagerBits(jacrev(field, 0, {.chunk_size = 4}), p.x, p.M);
  expectEagerBits(jacrev(field, 1, {.chunk_size = 4}), p.x, p.M);
}

TEST(Jacobian, OfNothingIsEmpty) {
  auto f = [](const Tensor& x) { return std::pair(x * x, sum(x)); };
  const auto [squares, total] = jacrev(f, 0, {.chunk_size = 2})(zeros({0}));
  EXPECT_EQ(squares.shape(), (Shape{0, 0}));
  EXPECT_EQ(total.shape(), (Shape{0}));
  EXPECT_EQ(jacfwd(f, 0, {.chunk_size = 2})(zeros({0})).second.shape(), (Shape{0}));
}

TEST(Hessian, DoesNotDependOnTheChunks) {
  const SmallMarket m;
  const Tensor whole = hessian(sharpeLoss)(m.w, m.X, m.r);
  const auto chunked = hessian(sharpeLoss, 0, {.chunk_size = 2});
  EXPECT_TRUE(sameBits(chunked(m.w, m.X, m.r), whole));
  expectEagerBits(chunked, m.w, m.X, m.r);
  auto third = jacfwd(chunked, 0, {.chunk_size = 1});
  EXPECT_TRUE(sameBits(third(m.w, m.X, m.r), jacfwd(hessian(sharpeLoss))(m.w, m.X, m.r)));
  auto byExample = vmap(chunked, {unbatched, 0, 0});
  const Tensor X = stack({m.X, 2 * m.X}), r = stack({m.r, m.r});
  EXPECT_TRUE(sameBits(select(byExample(m.w, X, r), 0, 0), whole));
}

TEST(Hessian, TakesLessMemoryInChunks) {
  manual_seed(1);
  const Tensor x = randn({64}), M = randn({400, 64});
  auto f = [](const Tensor& x, const Tensor& M) { return sum(tanh(sin(matmul(M, x)))); };
  auto whole = jit(hessian(f)), chunked = jit(hessian(f, 0, {.chunk_size = 4}));
  EXPECT_TRUE(allclose(chunked(x, M), whole(x, M), 1e-10, 1e-10));
  EXPECT_LT(chunked.stats().arenaBytes, whole.stats().arenaBytes / 3 * 2);
}

} // namespace
} // namespace diptych::test
