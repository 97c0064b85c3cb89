// Results that are returned by way of transposes and of axes of one element: written where they are
// returned, along the axis that costs least, with eager's bits.
#include "tests/unit/SameBits.h"

#include <gmock/gmock.h>

namespace dt = diptych;
using namespace diptych::test;
using testing::HasSubstr;
using testing::Not;

namespace {

class ResultLayouts : public testing::TestWithParam<std::vector<int64_t>> {};

template <class F> void expectNoCopy(F f, const dt::Tensor& x) {
  expectEagerBits(f, x);
  const auto jitted = dt::jit(f);
  jitted(x);
  EXPECT_THAT(jitted.ir("plan"), Not(HasSubstr("copy")));
}

TEST_P(ResultLayouts, ComeFromKernelsWithoutACopy) {
  const std::vector<int64_t>& shape = GetParam();
  const dt::Tensor x = dt::randn({shape[0], shape[1], shape[2]});
  expectNoCopy([](const dt::Tensor& x) { return dt::transpose(dt::exp(x)); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::permute(x * x + 1.0, {2, 0, 1}); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::permute(-x, {1, 2, 0}); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::unsqueeze(dt::transpose(x - 1.0), 1); }, x);
  expectNoCopy([](const dt::Tensor& x) { return dt::transpose(dt::sum(x, 1)); }, x);
}
INSTANTIATE_TEST_SUITE_P(Shapes, ResultLayouts,
                         testing::Values(std::vector<int64_t>{3, 4, 5},
                                         std::vector<int64_t>{40, 1, 33},
                                         std::vector<int64_t>{1, 64, 17},
                                         std::vector<int64_t>{2, 100, 3}));

// Somebody else reads it too, or it is returned twice: each result has memory of its own.
TEST(ResultLayouts, ThatAreSharedKeepTheirValues) {
  const dt::Tensor x = dt::randn({20, 30});
  expectEagerBits(
      [](const dt::Tensor& x) {
        const dt::Tensor y = dt::exp(x);
        return std::tuple(dt::transpose(y), y, dt::sum(y, 0));
      },
      x);
  expectEagerBits(
      [](const dt::Tensor& x) {
        const dt::Tensor y = dt::transpose(x * 2.0);
        return std::tuple(y, y);
      },
      x);
}

// Both lie across each other: one is read with strides whatever the order of the loops.
TEST(ResultLayouts, AddAMatrixToItsTranspose) {
  const auto f = [](const dt::Tensor& x) { return x + dt::transpose(x); };
  const auto g = [](const dt::Tensor& x, const dt::Tensor& y) {
    return dt::transpose(dt::transpose(x) * dt::transpose(y) + x);
  };
  for (const int64_t n : {1, 7, 16, 50}) {
    expectEagerBits(f, dt::randn({n, n}));
    expectEagerBits(g, dt::randn({n, n}), dt::randn({n, n}));
  }
}

// Copies of a long body are bounded: 13 exponentials of 8 vectors once took a second to compile.
TEST(ResultLayouts, FoldsOfHeavyBodiesStaySmall) {
  const auto f = dt::jit([](const dt::Tensor& x) { return dt::logsumexp(x, -1); });
  f(dt::randn({5000, 13}));
  EXPECT_LT(f.stats().objectBytes, 60000);
}

} // namespace
