// vmap against a loop over examples: axes, trees, every nesting with the other transforms and jit,
// eager and compiled to the same bits.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

// Stacks what f gives for every position of axis 0 of its arguments.
template <class F, class... Args> Tensor looped(F f, const Args&... arguments) {
  std::vector<Tensor> results;
  const int64_t batch = std::get<0>(std::tie(arguments...)).shape(0);
  for (int64_t i = 0; i < batch; ++i)
    results.push_back(f(select(arguments, 0, i)...));
  return stack(results);
}

Tensor energy(const Tensor& x, const Tensor& y) {
  return sum(tanh(x) * exp(-y) + x * y * y) / (1 + sum(x * x));
}

struct Examples {
  Examples() {
    manual_seed(11);
    x = randn({5, 4});
    y = randn({5, 4});
    M = randn({4, 4});
  }
  Tensor x, y, M;
};

TEST(Vmap, IsALoopOverExamples) {
  const Examples e;
  EXPECT_TRUE(sameBits(vmap(energy)(e.x, e.y), looped(energy, e.x, e.y)));
  expectEagerBits(vmap(energy), e.x, e.y);
}

TEST(Vmap, SharesWhatIsUnbatched) {
  const Examples e;
  auto product = [](const Tensor& M, const Tensor& x) { return matmul(M, tanh(matmul(M, x))); };
  auto f = vmap(product, {unbatched, 0});
  auto each = [&](const Tensor& x) { return product(e.M, x); };
  EXPECT_TRUE(sameBits(f(e.M, e.x), looped(each, e.x)));
  EXPECT_TRUE(sameBits(vmap(each)(e.x), looped(each, e.x)));
  expectEagerBits(f, e.M, e.x);
}

TEST(Vmap, TakesAndGivesAnyAxis) {
  const Examples e;
  auto twice = [](const Tensor& x) { return std::pair(x * x, outer(x, x)); };
  auto [squares, products] = vmap(twice, 1, -1)(e.x);
  EXPECT_EQ(squares.shape(), (Shape{5, 4}));
  EXPECT_EQ(products.shape(), (Shape{5, 5, 4}));
  EXPECT_TRUE(sameBits(squares, e.x * e.x));
  auto [first, second] = vmap(twice, -1, {0, 1})(e.x);
  EXPECT_EQ(first.shape(), (Shape{4, 5}));
  EXPECT_EQ(second.shape(), (Shape{5, 4, 5}));
  EXPECT_TRUE(sameBits(transpose(second, 0, 1), permute(products, {2, 0, 1})));
  expectEagerBits(vmap(twice, 1, {-1, 1}), e.x);
}

TEST(Vmap, GivesResultsThatDoNotDependOnTheBatch) {
  const Examples e;
  auto f = [&](const Tensor& x) { return std::pair(x + 1, exp(e.M)); };
  auto [shifted, repeated] = vmap(f)(e.x);
  EXPECT_EQ(repeated.shape(), (Shape{5, 4, 4}));
  auto [again, once] = vmap(f, 0, {0, unbatched})(e.x);
  EXPECT_TRUE(sameBits(once, exp(e.M)));
  EXPECT_TRUE(sameBits(select(repeated, 0, 3), once));
}

TEST(Vmap, TakesTreesAndNumbers) {
  const Examples e;
  using Layer = std::map<std::string, Tensor>;
  auto f = [](const Layer& layer, const Tensor& x, double scale) {
    return std::vector{scale * matmul(layer.at("M"), x) + layer.at("b"), x};
  };
  const Layer layer{{"M", e.M}, {"b", select(e.y, 0, 0)}};
  auto each = [&](const Tensor& x) { return f(layer, x, 2.0)[0]; };
  EXPECT_TRUE(sameBits(vmap(f, {unbatched, 0, unbatched})(layer, e.x, 2.0)[0], looped(each, e.x)));
  const Layer many{{"M", stack({e.M, 2 * e.M})}, {"b", slice(e.y, 0, 0, 2)}};
  auto one = [&](const Tensor& M, const Tensor& b, const Tensor& x) { return matmul(M, x) + b; };
  EXPECT_TRUE(sameBits(vmap(f)(many, slice(e.x, 0, 0, 2), 1.0)[0],
                       looped(one, many.at("M"), many.at("b"), slice(e.x, 0, 0, 2))));
}

