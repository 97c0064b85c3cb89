// Sums of products that are summed without being written out: the same numbers, and the programs
// that this is for. Products of matrices that compute an operand, and symmetric ones.
#include "tests/unit/KeepsTheValue.h"
#include "tests/unit/SameBits.h"

#include "runtime/ThreadPool.h"
#include "tools/study/ClosedForms.h"

namespace dt = diptych;
using namespace diptych::test;

namespace {

TEST(FactorProducts, KeepsTheValue) {
  const auto pass = [](mlir::func::FuncOp function) {
    return dt::passes::factorProducts(function, 0);
  };
  EXPECT_EQ(expectKeptValues("factor-products.mlir", pass), 11);
}

// Beside an operand that is large enough to look at.
TEST(FactorProducts, NoColumns) {
  const auto f = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::matmul(x, dt::transpose(y + y));
  };
  const dt::Tensor got = dt::jit(f)(dt::ones({40, 30}), dt::ones({0, 30}));
  EXPECT_EQ(got.shape(), (dt::Shape{40, 0}));
}

dt::Tensor objective(const dt::Tensor& w, const dt::Tensor& X, const dt::Tensor& r) {
  const auto pnl = dt::sum(dt::softmax(dt::matmul(X, w), -1) * r, -1);
  return std::sqrt(252.0) * dt::mean(pnl) / dt::stddev(pnl) - 0.05 * dt::sum(w * w);
}

struct Market {
  explicit Market(const dt::Shape& shape, dt::DType dtype = dt::f64) {
    dt::manual_seed(5);
    X = dt::randn(shape, dtype);
    r = (0.02 * dt::randn({shape[0], shape[1]})).astype(dtype);
    w = (0.2 * dt::randn({shape[2]})).astype(dtype);
  }
  dt::Tensor X, r, w;
};

double apart(const dt::Tensor& got, const dt::Tensor& expected) {
  const auto of = [](const dt::Tensor& x) {
    return dt::max(dt::abs(x)).astype(dt::f64).item<double>();
  };
  return of(got - expected) / of(expected);
}

struct Threads {
  explicit Threads(int n) : before(dt::runtime::ThreadPool::global().threads()) {
    dt::runtime::ThreadPool::global().setThreads(n);
  }
  ~Threads() { dt::runtime::ThreadPool::global().setThreads(before); }
  int before;
};

class PortfolioHessian : public testing::TestWithParam<dt::Shape> {};

// By the closed form, in no more memory than the scores, and the same on any number of threads.
TEST_P(PortfolioHessian, IsOneProductWithoutAnArrayOfXsSize) {
  const Market m(GetParam());
  const auto X = m.X.to_vector<double>(), r = m.r.to_vector<double>(), w = m.w.to_vector<double>();
  const auto size = [&](int axis) { return static_cast<size_t>(GetParam()[axis]); };
  const diptych::study::FactorPortfolio problem{size(0), size(1), size(2), X, r};
  const auto closed = diptych::study::portfolioHessian(problem, w);
  const auto jitted = dt::jit(dt::hessian(objective));
  const dt::Tensor H = jitted(m.w, m.X, m.r);
  EXPECT_LT(apart(H, dt::reshape(dt::tensor(closed), H.shape())), 1e-11);
  EXPECT_LT(jitted.stats().arenaBytes, m.X.type().bytes() / 2);
  const Threads one(1);
  EXPECT_TRUE(sameBits(jitted(m.w, m.X, m.r), H));
}
// Rows fewer and more than a block of parts; K that fills tiles and vectors, and K that does not.
INSTANTIATE_TEST_SUITE_P(Sizes, PortfolioHessian,
                         testing::Values(dt::Shape{60, 300, 8}, dt::Shape{64, 130, 11},
                                         dt::Shape{120, 280, 36}, dt::Shape{113, 300, 70}));

TEST(FactorProducts, PortfolioHessianOfFloats) {
  const Market m({113, 300, 70}, dt::f32), wide({113, 300, 70});
  const auto narrow = [](const dt::Tensor& x) { return x.astype(dt::f32).astype(dt::f64); };
  const auto H = dt::jit(dt::hessian(objective))(m.w, m.X, m.r);
  const auto expected =
      dt::hessian(objective)(narrow(m.w.astype(dt::f64)), m.X.astype(dt::f64), m.r.astype(dt::f64));
  EXPECT_LT(apart(H.astype(dt::f64), expected), 2e-5);
}

