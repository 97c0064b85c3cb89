// Reading elements where that cannot be: empty tensors, several elements as one, strided memory,
// traced values.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

#include <sstream>

namespace dt = diptych;

namespace {

// A value with a type and no numbers, as every trace makes them.
dt::Tensor traced(const dt::TensorType& type) {
  struct Line : dt::ValueImpl {
    using dt::ValueImpl::ValueImpl;
  };
  return dt::Tensor(dt::Value(new Line(type)));
}

TEST(ReadErrors, EmptyTensorsSaySo) {
  dt::Tensor x;
  EXPECT_ERROR_HERE(x + 1.0, "this Tensor is empty");
  EXPECT_ERROR_HERE(dt::sum(x), "this Tensor is empty");
  EXPECT_ERROR_HERE(x.item<double>(), "this Tensor is empty");
  EXPECT_NE(dt::test::messageOf([&] { (void)x.shape(); }), "no error");
}

TEST(ReadErrors, OneElementIsMeant) {
  auto x = dt::tensor({1.0, 2.0});
  EXPECT_ERROR_HERE(x.item<double>(), "item: expected one element, got f64[2]", "to_vector");
  EXPECT_ERROR_HERE(static_cast<bool>(x > 1.5), "if: expected one element", "any or all");
}

TEST(ReadErrors, PointersWantContiguousElements) {
  auto x = dt::transpose(dt::tensor({{1.0, 2.0}, {3.0, 4.0}}));
  EXPECT_ERROR_HERE(x.data<double>(), "data: expected a contiguous tensor", "x.contiguous()");
}

TEST(ReadErrors, TracedValuesHaveNoNumbers) {
  const dt::Tensor x = traced({dt::f64, {}});
  EXPECT_TRUE(x.is_traced());
  EXPECT_ERROR_HERE(x.item<double>(), "item:", "traced f64[]", "where(condition, a, b)");
  EXPECT_ERROR_HERE(x.data<double>(), "data:", "traced f64[]");
  EXPECT_ERROR_HERE(x.to_vector<double>(), "to_vector:", "traced f64[]");
  const std::string message = dt::test::messageOf([&] { (void)(x ? 1 : 2); });
  dt::test::expectMessage(message, {"if:", "traced f64[]", "where(condition, a, b)"});
  EXPECT_ERROR_HERE(x.requires_grad_(), "requires_grad_:", "grad(f)");
  EXPECT_ERROR_HERE(x.backward(), "backward:", "grad(f)");
  std::ostringstream os;
  os << x << ' ' << traced({dt::i64, {2, 3}});
  EXPECT_EQ(os.str(), "traced f64[] traced i64[2,3]");
}

TEST(ReadErrors, ValuesOfAFinishedTraceAreRefused) {
  const dt::Tensor x = traced({dt::f64, {2}});
  EXPECT_ERROR_HERE(x + 1.0, "belongs to a trace");
  EXPECT_ERROR_HERE(dt::sum(x), "belongs to a trace");
  EXPECT_ERROR_HERE(dt::grad([](const dt::Tensor& y) { return dt::sum(y); })(x), "trace");
}

TEST(ReadErrors, BlobsPointSomewhere) {
  const double* nowhere = nullptr;
  EXPECT_ERROR_HERE(dt::from_blob(nowhere, {2}), "from_blob:", "null");
}

} // namespace
