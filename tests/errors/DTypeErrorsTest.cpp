// Element types that do not fit: nothing is promoted or rounded silently.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

const dt::Tensor wide = dt::tensor({1.0, 2.0});
const dt::Tensor narrow = dt::tensor({1.0f, 2.0f});
const dt::Tensor counts = dt::tensor({1, 2});
const dt::Tensor mask = dt::tensor({true, false});

TEST(DTypeErrors, TwoTensorsHaveOneDType) {
  EXPECT_ERROR_HERE(wide + narrow, "add: expected operands of one dtype", "f64[2] and f32[2]",
                    "x.astype(f64)");
  EXPECT_ERROR_HERE(counts * wide, "mul:", "i32[2] and f64[2]");
  EXPECT_ERROR_HERE(dt::where(mask, wide, narrow), "where:", "f64[2] and f32[2]");
  EXPECT_ERROR_HERE(dt::matmul(wide, narrow), "matmul:", "one dtype");
  EXPECT_ERROR_HERE(dt::concatenate({wide, narrow}), "concatenate:", "f64[2] and f32[2]");
}

TEST(DTypeErrors, NumbersDoNotChangeATensorsDType) {
  EXPECT_ERROR_HERE(counts * 0.5, "i32", "0.5", "astype");
  EXPECT_ERROR_HERE(counts + (int64_t{1} << 40), "does not fit i32");
  EXPECT_ERROR_HERE(counts + 1e300, "the number 1e+300 does not fit i32");
  EXPECT_ERROR_HERE(counts + 1e-7, "cannot take the number 1e-07");
  EXPECT_ERROR_HERE(dt::full({2}, 0.5, dt::i64), "i64", "0.5");
  EXPECT_ERROR_HERE(dt::pad(counts, {{1, 1}}, 0.5), "i32", "0.5");
}

TEST(DTypeErrors, OperatorsSayWhatTheyTake) {
  EXPECT_ERROR_HERE(counts / 2, "div:", "f32, f64, bf16 or f16", "astype");
  EXPECT_ERROR_HERE(dt::exp(counts), "exp:", "i32[2]", "astype");
  EXPECT_ERROR_HERE(mask + mask, "add:", "boolean[2]");
  EXPECT_ERROR_HERE(dt::logical_and(mask, wide), "logical_and:");
  EXPECT_ERROR_HERE(dt::where(wide, wide, wide), "where:", "boolean condition");
  EXPECT_ERROR_HERE(dt::mean(counts), "mean:", "f32, f64, bf16 or f16", "astype");
  EXPECT_ERROR_HERE(dt::softmax(counts), "softmax:", "f32, f64, bf16 or f16");
  EXPECT_ERROR_HERE(dt::sum(mask), "sum:", "boolean[2]");
  EXPECT_ERROR_HERE(dt::matmul(counts, counts), "matmul:", "f32, f64, bf16 or f16");
  EXPECT_ERROR_HERE(dt::take(wide, wide), "gather:", "indices");
  EXPECT_ERROR_HERE(dt::any(wide), "boolean");
}

TEST(DTypeErrors, ElementsAreReadAsWhatTheyAre) {
  EXPECT_ERROR_HERE(wide.data<float>(), "data:", "f32", "f64[2]", "astype(f32)");
  EXPECT_ERROR_HERE(wide.to_vector<int64_t>(), "to_vector:", "i64", "astype(i64)");
}

TEST(DTypeErrors, OnlyFloatsHaveGradients) {
  EXPECT_ERROR_HERE(counts.requires_grad_(), "requires_grad_:", "i32[2]", "astype");
}

TEST(DTypeErrors, DefaultsAndDrawsAreFloats) {
  EXPECT_ERROR_HERE(dt::set_default_dtype(dt::i64), "set_default_dtype:", "i64");
  EXPECT_ERROR_HERE(dt::rand({2}, dt::i32), "rand:", "i32");
  EXPECT_ERROR_HERE(dt::linspace(0.0, 1.0, 3, dt::i64), "linspace:", "arange");
}

TEST(DTypeErrors, OtherDevicesAreRefused) {
  EXPECT_ERROR_HERE(wide.to("gpu"), "to: expected the device cpu or cuda, got \"gpu\"");
  EXPECT_EQ(wide.to("cpu").value(), wide.value());
}

} // namespace
