// Shapes, axes and ranges that do not fit: the error names the operator, both shapes, the user's
// line and the remedy.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

const dt::Tensor a = dt::ones({2, 3});
const dt::Tensor b = dt::ones({4, 5});

TEST(ShapeErrors, BroadcastNamesBothShapes) {
  EXPECT_ERROR_HERE(a + b, "add: expected", "[2,3] and [4,5]", "unsqueeze");
  EXPECT_ERROR_HERE(a < b, "lt: expected", "[2,3] and [4,5]");
  EXPECT_ERROR_HERE(dt::maximum(a, b), "maximum:", "[2,3] and [4,5]");
  EXPECT_ERROR_HERE(dt::where(a > 0, a, b), "where:", "[2,3]");
  EXPECT_ERROR_HERE(dt::broadcast_to(a, {3}), "broadcast_to:", "f64[2,3]");
  EXPECT_ERROR_HERE(dt::expand(a, {-1, 2, 3}), "expand:", "a new axis");
}

TEST(ShapeErrors, OperatorsNameTheOperandsLine) {
  const int line = __LINE__ + 4;
  const auto misuse = [] {
    auto x = a * 2.0;
    auto y = x + b;
    return y;
  };
  const std::string message = dt::test::messageOf([&] { misuse(); });
  const std::string name = "ShapeErrorsTest.cpp:";
  // Compilers differ in which line an operand of a split expression has.
  EXPECT_TRUE(message.starts_with(name + std::to_string(line - 1)) ||
              message.starts_with(name + std::to_string(line)))
      << message;
}

TEST(ShapeErrors, CompositesNameTheUsersLine) {
  EXPECT_ERROR_HERE(dt::softmax(a, 2), "softmax: expected an axis from -2 to 1, got 2");
  EXPECT_ERROR_HERE(dt::logsumexp(a, {0, 0}), "logsumexp:", "every axis once");
  EXPECT_ERROR_HERE(dt::stddev(a, 5), "stddev:", "got 5");
  EXPECT_ERROR_HERE(dt::dot(a, b), "dot: expected two vectors");
  EXPECT_ERROR_HERE(dt::dot(dt::ones({2}), dt::ones({3})), "dot:", "one length");
}

TEST(ShapeErrors, MatmulSuggestsTheTranspose) {
  EXPECT_ERROR_HERE(dt::matmul(a, a), "matmul: expected equal inner sizes", "f64[2,3] and f64[2,3]",
                    "did you mean matmul(x, transpose(y))?");
  EXPECT_ERROR_HERE(dt::matmul(a, b), "matmul:", "last but one");
  EXPECT_ERROR_HERE(dt::matmul(a, 2.0), "matmul:", "use * to scale");
  EXPECT_ERROR_HERE(dt::matmul(dt::ones({2, 3, 4}), dt::ones({3, 4, 5})), "matmul:", "broadcast");
}

TEST(ShapeErrors, ReshapeKeepsTheElements) {
  EXPECT_ERROR_HERE(dt::reshape(a, {4}), "reshape:", "6 elements");
  EXPECT_ERROR_HERE(dt::reshape(a, {4, -1}), "reshape:", "6 elements", "in the place of -1");
  EXPECT_ERROR_HERE(dt::reshape(a, {-1, -1}), "reshape:", "only one extent");
  EXPECT_ERROR_HERE(dt::reshape(a, {-2, 3}), "reshape:", "not negative");
}

