// Misuse of transforms: the error names the transform and the line it was made on; what goes wrong
// inside the function keeps the function's line.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

dt::Tensor squares(const dt::Tensor& x) { return x * x; }
dt::Tensor total(const dt::Tensor& x) { return dt::sum(x * x); }
const dt::Tensor x = dt::tensor({1.0, 2.0});

TEST(TransformErrors, GradWantsAScalar) {
  EXPECT_ERROR_HERE(dt::grad(squares)(x), "grad: expected a function that returns one float number",
                    "got f64[2]", "sum or mean", "jacrev");
  EXPECT_ERROR_HERE(dt::value_and_grad(squares)(x), "value_and_grad:", "f64[2]");
  EXPECT_ERROR_HERE(dt::hessian(squares)(x), "hessian:", "f64[2]");
  EXPECT_ERROR_HERE(dt::hvp(squares)(x, x), "hvp:", "f64[2]");
  auto integer = [](const dt::Tensor& x) { return dt::argmax(x); };
  EXPECT_ERROR_HERE(dt::grad(integer)(x), "grad:", "i64[]");
}

TEST(TransformErrors, MinimiserWantsAScalar) {
  EXPECT_ERROR_HERE(dt::implicit_minimiser(squares)(x), "one float number", "f64[2]");
}

TEST(TransformErrors, GradWantsOneOutputOrAux) {
  auto two = [](const dt::Tensor& x) { return std::pair(dt::sum(x), x); };
  EXPECT_ERROR_HERE(dt::grad(two)(x), "grad:", "2 tensors", "has_aux");
}

TEST(TransformErrors, OnlyFloatsAreDifferentiated) {
  auto counts = dt::tensor({1, 2});
  EXPECT_ERROR_HERE(dt::grad(total)(counts), "grad: expected a float argument", "i32[2]", "astype");
  EXPECT_ERROR_HERE(dt::jacfwd(squares)(counts), "jacfwd:", "i32[2]");
  EXPECT_ERROR_HERE(dt::jacrev(squares)(counts), "jacrev:", "i32[2]");
  EXPECT_ERROR_HERE(dt::jvp(squares)(counts, counts), "jvp:", "i32[2]");
}

TEST(TransformErrors, ArgumentsAreNumberedFromZero) {
  EXPECT_ERROR_HERE(dt::grad(total, 1)(x), "grad:", "counted from 0", "got 1", "1 argument");
  EXPECT_ERROR_HERE(dt::grad(total, -1)(x), "grad:", "got -1");
  auto list = [](const std::vector<dt::Tensor>& p) { return dt::sum(p[0] * p[1]); };
  EXPECT_ERROR_HERE(dt::hessian(list)(std::vector{x, x}), "hessian:", "one tensor", "2 tensors");
}

TEST(TransformErrors, SeedsFitWhatTheyBelongTo) {
  EXPECT_ERROR_HERE(dt::vjp(squares)(x, dt::ones({3})), "vjp: expected a cotangent of type f64[2]",
                    "f64[3]");
  EXPECT_ERROR_HERE(dt::jvp(squares)(x, dt::ones({2}, dt::f32)),
                    "jvp: expected a tangent of type f64[2]", "f32[2]");
  EXPECT_ERROR_HERE(dt::hvp(total)(x, dt::tensor(1.0)), "hvp: expected a tangent", "f64[]");
  auto two = [](const dt::Tensor& x) { return std::pair(dt::sum(x), x); };
  EXPECT_ERROR_HERE(dt::vjp(two)(x, dt::tensor(1.0)), "vjp: expected one cotangent", "2 results");
}

TEST(TransformErrors, TheFunctionsOwnErrorsKeepTheirLine) {
  const int line = __LINE__ + 1;
  auto wrong = [](const dt::Tensor& x) { return dt::sum(x + dt::ones({3})); };
  const std::string expected = "TransformErrorsTest.cpp:" + std::to_string(line) + ": add:";
  for (const std::string& message : {dt::test::messageOf([&] { dt::grad(wrong)(x); }),
                                     dt::test::messageOf([&] { dt::hessian(wrong)(x); }),
                                     dt::test::messageOf([&] { dt::jvp(wrong)(x, x); })})
    EXPECT_EQ(message.find(expected), 0u) << message;
}

TEST(TransformErrors, AThrowingFunctionLeavesNothingBehind) {
  auto throwing = [](const dt::Tensor& x) -> dt::Tensor {
    const dt::NoGradGuard guard;
    throw std::runtime_error("mine " + x.type().str());
  };
  EXPECT_THROW(dt::grad(throwing)(x), std::runtime_error);
  EXPECT_TRUE(dt::is_grad_enabled());
  EXPECT_EQ(dt::grad(total)(x).to_vector<double>(), (std::vector<double>{2, 4}));
}

} // namespace