TEST(Vmap, OfNoExamplesIsEmpty) {
  const Tensor none = vmap(energy)(zeros({0, 4}), zeros({0, 4}));
  EXPECT_EQ(none.shape(), (Shape{0}));
  EXPECT_EQ(vmap(grad(energy))(zeros({0, 4}), zeros({0, 4})).shape(), (Shape{0, 4}));
}

TEST(Vmap, IndexesEveryExample) {
  const Examples e;
  const Tensor rows = tensor({3, 0, 1, 2, 3});
  auto pick = [](const Tensor& x, const Tensor& row) { return take(x, row) * 2; };
  EXPECT_TRUE(sameBits(vmap(pick)(e.x, rows), looped(pick, e.x, rows)));
  auto pickShared = [&](const Tensor& row) { return take(e.M, row); };
  EXPECT_TRUE(sameBits(vmap(pickShared)(rows), looped(pickShared, rows)));
  auto sorted = [](const Tensor& x) { return take(x, argmax(x)); };
  EXPECT_TRUE(sameBits(vmap(sorted)(e.x), max(e.x, 1)));
  expectEagerBits(vmap(pick), e.x, rows);
}

//===-- Nesting ------------------------------------------------------------------------------===//

TEST(Vmap, OfGradGivesEveryExamplesGradient) {
  const SmallMarket m;
  auto each = [&](const Tensor& X, const Tensor& r) { return grad(sharpeLoss)(m.w, X, r); };
  const Tensor X = randn({4, 13, 37, 3}), r = randn({4, 13, 37});
  const Tensor gradients = vmap(grad(sharpeLoss), {unbatched, 0, 0})(m.w, X, r);
  EXPECT_TRUE(sameBits(gradients, looped(each, X, r)));
  expectEagerBits(vmap(grad(sharpeLoss), {unbatched, 0, 0}), m.w, X, r);
}

TEST(Vmap, IsDifferentiable) {
  const Examples e;
  auto together = [](const Tensor& x, const Tensor& y) { return sum(vmap(energy)(x, y)); };
  EXPECT_TRUE(sameBits(grad(together)(e.x, e.y), looped(grad(energy), e.x, e.y)));
  expectEagerBits(grad(together), e.x, e.y);
  auto shared = [](const Tensor& M, const Tensor& x) {
    return sum(vmap([&](const Tensor& one) { return sum(tanh(matmul(M, one))); })(x));
  };
  auto direct = [](const Tensor& M, const Tensor& x) { return sum(tanh(matmul(x, transpose(M)))); };
  EXPECT_TRUE(allclose(grad(shared)(e.M, e.x), grad(direct)(e.M, e.x), 1e-13));
  expectEagerBits(grad(shared), e.M, e.x);
}

TEST(Vmap, NestsInItself) {
  const Examples e;
  auto distance = [](const Tensor& a, const Tensor& b) { return sum((a - b) * (a - b)); };
  auto pairs = vmap(vmap(distance, {unbatched, 0}), {0, unbatched});
  const Tensor all = pairs(e.x, e.y);
  EXPECT_EQ(all.shape(), (Shape{5, 5}));
  EXPECT_TRUE(
      sameBits(select(select(all, 0, 2), 0, 4), distance(select(e.x, 0, 2), select(e.y, 0, 4))));
  expectEagerBits(pairs, e.x, e.y);
  auto thrice = vmap(vmap(vmap([](const Tensor& x) { return x * sin(x); })));
  const Tensor cube = randn({2, 3, 4});
  EXPECT_TRUE(sameBits(thrice(cube), cube * sin(cube)));
}