TEST(ShapeErrors, ExtentsDoNotOverflow) {
  const dt::Tensor none = dt::zeros({0});
  const dt::Tensor column = dt::broadcast_to(dt::tensor(1.0), {int64_t{1} << 40, 1});
  const dt::Tensor row = dt::broadcast_to(dt::tensor(1.0), {int64_t{1} << 47});
  EXPECT_ERROR_HERE(dt::reshape(none, {int64_t{1} << 32, int64_t{1} << 32}), "reshape:", "2^48");
  EXPECT_ERROR_HERE(dt::reshape(a, {int64_t{1} << 62, 5, -1}), "reshape:", "in the place of -1");
  EXPECT_ERROR_HERE(dt::broadcast_to(none, {int64_t{1} << 62, 0}), "2^48");
  EXPECT_ERROR_HERE(dt::matmul(column, dt::transpose(column)), "matmul:", "2^48");
  EXPECT_ERROR_HERE(dt::pad(a, {{INT64_MAX, 0}, {0, 0}}), "pad:", "2^48");
  EXPECT_ERROR_HERE(dt::pad(a, {{INT64_MAX, INT64_MAX}, {0, 0}}), "pad:", "2^48");
  EXPECT_ERROR_HERE(dt::concatenate({row, row, row}), "concatenate:", "2^48");
  EXPECT_ERROR_HERE(dt::from_blob(a.data<double>(), {int64_t{1} << 32, int64_t{1} << 32}),
                    "from_blob:", "2^48");
  const auto first = [](const dt::Tensor& x) { return dt::slice(x, 0, 0, 2, INT64_MAX); };
  const auto ofFirst = dt::grad([&](const dt::Tensor& x) { return dt::sum(first(x)); });
  EXPECT_EQ(first(a).to_vector<double>(), dt::slice(a, 0, 0, 1).to_vector<double>());
  EXPECT_EQ(dt::jit(first)(a).to_vector<double>(), first(a).to_vector<double>());
  EXPECT_EQ(ofFirst(a).to_vector<double>(), (std::vector<double>{1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(dt::jit(ofFirst)(a).to_vector<double>(), ofFirst(a).to_vector<double>());
  EXPECT_EQ(dt::arange(INT64_MAX - 3, INT64_MAX).shape(), dt::Shape{3});
  EXPECT_EQ(dt::arange(INT64_MAX, INT64_MAX - 4, -2).to_vector<int64_t>(),
            (std::vector<int64_t>{INT64_MAX, INT64_MAX - 2}));
  EXPECT_ERROR_HERE(dt::arange(INT64_MIN, INT64_MAX), "arange:", "2^48");
}

TEST(ShapeErrors, AxesMustExistAndDiffer) {
  EXPECT_ERROR_HERE(dt::sum(a, 2), "sum: expected an axis from -2 to 1, got 2");
  EXPECT_ERROR_HERE(dt::sum(a, {0, -2}), "sum:", "every axis once");
  EXPECT_ERROR_HERE(dt::argmax(dt::tensor(1.0), 0), "argmax:", "rank 0");
  EXPECT_ERROR_HERE(dt::argsort(a, 2), "argsort: expected an axis from -2 to 1, got 2");
  EXPECT_ERROR_HERE(dt::unsqueeze(a, 4), "unsqueeze:", "from -3 to 2");
  EXPECT_ERROR_HERE(dt::squeeze(a, 0), "squeeze:", "extent 1 at axis 0");
  EXPECT_ERROR_HERE(dt::transpose(a, {0, 0}), "transpose:");
  EXPECT_ERROR_HERE(dt::transpose(a, {0, 1, 2}), "transpose:", "2 axes");
  EXPECT_ERROR_HERE(dt::transpose(dt::ones({3})), "transpose:", "unsqueeze");
  EXPECT_ERROR_HERE(a.shape(2), "shape:", "from -2 to 1");
}

TEST(ShapeErrors, RangesAreNotCutToFit) {
  EXPECT_ERROR_HERE(dt::slice(a, 1, 0, 4), "slice: expected a range within 0 to 3", "0 to 4");
  EXPECT_ERROR_HERE(dt::slice(a, 1, -4), "slice:", "-4 to 3");
  EXPECT_ERROR_HERE(dt::slice(a, 1, 2, 1), "slice:", "2 to 1");
  EXPECT_ERROR_HERE(dt::slice(a, 1, 0, 3, 0), "slice:", "flip");
  EXPECT_ERROR_HERE(dt::select(a, 0, 2), "select: expected an index below 2, got 2");
  EXPECT_ERROR_HERE(dt::pad(a, {{1, 1}}), "pad:", "2 axes");
  EXPECT_ERROR_HERE(dt::pad(a, {{-1, 1}, {0, 0}}), "pad:", "slice");
}

TEST(ShapeErrors, JoinedTensorsAgree) {
  EXPECT_ERROR_HERE(dt::concatenate({a, b}), "concatenate:", "f64[2,3] and f64[4,5]");
  EXPECT_ERROR_HERE(dt::stack({a, b}), "stack:", "use concatenate");
  EXPECT_ERROR_HERE(dt::concatenate({}), "concatenate:", "at least one");
}

TEST(ShapeErrors, EmptySetsHaveNoMaximum) {
  EXPECT_ERROR_HERE(dt::max(dt::zeros({0})), "max:", "at least one element");
  EXPECT_ERROR_HERE(dt::argmin(dt::zeros({2, 0}), 1), "argmin:", "at least one element");
}

TEST(ShapeErrors, IndicesAreInRange) {
  EXPECT_ERROR_HERE(dt::take(a, dt::tensor({0, 2})), "gather", "2");
  EXPECT_ERROR_HERE(dt::take(a, dt::tensor({-1})), "gather", "-1");
  EXPECT_ERROR_HERE(dt::take_along_axis(a, dt::tensor({{3}, {0}}), 1), "gather");
  EXPECT_ERROR_HERE(dt::take_along_axis(a, dt::tensor({3}), 1), "take_along_axis:");
  EXPECT_ERROR_HERE(dt::scatter_add(a, dt::tensor({0}), b), "scatter_add:", "f64[1,3]");
}

TEST(ShapeErrors, LiteralsAreNotRagged) {
  EXPECT_ERROR_HERE(dt::tensor({{1.0, 2.0}, {3.0}}), "tensor:", "rows of 2", "ragged");
  EXPECT_ERROR_HERE(dt::tensor({1.0, 2.0, 3.0}, {2, 2}), "tensor:", "3 elements", "[2,2]");
  EXPECT_ERROR_HERE(dt::zeros({-1}), "[-1]");
  EXPECT_ERROR_HERE(dt::arange(0.0, 1.0, 0.0), "arange:");
  EXPECT_ERROR_HERE(dt::ones({1, 1, 1, 1, 1, 1, 1, 1}) +
                        dt::unsqueeze(dt::ones({1, 1, 1, 1, 1, 1, 1, 1}), 0),
                    "at most 8 dimensions");
}

} // namespace
