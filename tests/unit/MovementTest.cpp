// Functions that rearrange elements: what NumPy and PyTorch give, and as linear maps their first
// and second derivatives, eager and compiled.
#include "SameBits.h"
#include "Threads.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

using testing::ElementsAre;

std::vector<double> numbers(const Tensor& x) { return x.astype(f64).to_vector<double>(); }
Tensor count(const Shape& shape) {
  return reshape(arange(TensorType{f64, shape}.numel()).astype(f64), shape);
}

// A linear f: its Jacobian is f of the unit vectors; half the square of f has the Hessian JᵀJ.
template <class F> void expectLinear(F f, const Shape& shape) {
  manual_seed(2);
  const Tensor x = randn(shape);
  const int64_t n = x.numel();
  auto flat = [&](const Tensor& v) { return flatten(f(reshape(v, shape))); };
  const Tensor columns = transpose(vmap(flat)(eye(n))), v = flatten(x);
  EXPECT_TRUE(sameBits(jacfwd(flat)(v), columns));
  EXPECT_TRUE(allclose(jacrev(flat)(v), columns));
  auto half = [&](const Tensor& v) { return 0.5 * sum(square(flat(v))); };
  EXPECT_TRUE(allclose(hessian(half)(v), matmul(transpose(columns), columns), 1e-12, 1e-12));
  EXPECT_TRUE(allclose(jacrev(grad(half))(v), hessian(half)(v), 1e-12, 1e-12));
  expectEagerBits(f, x);
  expectEagerBits(grad(half), v);
  expectEagerBits(hessian(half), v);
}

TEST(Movement, Parts) {
  const Tensor x = count({5, 2});
  const auto pieces = split(x, 2);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_THAT(numbers(pieces[1]), ElementsAre(4, 5, 6, 7));
  EXPECT_EQ(pieces[2].shape(), (Shape{1, 2}));
  EXPECT_TRUE(sameBits(concatenate(split(x, {1, 0, 4})), x));
  EXPECT_EQ(split(x, std::vector<int64_t>{1, 1}, -1)[1].shape(), (Shape{5, 1}));
  EXPECT_EQ(chunk(x, 4).size(), 3u); // as torch.chunk: 2, 2, 1
  EXPECT_EQ(chunk(x, 9).size(), 5u);
  EXPECT_EQ(chunk(zeros({0, 2}), 3).size(), 1u);
  EXPECT_TRUE(sameBits(stack(unstack(x, 1), 1), x));
  expectLinear([](const Tensor& x) { return split(x, 2)[1] * 2 + chunk(x, 2, 0)[0]; }, {4, 2});
  expectLinear([](const Tensor& x) { return unstack(x, -1)[1]; }, {3, 2});
}

