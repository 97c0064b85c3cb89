// Misuse of cumulative functions, of sorting and its kin, and of rolling windows.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

const dt::Tensor x = dt::ones({4, 3}), s = dt::tensor(1.0), n = dt::tensor({1, 2});

TEST(CumulativeErrors, AxesAndTypes) {
  EXPECT_ERROR_HERE(dt::cumsum(x, 2), "cumsum:", "rank 2");
  EXPECT_ERROR_HERE(dt::cumprod(s, 0), "cumprod:", "rank 0");
  EXPECT_ERROR_HERE(dt::cumsum(x > 0, 0), "cumsum: expected an operand of f32", "boolean[4,3]");
  EXPECT_ERROR_HERE(dt::logcumsumexp(n, 0), "logcumsumexp:", "i32[2]");
  EXPECT_ERROR_HERE(dt::linear_recurrence(n, x, 0), "linear_recurrence:", "i32", "f64");
  EXPECT_ERROR_HERE(dt::linear_recurrence(dt::ones({2}), x, 0), "linear_recurrence:", "[2]");
}

TEST(CumulativeErrors, Decay) {
  EXPECT_ERROR_HERE(dt::Decay::alpha(0), "0 < alpha <= 1", "got 0");
  EXPECT_ERROR_HERE(dt::Decay::span(0.5), "span >= 1");
  EXPECT_ERROR_HERE(dt::Decay::com(-1), "com >= 0");
  EXPECT_ERROR_HERE(dt::Decay::halflife(0), "halflife > 0");
  EXPECT_ERROR_HERE(dt::ewm_mean(n, dt::Decay::span(3), 0), "ewm_mean:", "i32[2]");
}

TEST(SortingErrors, AxesSizesAndTypes) {
  EXPECT_ERROR_HERE(dt::sort(x, 2), "sort:", "rank 2");
  EXPECT_ERROR_HERE(dt::sort(x > 0), "argsort: expected an operand of f32", "boolean[4,3]");
  EXPECT_ERROR_HERE(dt::topk(x, 4), "topk: expected k from 0 to 3, got 4", "f64[4,3]");
  EXPECT_ERROR_HERE(dt::rank(s, 0), "rank:", "rank 0");
  EXPECT_ERROR_HERE(dt::searchsorted(x, dt::ones({2, 3})), "searchsorted:", "equal leading axes");
  EXPECT_ERROR_HERE(dt::searchsorted(n, x), "searchsorted:", "one dtype", "i32[2]");
  EXPECT_ERROR_HERE(dt::quantile(x, 80, 0), "quantile: expected 0 <= q <= 1", "not a percentage");
  EXPECT_ERROR_HERE(dt::median(n), "median:", "i32[2]");
  EXPECT_ERROR_HERE(dt::median(dt::zeros({0})), "at least one element", "f64[0]");
}

TEST(SortingErrors, UniqueInATraceSaysTheRemedy) {
  auto traced = [](const dt::Tensor& x) { return dt::unique(x).values; };
  EXPECT_ERROR_HERE(dt::unique(x, -1), "unique: expected a size that is not negative");
  const std::string message = dt::test::messageOf([&] { dt::jit(traced)(x); });
  dt::test::expectMessage(message, {"unique: expected a tensor with numbers", "unique(x, size)"});
  const std::string mapped = dt::test::messageOf([&] { dt::vmap(traced)(x); });
  dt::test::expectMessage(mapped, {"unique(x, size)"});
}

TEST(ScatterErrors, IndicesAndUpdates) {
  EXPECT_ERROR_HERE(dt::scatter(x, dt::tensor({4}), 0.0), "scatter: index 4", "f64[4,3]");
  EXPECT_ERROR_HERE(dt::scatter(x, dt::tensor({0}), dt::ones({2})), "scatter:", "[2]");
  EXPECT_ERROR_HERE(dt::scatter(x, dt::tensor({0}), n), "updates of x's dtype", "i32[2]");
  EXPECT_ERROR_HERE(dt::scatter_along_axis(x, dt::tensor({0}), 1.0, 0),
                    "scatter_along_axis:", "differ from x only along axis 0");
}

TEST(RollingErrors, Windows) {
  EXPECT_ERROR_HERE(dt::rolling_sum(x, 0, 0),
                    "rolling_sum: expected a window of at least 1, got 0");
  EXPECT_ERROR_HERE(dt::rolling_mean(x, 3, 2), "rolling_mean:", "rank 2");
  EXPECT_ERROR_HERE(dt::rolling_std(n, 3, 0), "rolling_std:", "i32[2]");
  EXPECT_ERROR_HERE((dt::rolling_max(x, 3, 0, {.min_periods = 4})),
                    "rolling_max:", "min_periods from 0 to the window's size, 3");
  EXPECT_ERROR_HERE(dt::rolling_corr(x, dt::ones({2}), 3, 0), "rolling_corr:", "[2]");
  EXPECT_ERROR_HERE(dt::rolling_quantile(x, -0.1, 3, 0), "rolling_quantile: expected 0 <= q <= 1");
  EXPECT_ERROR_HERE(dt::shift(n, 1, 0), "shift: expected a fill for i32[2]");
}

} // namespace
