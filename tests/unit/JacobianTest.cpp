// Jacobians and Hessians in chunks: the numbers of one sweep, in less memory.
#include "SameBits.h"

#include "runtime/Allocator.h"

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

// The limit is on all values of a sweep: the allocator's peak stays below it.
TEST(Jacobian, MemoryLimitsChooseTheChunk) {
  const Tensor W = randn({64, 64}), x = randn({64});
  const auto f = [](const Tensor& x, const Tensor& W) {
    return sum(exp(tanh(matmul(W, tanh(matmul(W, x))))));
  };
  const Tensor whole = hessian(f)(x, W);
  const auto peakOf = [&](const JacobianOptions& options) {
    const auto limited = hessian(f, 0, options);
    runtime::resetHighWater();
    const int64_t before = runtime::memoryStats().currentBytes;
    EXPECT_TRUE(sameBits(limited(x, W), whole));
    return runtime::memoryStats().highWaterBytes - before;
  };
  const int64_t free = peakOf({}), limit = free / 4, result = whole.numel() * 8;
  EXPECT_LE(peakOf({.memory_limit = limit}), limit + 3 * result);
  EXPECT_GT(peakOf({.memory_limit = int64_t{1} << 40}), 0.9 * static_cast<double>(free));
  EXPECT_LE(peakOf({.memory_limit = 1}), peakOf({.memory_limit = limit})); // one column at a time
  EXPECT_TRUE(sameBits(jacrev(f, 0, {.memory_limit = 1})(x, W), jacrev(f)(x, W)));
  expectEagerBits(hessian(f, 0, {.memory_limit = limit}), x, W);
  expectEagerBits(jacrev(grad(f), 0, {.memory_limit = limit}), x, W);
}

// Chunks differentiate one function, not one for each chunk.
TEST(Jacobian, ChunksDrawTheSameRandomNumbers) {
  const auto f = [](const Tensor& x) { return x * rand({4}); };
  const random::Scope scope(random::key(3));
  const Tensor J = jacfwd(f, 0, {.chunk_size = 1})(ones({4}));
  const random::Scope same(random::key(3));
  EXPECT_TRUE(sameBits(J, diag(rand({4}))));
}

TEST(Jacobian, OfNothingIsEmpty) {
  auto f = [](const Tensor& x) { return std::pair(x * x, sum(x)); };
  const auto [squares, total] = jacrev(f, 0, {.chunk_size = 2})(zeros({0}));
  EXPECT_EQ(squares.shape(), (Shape{0, 0}));
  EXPECT_EQ(jacrev(f, 0, {.memory_limit = 99})(zeros({0})).first.shape(), (Shape{0, 0}));
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
  // Strict: algebra makes no array of one column for each direction here.
  const JitOptions strict{.numerics = Numerics::strict};
  auto whole = jit(hessian(f), strict), chunked = jit(hessian(f, 0, {.chunk_size = 4}), strict);
  EXPECT_TRUE(allclose(chunked(x, M), whole(x, M), 1e-10, 1e-10));
  EXPECT_LT(chunked.stats().arenaBytes, whole.stats().arenaBytes / 3 * 2);
}

} // namespace
} // namespace diptych::test
