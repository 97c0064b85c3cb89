// Sums of one long row: compiled, their blocks are cut over threads; every bit is that of the order
// which docs/design.md states, as eager sums on one thread have it.
#include "runtime/ThreadPool.h"
#include "tests/unit/SameBits.h"

#include <diptych/diptych.h>

#include <gtest/gtest.h>

namespace dt = diptych;

namespace {

struct Threads {
  explicit Threads(int n) : before(dt::runtime::ThreadPool::global().threads()) {
    dt::runtime::ThreadPool::global().setThreads(n);
  }
  ~Threads() { dt::runtime::ThreadPool::global().setThreads(before); }
  int before;
};

dt::Tensor sumOfExponentials(const dt::Tensor& x) { return dt::sum(dt::exp(x) * x); }

template <class F> void sameOnAnyThreads(F f, const dt::Tensor& x, const char* name) {
  const auto compiled = dt::jit(f, {.numerics = dt::Numerics::strict});
  dt::Tensor expected;
  {
    const Threads one(1);
    expected = f(x);
    EXPECT_TRUE(dt::test::sameBits(compiled(x), expected)) << name << " " << x.shape();
  }
  for (int n : {2, 3}) {
    const Threads several(n);
    EXPECT_TRUE(dt::test::sameBits(compiled(x), expected))
        << name << " " << x.shape() << " on " << n;
    EXPECT_TRUE(dt::test::sameBits(f(x), expected)) << "eager " << name << " " << x.shape();
  }
  EXPECT_NE(compiled.ir("plan").find("block_sum"), std::string::npos) << name << " is not cut";
}

// Whole groups of 64 blocks, more of them, a rest of blocks, of elements, and both; less than a
// group.
const int64_t kLengths[] = {1 << 20,        3 << 18, (1 << 20) + 5 * 4096,
                            (1 << 20) + 77, 1000003, 250001};

TEST(LongSums, HaveTheSameBitsOnAnyNumberOfThreads) {
  dt::manual_seed(3);
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const int64_t n : kLengths)
      sameOnAnyThreads(sumOfExponentials, dt::randn({n}, dtype), "sum of exp(x) x");
}

TEST(LongSums, SeveralOfOneRowAreCutTogether) {
  const auto moments = [](const dt::Tensor& x) {
    return dt::stack({dt::sum(x * x), dt::sum(dt::exp(x)), dt::sum(dt::tanh(x) * x)});
  };
  sameOnAnyThreads(moments, dt::randn({700001}), "moments");
}

TEST(LongSums, OfEverySecondElement) {
  const auto alternate = [](const dt::Tensor& x) {
    return dt::sum(dt::exp(dt::slice(x, 0, 1, x.shape()[0], 2)));
  };
  sameOnAnyThreads(alternate, dt::randn({1200001}), "strided");
}

// Maxima and sums of integers are exact in any order and stay one call; short sums too.
TEST(LongSums, OthersAreNotCut) {
  const auto plan = [](auto f, const dt::Tensor& x) {
    auto compiled = dt::jit(f);
    compiled(x);
    return compiled.ir("plan");
  };
  const dt::Tensor x = dt::randn({1 << 20});
  EXPECT_EQ(plan([](const dt::Tensor& x) { return dt::max(x); }, x).find("block_sum"),
            std::string::npos);
  EXPECT_EQ(plan(sumOfExponentials, dt::randn({4000})).find("block_sum"), std::string::npos);
}

} // namespace