// Its batched tangents have n^3 elements; sums of their products have n^2.
TEST(FactorProducts, DispersionOfRisk) {
  const auto F = [](const dt::Tensor& w, const dt::Tensor& S) {
    const auto risk = w * dt::matmul(S, w);
    const auto d = dt::unsqueeze(risk, 1) - dt::unsqueeze(risk, 0);
    return dt::sum(d * d);
  };
  dt::manual_seed(7);
  const int64_t n = 64;
  const auto A = dt::randn({n, n}), S = dt::matmul(A, dt::transpose(A)) / 64.0;
  const auto w = dt::rand({n}) + 0.5;
  const auto jitted = dt::jit(dt::hessian(F));
  const dt::Tensor H = jitted(w, S);
  const auto closed =
      diptych::study::riskDispersionHessian(S.to_vector<double>(), w.to_vector<double>());
  EXPECT_LT(apart(H, dt::reshape(dt::tensor(closed), {n, n})), 1e-11);
  EXPECT_LT(jitted.stats().arenaBytes, n * n * n * 8 / 4);
}

//===-- Products that compute an operand -----------------------------------------------------===//

// The operand is nowhere in memory; it would have the size of b.
template <class F>
void expectClose(F f, double tolerance, const dt::Tensor& a, const dt::Tensor& b,
                 const auto&... others) {
  const auto jitted = dt::jit(f);
  const dt::Tensor got = jitted(a, b, others...);
  EXPECT_LT(apart(got, f(a, b, others...)), tolerance);
  EXPECT_LT(jitted.stats().arenaBytes, b.type().bytes() / 2);
  const Threads one(1);
  EXPECT_TRUE(sameBits(jitted(a, b, others...), got));
}

TEST(FactorProducts, ProductComputesItsRightSide) {
  dt::manual_seed(9);
  for (const dt::DType dtype : {dt::f64, dt::f32}) {
    const double tolerance = dtype == dt::f64 ? 1e-13 : 1e-5;
    const auto some = [&](const dt::Shape& shape) { return dt::randn(shape, dtype); };
    expectClose(
        [](const dt::Tensor& a, const dt::Tensor& b, const dt::Tensor& c) {
          return dt::matmul(dt::transpose(a), dt::unsqueeze(c, 1) * b);
        },
        tolerance, some({40000, 30}), some({40000, 50}), some({40000}));
    expectClose([](const dt::Tensor& a, const dt::Tensor& b,
                   const dt::Tensor& c) { return dt::matmul(a, dt::transpose(c * b)); },
                tolerance, some({50, 603}), some({201, 603}), some({603}));
    expectClose([](const dt::Tensor& a, const dt::Tensor& b,
                   const dt::Tensor& c) { return dt::matmul(a, dt::unsqueeze(c, 2) * b); },
                tolerance, some({20, 9, 300}), some({20, 300, 33}), some({20, 300}));
    expectClose([](const dt::Tensor& a, const dt::Tensor& b) { return dt::matmul(a, b * b + 1.0); },
                tolerance, some({5, 4000}), some({4000, 41}));
  }
}

//===-- Symmetric products -------------------------------------------------------------------===//

// Half of the tiles and eager's bits: each product of two elements is the same both ways.
TEST(FactorProducts, GramMatricesKeepEveryBit) {
  dt::manual_seed(11);
  const auto gram = [](const dt::Tensor& x) { return dt::matmul(dt::transpose(x), x); };
  const auto rows = [](const dt::Tensor& x) { return dt::matmul(x, dt::transpose(x)); };
  for (const int64_t n : {32, 45, 64}) {
    expectEagerBits(gram, dt::randn({9001, n}));
    expectEagerBits(rows, dt::randn({n, 9001}));
  }
  const auto H = dt::jit(gram)(dt::randn({9001, 45}));
  EXPECT_TRUE(sameBits(H, dt::transpose(H)));
}

