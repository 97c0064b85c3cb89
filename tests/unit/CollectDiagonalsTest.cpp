// Derivatives of elementwise work on slices of a vector: a few diagonals, and what is made of them.
#include "tests/unit/KeepsTheValue.h"
#include "tests/unit/SameBits.h"

#include <random>
#include <sstream>

using namespace diptych;
using namespace diptych::test;

namespace {

void expectClose(const Tensor& got, const Tensor& expected) {
  ASSERT_EQ(got.shape(), expected.shape());
  const double scale = 1 + max(abs(expected)).item<double>();
  EXPECT_LE(max(abs(got - expected)).item<double>(), 1e-12 * scale);
}

TEST(CollectDiagonals, KeepsTheValue) {
  EXPECT_EQ(expectKeptValues("collect-diagonals.mlir", passes::collectDiagonals), 9);
}

/// A vector of a vector, by steps that keep its Jacobian a few diagonals.
class Elementwise {
public:
  explicit Elementwise(uint64_t seed) : seed_(seed) {}

  Tensor operator()(const Tensor& x) {
    engine_.seed(seed_);
    std::vector<Tensor> values{x};
    for (int64_t count = 3 + below(8); count > 0; --count)
      values.push_back(step(values[below(values.size())], values[below(values.size())]));
    return values.back();
  }

private:
  int64_t below(size_t n) { return static_cast<int64_t>(engine_() % n); }

  Tensor part(const Tensor& x, int64_t size) {
    const int64_t stride = 1 + (x.numel() > 2 * size ? below(2) : 0),
                  start = below(x.numel() - stride * (size - 1));
    return slice(x, 0, start, start + stride * (size - 1) + 1, stride);
  }

  Tensor step(const Tensor& x, const Tensor& y) {
    const int64_t size = std::min(x.numel(), y.numel()) - below(2);
    if (size < 2)
      return tanh(x);
    const Tensor a = part(x, size), b = part(y, size);
    switch (below(8)) {
    case 0: return a * b;
    case 1: return a - b;
    case 2: return a / (2.0 + b * b);
    case 3: return where(a > b, a, b);
    case 4: return concatenate({a, b}, 0);
    case 5: return pad(a, {{1 + below(3), below(3)}}, 0.5);
    case 6: return relu(a) + 0.5 * b;
    default: return sin(a) - b;
    }
  }

  uint64_t seed_;
  std::mt19937_64 engine_;
};

TEST(CollectDiagonals, RandomJacobians) {
  int written = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto f = [seed](const Tensor& x) { return Elementwise(seed)(x); };
    const auto g = [f](const Tensor& x) {
      const Tensor jacobian = jacfwd(f)(x);
      const int64_t rows = jacobian.shape(0), columns = jacobian.shape(1);
      const auto some = [](int64_t n, int64_t m) {
        return reshape(sin(arange(static_cast<double>(n * m))), {n, m});
      };
      return std::tuple{jacobian, sum(jacobian, 1), matmul(some(5, rows), jacobian),
                        matmul(jacobian, some(columns, 3)),
                        hessian([f](const Tensor& p) { return sum(f(p) * f(p)); })(x)};
    };
    manual_seed(seed);
    const Tensor x = randn({11 + static_cast<int64_t>(seed % 7)});
    auto compiled = jit(g);
    const auto results = compiled(x), eager = g(x);
    std::vector<Tensor> got, expected;
    forEachLeaf(results, [&](const Tensor& each) { got.push_back(each); });
    forEachLeaf(eager, [&](const Tensor& each) { expected.push_back(each); });
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      expectClose(got[i], expected[i]);
    written += compiled.ir("simplified").find("diptych.where") != std::string::npos;
  }
  EXPECT_GT(written, 20);
}

// Nothing of the size of the matrix but the one that is written.
TEST(CollectDiagonals, HessianOfNeighbours) {
  const auto f = [](const Tensor& x) {
    const Tensor a = slice(x, 0, 1), b = slice(x, 0, 0, -1), d = a - b * b, e = 1.0 - b;
    return sum(100.0 * d * d + e * e);
  };
  auto compiled = jit(hessian(f));
  const Tensor x = sin(arange(50.0));
  expectClose(compiled(x), hessian(f)(x));
  std::istringstream text(compiled.ir("simplified"));
  int chosen = 0;
  for (std::string line; std::getline(text, line);)
    if (line.find("-> tensor<50x50xf64>") != std::string::npos &&
        line.find("diptych.broadcast") == std::string::npos) {
      EXPECT_NE(line.find("diptych.where"), std::string::npos) << line;
      ++chosen;
    }
  EXPECT_EQ(chosen, 3);
}

} // namespace
