// Derivatives of linear algebra against closed forms, to high orders and at degenerate points.
#include "SameBits.h"

#include <gmock/gmock.h>

namespace diptych::test {
namespace {

using namespace linalg;

Tensor mt(const Tensor& x) { return transpose(x, -1, -2); }
double number(const Tensor& x) { return x.item<double>(); }

/// Derivatives of orders 1 to 4 of a function of one number at 0.
template <class F> std::array<double, 4> fourDerivatives(F f) {
  auto d1 = grad(f);
  auto d2 = grad(d1);
  auto d3 = grad(d2);
  auto d4 = grad(d3);
  const Tensor zero = tensor(0.0);
  return {number(d1(zero)), number(d2(zero)), number(d3(zero)), number(d4(zero))};
}

void expectNear(const std::array<double, 4>& got, const std::array<double, 4>& expected,
                double near) {
  for (size_t i = 0; i < 4; ++i)
    EXPECT_NEAR(got[i], expected[i], near * std::max(1.0, std::abs(expected[i])))
        << "order " << i + 1;
}

struct Line {
  explicit Line(int64_t n) {
    manual_seed(9);
    const Tensor x = randn({n, n});
    A = matmul(x, mt(x)) * 0.3 + eye(n);
    const Tensor y = 0.5 * randn({n, n});
    B = y + mt(y);
    b = randn({n, 1});
  }
  Tensor at(const Tensor& t) const { return A + t * B; }
  Tensor A, B, b;
};

TEST(LinalgDerivatives, SolveToTheFourthOrder) {
  const Line line(4);
  const Tensor C = matmul(inverse(line.A), line.B), x = solve(line.A, line.b);
  // d^k/dt^k of (A + tB)^-1 b at 0 is (-1)^k k! C^k x.
  std::array<double, 4> expected;
  Tensor power = x;
  double factor = 1;
  for (int k = 1; k <= 4; ++k) {
    power = matmul(C, power);
    factor *= -k;
    expected[static_cast<size_t>(k - 1)] = factor * number(sum(power * line.b));
  }
  expectNear(
      fourDerivatives([=](const Tensor& t) { return sum(solve(line.at(t), line.b) * line.b); }),
      expected, 1e-9);
  expectNear(fourDerivatives([=](const Tensor& t) {
               return sum(solve(mt(line.at(t)), line.b, {.transposed = true}) * line.b);
             }),
             expected, 1e-9);
  expectNear(fourDerivatives([=](const Tensor& t) {
               return sum(cholesky_solve(cholesky(line.at(t)), line.b) * line.b);
             }),
             expected, 1e-9);
}

TEST(LinalgDerivatives, LogDeterminantsToTheFourthOrder) {
  const Line line(4);
  const Tensor C = matmul(inverse(line.A), line.B);
  // d^k/dt^k of log det (A + tB) is (-1)^(k-1) (k-1)! tr C^k.
  std::array<double, 4> expected;
  Tensor power = C;
  double factor = 1;
  for (int k = 1; k <= 4; ++k) {
    expected[static_cast<size_t>(k - 1)] = factor * number(trace(power));
    power = matmul(C, power);
    factor *= -k;
  }
  expectNear(fourDerivatives([=](const Tensor& t) { return slogdet(line.at(t)).second; }), expected,
             1e-9);
  expectNear(fourDerivatives(
                 [=](const Tensor& t) { return 2.0 * sum(log(diagonal(cholesky(line.at(t))))); }),
             expected, 1e-9);
  expectNear(fourDerivatives([=](const Tensor& t) { return log(det(line.at(t))); }), expected,
             1e-8);
  expectNear(fourDerivatives([=](const Tensor& t) {
               return 2.0 * sum(log(diagonal(qr(cholesky(line.at(t))).second)));
             }),
             expected, 1e-8);
  expectNear(fourDerivatives([=](const Tensor& t) { return sum(log(eigvalsh(line.at(t)))); }),
             expected, 1e-7);
  expectNear(fourDerivatives([=](const Tensor& t) { return sum(log(svdvals(line.at(t)))); }),
             expected, 1e-7);
}

TEST(LinalgDerivatives, HessianOfSlogdetIsMinusInverseTimesInverse) {
  const Line line(3);
  const Tensor a = line.A + 0.2 * line.B + 0.1 * triu(line.B), inv = inverse(a);
  auto f = [](const Tensor& a) { return slogdet(a).second; };
  EXPECT_TRUE(allclose(grad(f)(a), mt(inv), 1e-12));
  const Tensor expected = -einsum("li,jk->ijkl", {inv, inv});
  EXPECT_TRUE(allclose(hessian(f)(a), expected, 1e-11, 1e-12));
  EXPECT_TRUE(allclose(jacrev(grad(f))(a), expected, 1e-11, 1e-12));
  EXPECT_TRUE(sameBits(strictJit(hessian(f))(a), hessian(f)(a)));
}

//===-- Determinants of singular matrices ----------------------------------------------------===//

// det(A + tB) is a polynomial of degree n in t, which n + 1 = 5 values give exactly.
std::array<double, 4> byInterpolation(const std::function<double(double)>& p) {
  const double a = p(-2), b = p(-1), c = p(0), d = p(1), e = p(2);
  return {(a - 8 * b + 8 * d - e) / 12, (-a + 16 * b - 30 * c + 16 * d - e) / 12,
          (-a + 2 * b - 2 * d + e) / 2, a - 4 * b + 6 * c - 4 * d + e};
}

TEST(LinalgDerivatives, DeterminantAtEveryRank) {
  manual_seed(21);
  const Tensor U = qr(randn({4, 4})).first, V = qr(randn({4, 4})).first, B = randn({4, 4});
  const std::vector<std::vector<double>> spectra{{3, 2, 1, 0.5}, {1, 1, 1, 1}, {3, 2, 1, 1e-9},
                                                 {3, 2, 1, 0},   {2, 2, 2, 0}, {3, 2, 0, 0},
                                                 {3, 0, 0, 0},   {0, 0, 0, 0}};
  for (const std::vector<double>& s : spectra) {
    const Tensor A = matmul(U * tensor(s), mt(V));
    auto f = [=](const Tensor& t) { return det(A + t * B); };
    const auto expected = byInterpolation([&](double t) { return number(f(tensor(t))); });
    const int rank = 4 - static_cast<int>(std::count(s.begin(), s.end(), 0));
    const auto got = fourDerivatives(f);
    const auto compiled = fourDerivatives(jit(f));
    for (size_t k = 0; k < (rank >= 2 ? 4u : 2u); ++k) {
      EXPECT_NEAR(got[k], expected[k], 1e-8) << "rank " << rank << ", order " << k + 1;
      EXPECT_NEAR(compiled[k], expected[k], 1e-8) << "rank " << rank << ", order " << k + 1;
    }
  }
}

TEST(LinalgDerivatives, DeterminantOfSmallAndOfZeroMatrices) {
  const Tensor zero = zeros({2, 2});
  EXPECT_TRUE(sameBits(grad([](const Tensor& a) { return det(a); })(zero), zero));
  const Tensor H = hessian([](const Tensor& a) { return det(a); })(zero); // ad - bc
  const Tensor expected = reshape(
      tensor({0.0, 0.0, 0.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0}),
      {2, 2, 2, 2});
  EXPECT_TRUE(allclose(H, expected, 0, 1e-15));
  EXPECT_EQ(number(grad([](const Tensor& a) { return det(a); })(zeros({1, 1}))), 1);
  // A batch of a regular and a singular matrix; the gradient of a diagonal one is known.
  const Tensor d =
      stack({tensor({2.0, 3.0, 5.0}), tensor({2.0, 0.0, 5.0}), tensor({0.0, 0.0, 5.0})});
  const Tensor g = grad([](const Tensor& a) { return sum(det(a)); })(unsqueeze(d, -1) * eye(3));
  const Tensor cofactors = stack({tensor({15.0, 10.0, 6.0}), tensor({0.0, 10.0, 0.0}), zeros({3})});
  EXPECT_TRUE(allclose(g, unsqueeze(cofactors, -1) * eye(3), 1e-12, 1e-12));
}

//===-- Equal eigenvalues --------------------------------------------------------------------===//

// The projector on the space of a double eigenvalue moves by R dA P + P dA R, R = (I - P) / gap.
TEST(LinalgDerivatives, ProjectorsOfEqualEigenvalues) {
  manual_seed(4);
  const Tensor Q = qr(randn({3, 3})).first, y = randn({3, 3}), dA = y + mt(y);
  const Tensor A = matmul(Q * tensor({1.0, 1.0, 3.0}), mt(Q));
  auto projector = [](const Tensor& a) {
    const Tensor V = slice(eigh(a).second, 1, 0, 2);
    return matmul(V, mt(V));
  };
  const Tensor P = projector(A), R = (eye(3) - P) / -2.0;
  const Tensor expected = matmul(matmul(R, dA), P) + matmul(matmul(P, dA), R);
  EXPECT_TRUE(allclose(jvp(projector)(A, dA).second, expected, 1e-9, 1e-10));
  auto f = [=](const Tensor& a) { return sum(projector(a) * dA); };
  EXPECT_TRUE(
      allclose(grad(f)(A), matmul(matmul(R, dA), P) + matmul(matmul(P, dA), R), 1e-9, 1e-10));
  // The sum of all eigenvalues is the trace, of their squares that of the square.
  EXPECT_TRUE(
      allclose(grad([](const Tensor& a) { return sum(eigvalsh(a)); })(A), eye(3), 1e-12, 1e-12));
  EXPECT_TRUE(
      allclose(grad([](const Tensor& a) { return sum(square(eigvalsh(eye(3) + 0.0 * a))); })(A),
               zeros({3, 3}), 1e-12, 1e-12));
  // Singular values: those of an orthogonal matrix are all 1, their sum is the nuclear norm.
  EXPECT_TRUE(allclose(grad([](const Tensor& a) { return sum(svdvals(a)); })(Q), Q, 1e-12, 1e-12));
}

TEST(LinalgDerivatives, PseudoInverseAtConstantRank) {
  manual_seed(6);
  const Tensor L = randn({4, 2}), R = randn({2, 5}), dL = randn({4, 2});
  auto f = [=](const Tensor& t) { return pinv(matmul(L + t * dL, R)); };
  // (L R)^+ = R^+ L^+ at full rank of the factors: L^+ = (L^T L)^-1 L^T.
  auto g = [=](const Tensor& t) {
    const Tensor moved = L + t * dL;
    const Tensor right = matmul(mt(R), inverse(matmul(R, mt(R))));
    return matmul(right, solve(matmul(mt(moved), moved), mt(moved)));
  };
  const Tensor zero = tensor(0.0);
  EXPECT_TRUE(allclose(f(zero), g(zero), 1e-10, 1e-11));
  EXPECT_TRUE(allclose(jacfwd(f)(zero), jacfwd(g)(zero), 1e-9, 1e-9));
  EXPECT_TRUE(allclose(jacfwd(jacfwd(f))(zero), jacfwd(jacfwd(g))(zero), 1e-8, 1e-8));
}

//===-- Through the transforms ---------------------------------------------------------------===//

TEST(LinalgDerivatives, CompiledAreTheBitsOfEager) {
  const Line line(5);
  const Tensor b = line.b;
  auto loss = [=](const Tensor& a) {
    const auto [w, V] = eigh(a);
    const Tensor x = solve(a, b);
    return sum(sin(matmul(mt(V), x))) + sum(cholesky(a) * a) + det(a) + sum(w * w * w);
  };
  expectEagerBits(loss, line.A);
  expectEagerBits(grad(loss), line.A);
  expectEagerBits(hessian(loss), line.A);
  const Tensor many = stack({line.A, line.A + 0.1 * line.B, 2.0 * line.A});
  expectEagerBits(vmap(grad(loss)), many);
  EXPECT_TRUE(allclose(select(vmap(grad(loss))(many), 0, 1), grad(loss)(line.A + 0.1 * line.B),
                       1e-11, 1e-12));
  EXPECT_TRUE(allclose(jacrev(grad(loss))(line.A), hessian(loss)(line.A), 1e-8, 1e-8));
}

TEST(LinalgDerivatives, PlainMatrixOfAVmapIsFactorisedOnce) {
  const Line line(4);
  const Tensor a = line.A + 0.3 * triu(line.B), many = randn({6, 4, 2});
  auto f = [=](const Tensor& b) { return solve(a, b); };
  EXPECT_TRUE(allclose(vmap(f)(many), solve(a, many), 1e-12, 1e-13));
  auto t = [=](const Tensor& b) { return triangular_solve(a, b, {.lower = false}); };
  EXPECT_TRUE(allclose(vmap(t)(many), triangular_solve(a, many, {.lower = false}), 1e-12, 1e-13));
  expectEagerBits(vmap(f), many);
}

} // namespace
} // namespace diptych::test
