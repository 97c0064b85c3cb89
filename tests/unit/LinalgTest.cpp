// Linear algebra against its definitions: every size from 0, batches, both dtypes.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

using namespace linalg;
using testing::ElementsAre;

const std::vector<Shape> batches{{}, {3}, {2, 0}, {2, 3}};

Shape joined(const Shape& batch, int64_t m, int64_t n) {
  Shape shape = batch;
  shape.push_back(m);
  shape.push_back(n);
  return shape;
}

Tensor mt(const Tensor& x) { return transpose(x, -1, -2); }
Tensor identity(const Tensor& like) {
  return broadcast_to(eye(like.shape(-1), like.dtype()), like.shape());
}
Tensor general(const Shape& batch, int64_t n, DType dtype) {
  const Tensor noise = randn(joined(batch, n, n), dtype);
  return noise + 3.0 * identity(noise);
}
Tensor definite(const Shape& batch, int64_t n, DType dtype) {
  const Tensor x = randn(joined(batch, n, n), dtype);
  return matmul(x, mt(x)) + identity(x);
}

// f(batch, n, dtype, near): sizes around the blocks of the algorithms, every batch, both dtypes.
void everywhere(const std::function<void(const Shape&, int64_t, DType, double)>& f) {
  for (const Shape& batch : batches)
    for (int64_t n : {0, 1, 2, 3, 7, 40})
      for (DType dtype : {f64, f32}) {
        SCOPED_TRACE(batch.str() + " n " + std::to_string(n) + " " + name(dtype));
        f(batch, n, dtype, dtype == f64 ? 1e-9 : 2e-3);
      }
}

#define EXPECT_NEAR_ALL(found, expected) EXPECT_TRUE(allclose(found, expected, near, near))

TEST(Linalg, CholeskyIsALowerFactor) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    const Tensor a = definite(batch, n, dtype), L = cholesky(a);
    EXPECT_NEAR_ALL(matmul(L, mt(L)), a);
    EXPECT_TRUE(sameBits(L, tril(L)));
    const Tensor b = randn(joined(batch, n, 2), dtype);
    EXPECT_NEAR_ALL(matmul(a, cholesky_solve(L, b)), b);
  });
}

TEST(Linalg, SolveSolves) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    const Tensor a = general(batch, n, dtype), b = randn(joined(batch, n, 3), dtype);
    EXPECT_NEAR_ALL(matmul(a, solve(a, b)), b);
    EXPECT_NEAR_ALL(matmul(mt(a), solve(a, b, {.transposed = true})), b);
    EXPECT_NEAR_ALL(matmul(a, inverse(a)), identity(a));
    const Tensor shared = randn({n, 2}, dtype); // its batch axes broadcast
    EXPECT_NEAR_ALL(matmul(a, solve(a, shared)), broadcast_to(shared, joined(batch, n, 2)));
  });
  const Tensor a = tensor({{2.0, 1.0}, {0.0, 4.0}});
  EXPECT_THAT(solve(a, tensor({4.0, 8.0})).to_vector<double>(), ElementsAre(1, 2));
}

TEST(Linalg, TriangularSolveReadsItsTriangleAlone) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    const Tensor noise = 0.1 * randn(joined(batch, n, n), dtype), a = noise + 2.0 * identity(noise);
    for (bool lower : {false, true})
      for (bool transposed : {false, true})
        for (bool unit : {false, true})
          for (bool left : {false, true}) {
            Tensor read = lower ? tril(a) : triu(a);
            if (unit)
              read = (lower ? tril(a, -1) : triu(a, 1)) + identity(a);
            if (transposed)
              read = mt(read);
            const Tensor b = randn(left ? joined(batch, n, 2) : joined(batch, 2, n), dtype);
            const Tensor x = triangular_solve(
                a, b, {.lower = lower, .transposed = transposed, .unit = unit, .left = left});
            EXPECT_NEAR_ALL(left ? matmul(read, x) : matmul(x, read), b);
          }
  });
}