TEST(Movement, Repetition) {
  const Tensor x = count({2, 2});
  EXPECT_THAT(numbers(repeat(x, 2, 1)), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_EQ(repeat(x, 3, 0).shape(), (Shape{6, 2}));
  EXPECT_EQ(repeat(x, 0, 0).shape(), (Shape{0, 2}));
  EXPECT_THAT(numbers(tile(x, {2})), ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
  EXPECT_EQ(tile(x, {3, 1, 2}).shape(), (Shape{3, 2, 4}));
  EXPECT_TRUE(sameBits(tile(x, {2, 1}), concatenate({x, x})));
  expectLinear([](const Tensor& x) { return repeat(x, 3, -1); }, {2, 3});
  expectLinear([](const Tensor& x) { return tile(x, {2, 1, 3}); }, {2, 3});
}

TEST(Movement, Meshgrid) {
  const Tensor a = tensor({1.0, 2.0}), b = tensor({3.0, 4.0, 5.0});
  const auto ij = meshgrid({a, b});
  EXPECT_THAT(numbers(ij[0]), ElementsAre(1, 1, 1, 2, 2, 2));
  EXPECT_THAT(numbers(ij[1]), ElementsAre(3, 4, 5, 3, 4, 5));
  const auto xy = meshgrid({a, b}, "xy");
  EXPECT_EQ(xy[0].shape(), (Shape{3, 2}));
  EXPECT_TRUE(sameBits(xy[0], transpose(ij[0])));
  EXPECT_TRUE(sameBits(xy[1], transpose(ij[1])));
  EXPECT_EQ(meshgrid({a, b, a})[2].shape(), (Shape{2, 3, 2}));
  expectLinear([](const Tensor& x) { return meshgrid({x, 2 * x}, "xy")[0]; }, {3});
}

TEST(Movement, Turning) {
  const Tensor x = count({2, 3});
  EXPECT_THAT(numbers(roll(x, 1, 1)), ElementsAre(2, 0, 1, 5, 3, 4));
  EXPECT_THAT(numbers(roll(x, -4, -1)), ElementsAre(1, 2, 0, 4, 5, 3));
  EXPECT_THAT(numbers(roll(x, 2)), ElementsAre(4, 5, 0, 1, 2, 3));
  EXPECT_TRUE(sameBits(roll(x, {1, 1}, {0, 1}), roll(roll(x, 1, 0), 1, 1)));
  EXPECT_EQ(roll(zeros({0}), 3, 0).shape(), (Shape{0}));
  EXPECT_THAT(numbers(rot90(x)), ElementsAre(2, 5, 1, 4, 0, 3));
  EXPECT_THAT(numbers(rot90(x, -1)), ElementsAre(3, 0, 4, 1, 5, 2));
  EXPECT_TRUE(sameBits(rot90(rot90(x)), rot90(x, 2)));
  EXPECT_TRUE(sameBits(rot90(x, 5), rot90(x)));
  expectLinear([](const Tensor& x) { return roll(x, {1, -1}, {0, 1}) + rot90(x, 2); }, {2, 3});
  expectLinear([](const Tensor& x) { return rot90(x, 3, 0, 2); }, {2, 2, 3});
}

TEST(Movement, BackwardsInEveryType) {
  for (const DType dtype :
       {DType::f32, DType::f64, DType::i32, DType::i64, DType::boolean, DType::bf16, DType::f16}) {
    const Tensor x = (randn({3, 77}) > 0.0).astype(dtype), y = flip(x).contiguous();
    EXPECT_TRUE(sameBits(flip(y), x));
    expectEagerBits(
        [](const Tensor& mask, const Tensor& x) { return where(flip(mask), flip(x), x); },
        randn({3, 77}) > 0.0, x);
  }
}

// Element [i,j,l] of [a,b,c] in the order of another axis, by numbers that say where they stood.
void expectTurned(const Shape& shape, DType dtype) {
  const int64_t a = shape[0], b = shape[1], c = shape[2];
  const Tensor around = reshape(arange(0, (a + 1) * b * (c + 3)), {a + 1, b, c + 3}).astype(dtype);
  const Tensor x = slice(slice(around, 0, 1, a + 1), 2, 2, c + 2);
  const auto at = [&](int64_t i, int64_t j, int64_t l) {
    return static_cast<double>(((i + 1) * b + j) * (c + 3) + l + 2);
  };
  std::vector<double> lastFirst, middleLast;
  for (int64_t l = 0; l < c; ++l)
    for (int64_t i = 0; i < a; ++i)
      for (int64_t j = 0; j < b; ++j)
        lastFirst.push_back(at(i, j, l));
  for (int64_t i = 0; i < a; ++i)
    for (int64_t l = 0; l < c; ++l)
      for (int64_t j = 0; j < b; ++j)
        middleLast.push_back(at(i, j, l));
  for (const int threads : {1, 3}) {
    const Threads scope(threads);
    const auto got = [](const Tensor& y) { return y.contiguous().astype(f64).to_vector<double>(); };
    EXPECT_EQ(got(transpose(transpose(x, 1, 2), 0, 1)), lastFirst) << shape.str() << name(dtype);
    EXPECT_EQ(got(transpose(x, 1, 2)), middleLast) << shape.str() << name(dtype);
  }
}

TEST(Movement, CopiesAreTurned) {
  for (const DType dtype : {f64, f32, i64, i32})
    for (const Shape& shape : {Shape{1, 8, 8},
                               {3, 16, 16},
                               {2, 37, 41},
                               {1, 9, 300},
                               {5, 70, 7},
                               {40, 3, 33},
                               {2, 150, 130}})
      expectTurned(shape, dtype);
  expectTurned({2, 20, 3}, f16); // what a half holds exactly
}

TEST(Movement, TrianglesAndDiagonals) {
  const Tensor x = count({2, 3});
  EXPECT_THAT(numbers(tril(x)), ElementsAre(0, 0, 0, 3, 4, 0));
  EXPECT_THAT(numbers(triu(x, 1)), ElementsAre(0, 1, 2, 0, 0, 5));
  EXPECT_THAT(numbers(triu(x, -1)), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_TRUE(sameBits(tril(full({2, 2}, NAN)) == 0, tensor({{false, true}, {false, false}})));
  EXPECT_THAT(numbers(diagonal(x)), ElementsAre(0, 4));
  EXPECT_THAT(numbers(diagonal(x, 1)), ElementsAre(1, 5));
  EXPECT_THAT(numbers(diagonal(x, -1)), ElementsAre(3));
  EXPECT_EQ(diagonal(x, 3).shape(), (Shape{0}));
  EXPECT_EQ(diagonal(x, -2).shape(), (Shape{0}));
  EXPECT_EQ(diagonal(count({2, 3, 4}), 0, 0, -1).shape(), (Shape{3, 2}));
  EXPECT_THAT(numbers(diag(tensor({1.0, 2.0}), 1)), ElementsAre(0, 1, 0, 0, 0, 2, 0, 0, 0));
  for (int64_t k : {-2, -1, 0, 1, 2})
    EXPECT_THAT(numbers(diag(diag(tensor({1.0, 2.0, 3.0}), k), k)), ElementsAre(1, 2, 3)) << k;
  EXPECT_EQ(diag(zeros({0}), 2).shape(), (Shape{2, 2}));
  EXPECT_EQ(trace(x).item<double>(), 4.0);
  EXPECT_EQ(trace(x, 1).item<double>(), 6.0);
  expectLinear([](const Tensor& x) { return tril(x, -1) + 2 * triu(x); }, {2, 3, 3});
  expectLinear([](const Tensor& x) { return diagonal(x, 1, 0, 2); }, {3, 2, 4});
  expectLinear([](const Tensor& x) { return diag(x, -1); }, {3});
  expectLinear([](const Tensor& x) { return trace(x, 1); }, {3, 4});
}

TEST(Movement, Masks) {
  EXPECT_THAT(numbers(one_hot(tensor({1, 0, 3, -1}), 3)),
              ElementsAre(0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(one_hot(tensor({1, 0}), 3).dtype(), i64);
  EXPECT_EQ(one_hot(tensor({{1}, {0}}), 3, f32).type(), (TensorType{f32, {2, 1, 3}}));
  const Tensor x = count({2, 2});
  EXPECT_THAT(numbers(masked_fill(x, tensor({true, false}), -1)), ElementsAre(-1, 1, -1, 3));
  const Tensor mask = tensor({true, false, false});
  expectLinear([=](const Tensor& x) { return masked_fill(x, mask, 0); }, {2, 3});
}

//===-- Einsum -------------------------------------------------------------------------------===//

TEST(Einsum, IsTheSumItSays) {
  manual_seed(4);
  const Tensor a = randn({3, 4}), b = randn({4, 5}), c = randn({3, 5}), v = randn({4}),
               s = randn({2, 3, 4}), q = randn({4, 4});
  EXPECT_TRUE(allclose(einsum("ij,jk->ik", {a, b}), matmul(a, b), 1e-14));
  EXPECT_TRUE(allclose(einsum("ij,jk", {a, b}), matmul(a, b), 1e-14));
  EXPECT_TRUE(allclose(einsum("ij , jk -> ki", {a, b}), transpose(matmul(a, b)), 1e-14));
  EXPECT_TRUE(allclose(einsum("ij,j->i", {a, v}), matmul(a, v), 1e-14));
  EXPECT_TRUE(allclose(einsum("i,i->", {v, v}), dot(v, v), 1e-14));
  EXPECT_TRUE(allclose(einsum("i,j->ij", {v, v}), outer(v, v)));
  EXPECT_TRUE(allclose(einsum("ij,ij->ij", {a, a}), a * a));
  EXPECT_TRUE(allclose(einsum("ij->j", {a}), sum(a, 0), 1e-14));
  EXPECT_TRUE(sameBits(einsum("ij->ji", {a}), transpose(a)));
  EXPECT_TRUE(allclose(einsum("ii->", {q}), trace(q), 1e-14));
  EXPECT_TRUE(sameBits(einsum("ii->i", {q}), diagonal(q)));
  EXPECT_TRUE(allclose(einsum("bij,jk->bik", {s, b}), matmul(s, b), 1e-14));
  EXPECT_TRUE(allclose(einsum("bij,bkj->bik", {s, s}), matmul(s, transpose(s)), 1e-14));
  EXPECT_TRUE(allclose(einsum("bij,jk,ik->b", {s, b, c}), sum(matmul(s, b) * c, {1, 2}), 1e-12));
  EXPECT_TRUE(allclose(einsum("ij,jk,k->i", {a, b, select(c, 0, 0)}),
                       matmul(a, matmul(b, select(c, 0, 0))), 1e-13));
  EXPECT_TRUE(
      allclose(einsum("iji,j->i", {randn({2, 4, 2}) * 0 + 1, v}), sum(v) * ones({2}), 1e-13));
  const Tensor n = tensor({{1, 2}, {3, 4}});
  EXPECT_TRUE(sameBits(einsum("ij,jk->ik", {n, n}), tensor({{7, 10}, {15, 22}})));
}

TEST(Einsum, IsDifferentiable) {
  manual_seed(4);
  const Tensor b = randn({4, 2}), c = randn({3, 2});
  expectLinear([=](const Tensor& x) { return einsum("ij,jk,ik->i", {x, b, c}); }, {3, 4});
  expectLinear([](const Tensor& x) { return einsum("iij->j", {x}); }, {2, 2, 3});
  auto cubic = [](const Tensor& x) { return einsum("ij,jk,ki->", {x, x, x}); };
  auto plain = [](const Tensor& x) { return trace(matmul(x, matmul(x, x))); };
  const Tensor x = randn({3, 3});
  EXPECT_TRUE(allclose(hessian(cubic)(x), hessian(plain)(x), 1e-12, 1e-12));
  expectEagerBits(hessian(cubic), x);
  expectEagerBits(vmap(grad(cubic)), randn({2, 3, 3}));
}

} // namespace
} // namespace diptych::test
