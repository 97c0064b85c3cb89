// Programs that failed once, by hand.
#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include "tests/ops/Agreement.h"

namespace diptych::fuzz {
namespace {

// The sum of a derivative, weighted so that symmetries do not cancel.
template <class F> auto weighted(F f) {
  return [f](const Tensor& x) {
    const Tensor y = f(x);
    return sum(y * reshape(linspace(0.5, 1.5, y.numel()), y.shape()));
  };
}

// So large a program that a movement operator cannot join one of the groups it is read by: what it
// moves must then be stored. ("internal: mul stands outside a fusion")
TEST(Found, MovementThatJoinsOnlySomeGroupsReadsMemory) {
  const auto f = [](const Tensor& x) {
    const Tensor s = sigmoid(x);
    return sum(sqrt(prod(s, 0) + 1.0)) + sum(sigmoid(s / (s * s + s)));
  };
  const auto fourth = grad(weighted(grad(weighted(grad(weighted(grad(f)))))));
  const Tensor x = reshape(linspace(-1, 1, 10), {5, 2});
  const Tensor compiled = jit(fourth, {.numerics = Numerics::strict})(x);
  EXPECT_EQ(suite::bitDifference(Values{compiled.value()}, Values{fourth(x).value()}), "");
}

} // namespace
} // namespace diptych::fuzz
