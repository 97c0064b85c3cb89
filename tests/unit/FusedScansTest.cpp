// Cumulative operators in kernels of their neighbours: strict compiled bits are eager's.
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <limits>

#include "SameBits.h"
#include "Threads.h"

namespace dt = diptych;

namespace {

using Function = std::function<std::vector<dt::Tensor>(const dt::Tensor&, const dt::Tensor&)>;

// Zeros of both signs, NaN and infinities among them, also at the beginning of a chain.
dt::Tensor numbers(const dt::Shape& shape, dt::DType dtype, uint64_t key) {
  const auto x = dt::random::normal(dt::random::key(key), shape);
  if (dtype == dt::i64)
    return (10 * x).astype(dtype);
  const auto kind = dt::random::uniform(dt::random::key(key + 1), shape);
  const double infinity = std::numeric_limits<double>::infinity();
  auto special = dt::where(kind < 0.1, -0.0, x);
  special = dt::where(kind > 0.98, infinity, special);
  special = dt::where(kind > 0.99, std::numeric_limits<double>::quiet_NaN(), special);
  return special.astype(dtype);
}

void expectEagersBits(const Function& f, const dt::Tensor& x, const dt::Tensor& y) {
  const auto compiled = dt::jit(f, {.numerics = dt::Numerics::strict});
  for (const int threads : {1, 2}) {
    dt::test::Threads pool(threads);
    const auto expected = f(x, y), got = compiled(x, y);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(dt::test::sameTensor(got[i], expected[i])) << "result " << i;
  }
}

struct FusedScans : testing::TestWithParam<std::tuple<dt::Shape, dt::DType>> {
  const dt::Shape shape = std::get<0>(GetParam());
  const dt::DType dtype = std::get<1>(GetParam());
  const int64_t axis = shape.size() - 2;
  const dt::Tensor x = numbers(shape, dtype, 1), y = numbers(shape, dtype, 3);

  // The test means nothing if they were not fused.
  void check(const Function& f) {
    expectEagersBits(f, x, y);
    const auto compiled = dt::jit(f, {.numerics = dt::Numerics::strict});
    compiled(x, y);
    EXPECT_NE(compiled.ir("fused").find("\"scan\""), std::string::npos);
  }
};

TEST_P(FusedScans, OfProductsReadByOthers) {
  check([this](const dt::Tensor& x, const dt::Tensor& y) {
    const auto sums = dt::cumsum(x, axis), products = dt::cumsum(x * y, axis);
    return std::vector{products - sums * sums, products};
  });
}

TEST_P(FusedScans, BothDirectionsAndOthersOfSums) {
  check([this](const dt::Tensor& x, const dt::Tensor& y) {
    const auto behind = dt::cumsum(x * y, axis, {.reverse = true});
    const auto before = dt::cumsum(x + y, axis, {.exclusive = true});
    return std::vector{dt::cumsum(behind - before, axis) * y};
  });
}

TEST_P(FusedScans, Recurrences) {
  check([this](const dt::Tensor& x, const dt::Tensor& y) {
    const auto forward = dt::linear_recurrence(x * x, y - x, axis);
    return std::vector{forward + x, dt::linear_recurrence(y, forward * y, axis, true)};
  });
}

// What is summed is the same for all lanes.
TEST_P(FusedScans, OfARowThatRepeats) {
  check([this](const dt::Tensor& x, const dt::Tensor& y) {
    const auto wide = dt::broadcast_to(dt::slice(x, -1, 0, 1), y.shape());
    return std::vector{dt::cumsum(wide, axis) * y};
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, FusedScans,
                         testing::Combine(testing::Values(dt::Shape{1, 16}, dt::Shape{37, 4},
                                                          dt::Shape{20, 67}, dt::Shape{3, 11, 21},
                                                          dt::Shape{2, 5, 7, 9},
                                                          dt::Shape{600, 200}),
                                          testing::Values(dt::f64, dt::f32, dt::i64)));

// Many series side by side are shared out to threads; the last piece is no whole vector.
TEST(FusedScansOfAPanel, ThreadsKeepBits) {
  const auto x = dt::rand({400, 1001}), y = dt::rand({400, 1001});
  expectEagersBits(
      [](const dt::Tensor& x, const dt::Tensor& y) {
        const auto wealth = dt::cumsum(dt::log(1 + 0.1 * x), 0);
        return std::vector{dt::exp(wealth) * dt::cumsum(y, 0), wealth};
      },
      x, y);
}

// A sum of a product's result is no part of the product's kernel.
TEST(FusedScansOfAPanel, OfAProduct) {
  const auto x = dt::rand({40, 30}), y = dt::rand({30, 50});
  expectEagersBits(
      [](const dt::Tensor& x, const dt::Tensor& y) {
        return std::vector{dt::cumsum(dt::matmul(x, y), 0) + 1};
      },
      x, y);
}

TEST(FusedScansOfAPanel, DerivativesOfBothModes) {
  const auto x = dt::rand({12, 9}) + 0.5;
  const auto loss = [](const dt::Tensor& x) {
    const auto drawdown = dt::cumsum(dt::log(x), 0) - dt::linear_recurrence(0.9, x, 0);
    return dt::sum(dt::square(drawdown));
  };
  const auto strict = dt::JitOptions{.numerics = dt::Numerics::strict};
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(dt::grad(loss), strict)(x), dt::grad(loss)(x)));
  EXPECT_TRUE(dt::test::sameTensor(dt::jit(dt::hessian(loss), strict)(x), dt::hessian(loss)(x)));
}

} // namespace