// Hessians of regressions: what scales X's rows is a kernel of its own, so that the product scales
// where it reads, and half of it is enough.
TEST(FactorProducts, WeightedGramMatricesAreHalved) {
  dt::manual_seed(12);
  const auto loss = [](const dt::Tensor& w, const dt::Tensor& X) {
    return dt::mean(dt::softplus(dt::matmul(X, w)));
  };
  const dt::Tensor w = 0.1 * dt::randn({45}), X = dt::randn({9001, 45});
  const auto f = dt::jit(dt::hessian(loss));
  const dt::Tensor H = f(w, X), expected = dt::hessian(loss)(w, X);
  EXPECT_LE(dt::max(dt::abs(H - expected)).item<double>(), 1e-15);
  EXPECT_TRUE(sameBits(H, dt::transpose(H)));
  EXPECT_NE(f.ir("simplified").find("diptych.upper"), std::string::npos) << f.ir("simplified");
  EXPECT_LE(f.stats().arenaBytes, X.type().bytes() / 4);
  // Nor need it be a Hessian: the product itself shows it.
  const auto gram = [](const dt::Tensor& X, const dt::Tensor& d) {
    return dt::matmul(dt::transpose(X), X * d);
  };
  const dt::Tensor d = dt::exp(dt::randn({9001, 1}));
  const auto g = dt::jit(gram);
  const dt::Tensor G = g(X, d);
  EXPECT_LE(dt::max(dt::abs(G - gram(X, d))).item<double>(), 1e-10);
  EXPECT_TRUE(sameBits(G, dt::transpose(G)));
  EXPECT_NE(g.ir("plan").find("mirror"), std::string::npos) << g.ir("plan");
}

// a (b d) is not (a d) b to the last bit: strict computes both halves.
TEST(FactorProducts, WeightedGramMatricesKeepEveryBit) {
  dt::manual_seed(15);
  const auto gram = [](const dt::Tensor& x, const dt::Tensor& d) {
    return dt::matmul(dt::transpose(x), x * d);
  };
  for (const int64_t k : {300, 9001})
    for (const int64_t n : {45, 64})
      expectEagerBits(gram, dt::randn({k, n}), dt::exp(dt::randn({k, 1})));
}

// Short sums in halves too, whatever the last tiles are, and on any number of threads.
TEST(FactorProducts, GramMatricesOfFewRowsAreHalved) {
  dt::manual_seed(16);
  const auto gram = [](const dt::Tensor& x) { return dt::matmul(dt::transpose(x), x); };
  const auto batch = [](const dt::Tensor& x) { return dt::matmul(dt::transpose(x, 1, 2), x); };
  for (const int64_t n : {33, 47, 100, 333}) {
    expectEagerBits(batch, dt::randn({1, 64, n}));
    expectEagerBits(gram, dt::randn({64, n}));
    expectEagerBits(gram, dt::randn({900, n}));
    const auto f = dt::jit(gram);
    const dt::Tensor X = dt::randn({300, n}), H = f(X);
    EXPECT_LE(dt::max(dt::abs(H - gram(X))).item<double>(), 1e-12);
    EXPECT_TRUE(sameBits(H, dt::transpose(H)));
    EXPECT_NE(f.ir("plan").find("mirror"), std::string::npos) << f.ir("plan");
  }
}

// What is scaled by something else along the columns is not symmetric.
TEST(FactorProducts, OtherProductsAreNotHalved) {
  dt::manual_seed(13);
  const auto f = [](const dt::Tensor& x, const dt::Tensor& rows, const dt::Tensor& columns) {
    return dt::matmul(dt::transpose(x), x * dt::unsqueeze(rows, 1) * columns);
  };
  const dt::Tensor x = dt::randn({9001, 45}), rows = dt::randn({9001}), columns = dt::randn({45});
  const dt::Tensor expected = f(x, rows, columns), got = dt::jit(f)(x, rows, columns);
  EXPECT_LE(dt::max(dt::abs(got - expected)).item<double>(), 1e-10);
}

// Small arrays, too: W3's dispersion of 20 assets needs no array of n^3.
TEST(FactorProducts, DispersionOfFewAssets) {
  const auto dispersion = [](const dt::Tensor& w, const dt::Tensor& S) {
    const dt::Tensor risk = w * dt::matmul(S, w);
    const dt::Tensor apart = dt::unsqueeze(risk, 1) - dt::unsqueeze(risk, 0);
    return dt::sum(apart * apart);
  };
  dt::manual_seed(14);
  const dt::Tensor A = dt::randn({20, 20}), S = dt::matmul(A, dt::transpose(A)) / 20.0;
  const dt::Tensor w = 0.5 + dt::rand({20});
  const auto f = dt::jit(dt::hessian(dispersion));
  const dt::Tensor expected = dt::hessian(dispersion)(w, S);
  EXPECT_LE(dt::max(dt::abs(f(w, S) - expected)).item<double>(),
            1e-13 * dt::max(dt::abs(expected)).item<double>());
  EXPECT_LT(f.stats().arenaBytes, 20 * 20 * 20 * 8 / 2);
}

} // namespace