TEST(Linalg, Determinants) {
  const Tensor a = tensor({{2.0, -1.0, 3.0}, {0.5, 4.0, 1.0}, {1.0, 2.0, -2.0}});
  EXPECT_NEAR(det(a).item<double>(), -2 * 10 - 2 - 9, 1e-12); // 2(-8-2) + (-1-1) + 3(1-4)
  EXPECT_EQ(det(ones({0, 0})).item<double>(), 1);
  EXPECT_THAT(det(ones({2, 3, 3})).to_vector<double>(), ElementsAre(0, 0));
  const auto [sign, logarithm] = slogdet(stack({a, eye(3), zeros({3, 3})}));
  EXPECT_THAT(sign.to_vector<double>(), ElementsAre(-1, 1, 0));
  EXPECT_NEAR(logarithm.to_vector<double>()[0], std::log(31), 1e-12);
  EXPECT_EQ(logarithm.to_vector<double>()[1], 0);
  EXPECT_EQ(logarithm.to_vector<double>()[2], -INFINITY);
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    const Tensor a = general(batch, n, dtype) * 0.3;
    const auto [sign, logarithm] = slogdet(a);
    EXPECT_NEAR_ALL(sign * exp(logarithm), det(a));
  });
}

TEST(Linalg, QrIsOrthogonalTimesUpper) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    for (int64_t m : {n, n + 3, n / 2}) {
      const Tensor a = randn(joined(batch, m, n), dtype);
      const auto [Q, R] = qr(a);
      EXPECT_NEAR_ALL(matmul(Q, R), a);
      EXPECT_NEAR_ALL(matmul(mt(Q), Q), identity(matmul(mt(Q), Q)));
      EXPECT_TRUE(sameBits(R, triu(R)));
      if (R.numel() > 0)
        EXPECT_TRUE(min(diagonal(R, 0, -2, -1)).item<double>() >= 0);
    }
  });
}

TEST(Linalg, EighDiagonalises) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    const Tensor x = randn(joined(batch, n, n), dtype), a = x + mt(x);
    const auto [w, V] = eigh(a);
    EXPECT_NEAR_ALL(matmul(V * unsqueeze(w, -2), mt(V)), a);
    EXPECT_NEAR_ALL(matmul(mt(V), V), identity(a));
    EXPECT_TRUE(sameBits(w, eigvalsh(a)));
    if (n > 1 && w.numel() > 0)
      EXPECT_TRUE(min(slice(w, -1, 1) - slice(w, -1, 0, -1)).item<double>() >= 0);
  });
  // Signs: the first element that counts is positive.
  const auto [w, V] = eigh(tensor({{0.0, 1.0}, {1.0, 0.0}}));
  EXPECT_THAT(w.to_vector<double>(), testing::Pointwise(testing::DoubleNear(1e-15), {-1.0, 1.0}));
  const double h = std::sqrt(0.5);
  EXPECT_THAT(V.to_vector<double>(), testing::Pointwise(testing::DoubleNear(1e-15), {h, h, -h, h}));
}

TEST(Linalg, SvdDecomposes) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    for (int64_t m : {n, n + 3, n / 2}) {
      const Tensor a = randn(joined(batch, m, n), dtype);
      const auto [U, s, Vt] = svd(a);
      EXPECT_NEAR_ALL(matmul(U * unsqueeze(s, -2), Vt), a);
      EXPECT_NEAR_ALL(matmul(mt(U), U), identity(matmul(mt(U), U)));
      EXPECT_NEAR_ALL(matmul(Vt, mt(Vt)), identity(matmul(Vt, mt(Vt))));
      EXPECT_TRUE(sameBits(s, svdvals(a)));
      if (s.numel() > 0)
        EXPECT_TRUE(min(s).item<double>() >= 0);
      if (s.shape(-1) > 1 && s.numel() > 0)
        EXPECT_TRUE(max(slice(s, -1, 1) - slice(s, -1, 0, -1)).item<double>() <= 0);
    }
  });
}

