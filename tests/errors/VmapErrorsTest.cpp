// Misuse of vmap and of chunks: the error names the argument or result and the line of the
// transform.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

dt::Tensor added(const dt::Tensor& x, const dt::Tensor& y) { return x + y; }
const dt::Tensor x = dt::ones({3, 2}), y = dt::ones({4, 2});

TEST(VmapErrors, BatchesHaveOneSize) {
  EXPECT_ERROR_HERE(dt::vmap(added)(x, y), "vmap: expected batches of one size",
                    "argument 0 with 3 (axis 0 of f64[3,2])",
                    "argument 1 with 4 (axis 0 of f64[4,2])", "in_axes");
}

TEST(VmapErrors, SomethingIsBatched) {
  EXPECT_ERROR_HERE(dt::vmap(added, dt::unbatched)(x, x), "vmap: expected at least one argument");
  EXPECT_ERROR_HERE((dt::vmap(added, {dt::unbatched, dt::unbatched})(x, x)),
                    "vmap: expected at least one argument with a batch");
}

TEST(VmapErrors, AxesExist) {
  EXPECT_ERROR_HERE(dt::vmap(added)(x, dt::tensor(1.0)),
                    "vmap: expected argument 1 to have an axis 0", "got f64[]", "unbatched");
  EXPECT_ERROR_HERE((dt::vmap(added, {-3, 0})(x, x)), "argument 0", "axis -3", "f64[3,2]");
  EXPECT_ERROR_HERE((dt::vmap(added, {0, 2})(x, x)), "argument 1", "axis 2");
  EXPECT_ERROR_HERE(dt::vmap(added, 0, 2)(x, x), "result 0", "axis 2", "f64[2] for each example",
                    "out_axes");
}

TEST(VmapErrors, ListsHaveAnEntryForEach) {
  EXPECT_ERROR_HERE((dt::vmap(added, {0})(x, x)), "in_axes for each of 2 arguments", "got 1");
  EXPECT_ERROR_HERE((dt::vmap(added, 0, {0, 0})(x, x)), "out_axes for each of 1 results", "got 2");
}

TEST(VmapErrors, UnbatchedResultsDoNotDependOnTheBatch) {
  EXPECT_ERROR_HERE(dt::vmap(added, 0, dt::unbatched)(x, x),
                    "vmap: expected result 0 to be the same for every example", "out_axes");
}

TEST(VmapErrors, TheFunctionsOwnErrorsKeepTheirLine) {
  const int line = __LINE__ + 1;
  auto wrong = [](const dt::Tensor& x) { return x + dt::ones({5}); };
  const std::string message = dt::test::messageOf([&] { dt::vmap(wrong)(x); });
  EXPECT_EQ(message.find("VmapErrorsTest.cpp:" + std::to_string(line) + ": add:"), 0u) << message;
}

TEST(VmapErrors, ExamplesHaveNoNumbers) {
  auto branches = [](const dt::Tensor& x) { return dt::sum(x).item<double>() > 0 ? x : -x; };
  EXPECT_NE(dt::test::messageOf([&] { dt::vmap(branches)(x); }).find("where(condition"),
            std::string::npos);
}

TEST(JacobianErrors, ChunksHaveASize) {
  auto square = [](const dt::Tensor& x) { return x * x; };
  EXPECT_ERROR_HERE(dt::jacfwd(square, 0, {.chunk_size = -1})(x), "jacfwd:", "chunk_size", "-1");
  EXPECT_ERROR_HERE(dt::jacrev(square, 0, {.chunk_size = -1})(x), "jacrev:", "chunk_size");
  EXPECT_ERROR_HERE(dt::hessian(square, 0, {.memory_limit = -8})(x), "hessian:", "memory_limit",
                    "-8");
}

} // namespace
