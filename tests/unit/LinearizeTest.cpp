// linearize and vjp_fn against jvp and vjp: many applications, every nesting, eager and compiled.
#include "SameBits.h"

namespace diptych::test {
namespace {

std::pair<Tensor, Tensor> field(const Tensor& x, const Tensor& M) {
  return {tanh(matmul(M, x)) * x, sum(x * x * x)};
}

struct Point {
  Point() {
    manual_seed(9);
    x = randn({4});
    v = randn({4});
    M = randn({4, 4});
  }
  Tensor x, v, M;
};

TEST(Linearize, IsJvpWithTheFunctionRunOnce) {
  const Point p;
  int runs = 0;
  auto counted = [&](const Tensor& x, const Tensor& M) { return ++runs, field(x, M); };
  const auto [value, tangents] = linearize(counted)(p.x, p.M);
  EXPECT_TRUE(sameBits(value, field(p.x, p.M)));
  for (double scale : {1.0, 2.0, -3.0})
    EXPECT_TRUE(sameBits(tangents(scale * p.v), jvp(field)(p.x, scale * p.v, p.M).second));
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(value.first.requires_grad());
  EXPECT_FALSE(tangents(p.v).first.requires_grad());
}

TEST(VjpFn, IsVjpWithTheFunctionRunOnce) {
  const Point p;
  int runs = 0;
  auto counted = [&](const Tensor& x, const Tensor& M) { return ++runs, field(x, M); };
  const auto [value, pullback] = vjp_fn(counted)(p.x, p.M);
  for (double scale : {1.0, 2.0}) {
    const std::pair cotangent(scale * p.v, tensor(scale));
    EXPECT_TRUE(sameBits(pullback(cotangent), vjp(field)(p.x, cotangent, p.M).second));
  }
  EXPECT_EQ(runs, 1);
}

// Everything that can be done with the map must give what jvp gives there.
TEST(Linearize, NestsWithEverything) {
  const Point p;
  auto mapped = [](const Tensor& x, const Tensor& v, const Tensor& M) {
    const auto [value, tangents] = linearize(field)(x, M);
    const auto [_, pullback] = vjp_fn(field)(x, M);
    return sum(tangents(v).first * value.first) + sum(pullback(value) * tangents(2 * v).first);
  };
  auto direct = [](const Tensor& x, const Tensor& v, const Tensor& M) {
    const auto value = field(x, M);
    return sum(jvp(field)(x, v, M).second.first * value.first) +
           sum(vjp(field)(x, value, M).second * jvp(field)(x, 2 * v, M).second.first);
  };
  for (int argnum : {0, 1, 2}) {
    EXPECT_TRUE(allclose(grad(mapped, argnum)(p.x, p.v, p.M), grad(direct, argnum)(p.x, p.v, p.M),
                         1e-11, 1e-12));
    EXPECT_TRUE(allclose(hessian(mapped, argnum)(p.x, p.v, p.M),
                         hessian(direct, argnum)(p.x, p.v, p.M), 1e-10, 1e-11));
  }
  EXPECT_TRUE(allclose(vmap(mapped, {0, 0, unbatched})(p.M, p.M, p.M),
                       vmap(direct, {0, 0, unbatched})(p.M, p.M, p.M), 1e-12));
  EXPECT_TRUE(allclose(jit(mapped)(p.x, p.v, p.M), direct(p.x, p.v, p.M), 1e-12));
  EXPECT_TRUE(
      allclose(jit(hessian(mapped))(p.x, p.v, p.M), hessian(direct)(p.x, p.v, p.M), 1e-10, 1e-11));
  expectEagerBits(mapped, p.x, p.v, p.M);
}

// The value and the map share tanh's result, whose cotangents would be added on one tape.
TEST(Linearize, DerivativesHaveOneOrder) {
  const auto f = [](const Tensor& a) { return tanh(a) * a; };
  const auto pushed = [&](const Tensor& x) {
    const auto [value, tangents] = linearize(f)(x);
    return sum(tangents(x) * value + tangents(x + 1.0)) + sum(x);
  };
  const auto pulled = [&](const Tensor& x) {
    const auto [value, pullback] = vjp_fn(f)(x);
    return sum(pullback(x) * value + pullback(x + 1.0)) + sum(x);
  };
  manual_seed(3);
  const Tensor x = randn({20});
  expectEagerBits(grad(pushed), x);
  expectEagerBits(grad(pulled), x);
  expectEagerBits(hessian(pulled), x);
  const Tensor rows = vmap(grad(pulled))(reshape(x, {4, 5}));
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_TRUE(sameTensor(select(rows, 0, i), grad(pulled)(select(reshape(x, {4, 5}), 0, i))));
}

TEST(Linearize, OfOutsideServesInsideTransforms) {
  const Point p;
  const auto [value, tangents] = linearize(field)(p.x, p.M);
  auto first = [tangents = tangents](const Tensor& v) { return tangents(v).first; };
  auto squares = [=](const Tensor& v) { return sum(first(v) * first(v)); };
  const Tensor J = jacfwd(field)(p.x, p.M).first;
  EXPECT_TRUE(allclose(vmap(first, 0, -1)(eye(4)), J, 1e-13));
  EXPECT_TRUE(allclose(grad(squares)(p.v), 2 * matmul(transpose(J), matmul(J, p.v)), 1e-12));
  EXPECT_TRUE(allclose(hessian(squares)(p.v), 2 * matmul(transpose(J), J), 1e-12));
  EXPECT_TRUE(sameBits(strictJit(first)(p.v), first(p.v)));
}

TEST(Linearize, SaysWhatDoesNotFit) {
  const Point p;
  const auto [value, tangents] = linearize(field)(p.x, p.M);
  EXPECT_THROW((void)tangents(ones({3})), Error);
}

} // namespace
} // namespace diptych::test