TEST(Linalg, PinvMeetsTheFourConditions) {
  everywhere([](const Shape& batch, int64_t n, DType dtype, double near) {
    if (n == 40 && dtype == f32)
      return; // condition numbers of random squares
    for (int64_t m : {n + 3, n / 2}) {
      const Tensor a = randn(joined(batch, m, n), dtype), P = pinv(a);
      EXPECT_NEAR_ALL(matmul(matmul(a, P), a), a);
      EXPECT_NEAR_ALL(matmul(matmul(P, a), P), P);
      EXPECT_NEAR_ALL(matmul(a, P), mt(matmul(a, P)));
      EXPECT_NEAR_ALL(matmul(P, a), mt(matmul(P, a)));
      const Tensor b = randn(joined(batch, m, 2), dtype), x = lstsq(a, b);
      EXPECT_NEAR_ALL(matmul(mt(a), matmul(a, x) - b), zeros(x.shape(), dtype));
    }
  });
  const Tensor flat = ones({3, 2}); // rank 1
  EXPECT_TRUE(allclose(pinv(flat), ones({2, 3}) / 6.0, 1e-14));
  EXPECT_TRUE(allclose(lstsq(flat, tensor({1.0, 2.0, 3.0})), tensor({1.0, 1.0}), 1e-14));
}

TEST(Linalg, RanksNormsAndCondition) {
  const Tensor a = stack({tensor({{3.0, 0.0}, {0.0, -4.0}}), ones({2, 2}), zeros({2, 2})});
  EXPECT_THAT(matrix_rank(a).to_vector<int64_t>(), ElementsAre(2, 1, 0));
  EXPECT_THAT(matrix_rank(a, 0.8).to_vector<int64_t>(), ElementsAre(1, 1, 0));
  EXPECT_EQ(matrix_rank(zeros({3, 0})).item<int64_t>(), 0);
  const Tensor b = tensor({{3.0, 0.0}, {0.0, -4.0}});
  EXPECT_EQ(matrix_norm(b).item<double>(), 5);
  EXPECT_NEAR(matrix_norm(b, Norm::nuclear).item<double>(), 7, 1e-14);
  EXPECT_NEAR(matrix_norm(b, Norm::spectral).item<double>(), 4, 1e-14);
  EXPECT_EQ(matrix_norm(tensor({{1.0, -2.0}, {3.0, 4.0}}), Norm::one).item<double>(), 6);
  EXPECT_EQ(matrix_norm(tensor({{1.0, -2.0}, {3.0, 4.0}}), Norm::infinity).item<double>(), 7);
  EXPECT_NEAR(cond(b).item<double>(), 4.0 / 3, 1e-14);
}

//===-- What has no answer -------------------------------------------------------------------===//

TEST(Linalg, UncheckedFailureIsNanForThatMatrixAlone) {
  const Tensor bad = tensor({{1.0, 2.0}, {2.0, 1.0}}), flat = ones({2, 2}), good = eye(2);
  auto factor = [](const Tensor& a) { return cholesky(a, false); };
  auto solved = [](const Tensor& a) { return solve(a, eye(2), {.check = false}); };
  for (const auto& [f, a] :
       {std::pair<std::function<Tensor(Tensor)>, Tensor>{factor, stack({good, bad, good})},
        {solved, stack({good, flat, good})}}) {
    EXPECT_TRUE(sameBits(any(isnan(f(a)), {1, 2}), tensor({false, true, false})));
    EXPECT_TRUE(sameBits(jit(f)(a), f(a)));
    EXPECT_TRUE(sameBits(vmap(f)(a), f(a)));
  }
}

TEST(Linalg, NotFiniteGivesNan) {
  for (double special : {double(NAN), double(INFINITY)}) {
    const Tensor a = stack({eye(3), eye(3) * special, eye(3)});
    for (const Tensor& result : {cholesky(a), solve(a, eye(3)), det(a), std::get<1>(slogdet(a)),
                                 qr(a).first, eigh(a).first, eigh(a).second, svdvals(a), pinv(a)}) {
      const auto bad = any(reshape(isnan(result), {3, -1}), 1).to_vector<bool>();
      EXPECT_THAT(bad, ElementsAre(false, true, false)) << result.type();
    }
  }
}

} // namespace
} // namespace diptych::test
