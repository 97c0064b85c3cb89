// Misuse of the cumulative functions.
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

} // namespace
