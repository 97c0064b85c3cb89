// Misuse of the tape: freed steps, tensors without history, cotangents that do not fit.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;

namespace {

TEST(TapeErrors, AFreedTapeNamesTheStep) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  auto y = dt::sum(a * a);
  y.backward();
  const std::string message = dt::test::messageOf([&] { y.backward(); });
  dt::test::expectMessage(message, {"TapeErrorsTest.cpp:", "freed", "retain_graph"});
}

TEST(TapeErrors, BackwardWantsAHistory) {
  auto x = dt::tensor({1.0, 2.0});
  EXPECT_ERROR_HERE(dt::sum(x).backward(), "backward:", "requires_grad_()");
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  EXPECT_ERROR_HERE(dt::sum(a.detach()).backward(), "backward:", "requires_grad_()");
}

TEST(TapeErrors, BackwardWantsOneElementOrACotangent) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  EXPECT_ERROR_HERE((a * a).backward(), "backward: expected one element, got f64[2]", "cotangent");
  EXPECT_ERROR_HERE((a * a).backward(dt::ones({3})),
                    "backward: expected a cotangent of type f64[2]", "f64[3]");
}

TEST(TapeErrors, GradWantsInputsThatRequireIt) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  auto x = dt::tensor({1.0, 2.0});
  auto y = dt::sum(a * x);
  EXPECT_ERROR_HERE(dt::grad(y, x), "grad: expected inputs that require grad", "f64[2]");
  EXPECT_ERROR_HERE(dt::grad({a * x}, {a}), "grad: expected outputs of one element");
  EXPECT_ERROR_HERE(dt::grad({y, y}, {a}, {}, {dt::tensor(1.0)}), "grad: expected one cotangent");
}

TEST(TapeErrors, ComputedTensorsKeepTheirHistory) {
  auto a = dt::tensor({1.0, 2.0}).requires_grad_();
  EXPECT_ERROR_HERE((a * 2).requires_grad_(false), "requires_grad_", "detach");
}

} // namespace