TEST(Vmap, NestsWithSecondOrder) {
  const Examples e;
  const auto H = hessian(energy);
  EXPECT_TRUE(sameBits(vmap(H)(e.x, e.y), looped(H, e.x, e.y)));
  expectEagerBits(vmap(H), e.x, e.y);
  auto together = [](const Tensor& x, const Tensor& y) { return sum(vmap(energy)(x, y)); };
  const Tensor full = hessian(together)(e.x, e.y); // block diagonal
  const Tensor block = select(select(permute(full, {0, 2, 1, 3}), 0, 1), 0, 1);
  EXPECT_TRUE(allclose(block, H(select(e.x, 0, 1), select(e.y, 0, 1)), 1e-12, 1e-13));
  EXPECT_TRUE(allclose(sum(full), sum(looped(H, e.x, e.y)), 1e-11, 1e-11));
  expectEagerBits(hessian(together), e.x, e.y);
  auto mixed = [](const Tensor& x, const Tensor& y) {
    return sum(square(vmap(grad(energy))(x, y)));
  };
  auto one = [](const Tensor& x, const Tensor& y) { return sum(square(grad(energy)(x, y))); };
  EXPECT_TRUE(sameBits(grad(mixed)(e.x, e.y), looped(grad(one), e.x, e.y)));
  expectEagerBits(grad(mixed), e.x, e.y);
}

TEST(Vmap, NestsWithJvpVjpAndJacobians) {
  const Examples e;
  auto field = [](const Tensor& x) { return x * sin(x) + sum(x * x); };
  auto tangent = [&](const Tensor& x, const Tensor& v) { return jvp(field)(x, v).second; };
  auto cotangent = [&](const Tensor& x, const Tensor& v) { return vjp(field)(x, v).second; };
  EXPECT_TRUE(sameBits(vmap(tangent)(e.x, e.y), looped(tangent, e.x, e.y)));
  EXPECT_TRUE(sameBits(vmap(cotangent)(e.x, e.y), looped(cotangent, e.x, e.y)));
  EXPECT_TRUE(sameBits(vmap(jacrev(field))(e.x), looped(jacrev(field), e.x)));
  EXPECT_TRUE(sameBits(vmap(jacfwd(field))(e.x), looped(jacfwd(field), e.x)));
  const Tensor x = select(e.x, 0, 0);
  // The columns of a Jacobian as a vmap over unit vectors.
  auto column = [&](const Tensor& v) { return tangent(x, v); };
  EXPECT_TRUE(sameBits(vmap(column, 0, -1)(eye(4)), jacfwd(field)(x)));
  EXPECT_TRUE(sameBits(jvp(vmap(field))(e.x, e.y).second, looped(tangent, e.x, e.y)));
  expectEagerBits(vmap(tangent), e.x, e.y);
  expectEagerBits(vmap(jacrev(field)), e.x);
}

TEST(Vmap, ReachesCapturedTensorsThatRequireGrad) {
  const Examples e;
  const Tensor M = e.M.detach().requires_grad_();
  sum(vmap([&](const Tensor& x) { return sum(tanh(matmul(M, x))); })(e.x)).backward();
  auto loss = [&](const Tensor& M) { return sum(tanh(matmul(e.x, transpose(M)))); };
  EXPECT_TRUE(allclose(M.grad(), grad(loss)(e.M), 1e-13));
}

TEST(Vmap, RunsJittedFunctionsAndIsJitted) {
  const Examples e;
  auto compiled = strictJit(energy);
  EXPECT_TRUE(sameBits(vmap(compiled)(e.x, e.y), looped(energy, e.x, e.y)));
  EXPECT_TRUE(sameBits(vmap(grad(compiled))(e.x, e.y), looped(grad(energy), e.x, e.y)));
  EXPECT_TRUE(sameBits(strictJit(vmap(compiled))(e.x, e.y), looped(energy, e.x, e.y)));
  auto total = [&](const Tensor& x, const Tensor& y) { return sum(vmap(compiled)(x, y)); };
  EXPECT_TRUE(sameBits(grad(total)(e.x, e.y), looped(grad(energy), e.x, e.y)));
  auto outside = strictJit(vmap(energy));
  auto sumOutside = [&](const Tensor& x, const Tensor& y) { return sum(outside(x, y)); };
  EXPECT_TRUE(sameBits(grad(sumOutside)(e.x, e.y), looped(grad(energy), e.x, e.y)));
}

} // namespace
} // namespace diptych::test
