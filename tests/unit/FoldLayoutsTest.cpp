// Sums of the same numbers in other layouts: along a row, across a column, few or many of them side
// by side, with what is left over from 16 partials and from blocks of 4096. The bits are the same.
#include "tests/unit/SameBits.h"

namespace dt = diptych;
using namespace diptych::test;

namespace {

class FoldLayouts : public testing::TestWithParam<int64_t> {};

// [n, columns] is summed across columns, its transpose along rows.
TEST_P(FoldLayouts, HaveTheSameBits) {
  const int64_t n = GetParam();
  dt::manual_seed(n);
  for (const dt::DType dtype : {dt::f64, dt::f32})
    for (const int64_t columns : {1, 2, 3, 5, 8, 9, 16, 17, 40}) {
      SCOPED_TRACE(std::to_string(columns) + " columns of " + dt::name(dtype));
      const auto x = dt::randn({n, columns}, dtype);
      const auto rows = dt::transpose(x).contiguous();
      const auto across = [](const dt::Tensor& x) { return dt::sum(x, 0); };
      const auto along = [](const dt::Tensor& x) { return dt::sum(x, 1); };
      const auto largest = [](const dt::Tensor& x) { return dt::max(x * x, 0); };
      const dt::Tensor sums = across(x);
      EXPECT_TRUE(sameBits(along(rows), sums));
      EXPECT_TRUE(sameBits(strictJit(across)(x), sums));
      EXPECT_TRUE(sameBits(strictJit(along)(rows), sums));
      EXPECT_TRUE(sameBits(strictJit(along)(x), along(x)));
      EXPECT_TRUE(sameBits(strictJit(largest)(x), largest(x)));
    }
}
INSTANTIATE_TEST_SUITE_P(Lengths, FoldLayouts,
                         testing::Values(1, 2, 3, 5, 8, 15, 16, 17, 33, 4095, 4096, 4097, 9000));

} // namespace
