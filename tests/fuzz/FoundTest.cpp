// Programs that failed once, by hand.
#include <diptych/Jit.h>
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include "ir/Emitted.h"
#include "tests/ops/Agreement.h"

namespace diptych::fuzz {
namespace {

Attrs sameShape(const Tensor& x) {
  Attrs attrs;
  attrs.shape = x.shape();
  return attrs;
}

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

// A carry that no result depends on got a cotangent of zeros in eager mode, and NaN where its own
// derivative is infinite; compiled, it had been dropped.
TEST(Found, ACarryThatNoResultReadsHasNoCotangent) {
  const auto f = [](const Tensor& x) {
    auto [carry, ys] = scan(
        [](const std::pair<Tensor, Tensor>& c, const Tensor& x) {
          return std::pair(std::pair(c.first + 1.0, c.second * x), std::tuple<>());
        },
        std::pair(sqrt(x - 1.0), x), stack({x, x}));
    return sum(carry.second);
  };
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_EQ(grad(f)(x).to_vector<double>(), (std::vector<double>{3.0, 12.0}));
  EXPECT_EQ(jit(grad(f))(x).to_vector<double>(), (std::vector<double>{3.0, 12.0}));
}

// The same of what the body captures, and of a loop in a loop.
TEST(Found, ACaptureThatNoResultReadsHasNoCotangent) {
  const auto f = [](const Tensor& x) {
    const Tensor steep = sqrt(x - 1.0);
    const auto inner = [&](const Tensor&, const std::pair<Tensor, Tensor>& c) {
      return std::pair(c.first * steep, c.second * x);
    };
    const auto outer = [&](const Tensor&, const std::pair<Tensor, Tensor>& c) {
      return fori_loop(0, 2, inner, c);
    };
    return sum(fori_loop(0, 1, outer, std::pair(steep, x)).second);
  };
  const Tensor x = tensor({1.0, 2.0});
  EXPECT_EQ(grad(f)(x).to_vector<double>(), (std::vector<double>{3.0, 12.0}));
  EXPECT_EQ(jit(grad(f))(x).to_vector<double>(), (std::vector<double>{3.0, 12.0}));
}

// Batched, a reduction over no axes was left out, and cotangents were added in another order.
TEST(Found, ABatchAddsCotangentsInTheOrderOfItsExamples) {
  const auto f = [](const Tensor& x) {
    const Tensor y(emitted::emit(OpCode::Max, {x.value()}));
    const Tensor z(emitted::emit(OpCode::Reshape, {x.value()}, sameShape(x)));
    const Tensor s = sigmoid(x);
    return sum(y) + sum(z * 0.3) + sum(x * 0.1) + sum(s);
  };
  const Tensor x = sin(reshape(arange(34.0), {2, 17}));
  const Tensor got = vmap(grad(f))(x);
  for (int64_t e = 0; e < 2; ++e)
    EXPECT_EQ(select(got, 0, e).to_vector<double>(), grad(f)(select(x, 0, e)).to_vector<double>());
}

// Of the carries that a loop kept for its reverse sweep, the one that never changes was dropped;
// the next order kept them once more, and cotangents were added in another order than on the tape.
TEST(Found, ACarryThatStaysDoesNotChangeTheOrderOfFourthDerivatives) {
  const auto f = [](const Tensor& x) {
    const auto result = fori_loop(
        0, 2,
        [](const Tensor&, const std::pair<Tensor, Tensor>& c) {
          return std::pair(c.first, sigmoid(c.second));
        },
        std::pair(tensor(0.5), x));
    return result.first + result.second;
  };
  const auto fourth = grad(grad(grad(grad(f))));
  const Tensor x = tensor(1.1796875);
  const double expected = fourth(x).item<double>();
  EXPECT_EQ(jit(fourth, {.numerics = Numerics::strict})(x).item<double>(), expected);
  const auto second = jit(grad(grad(f)), {.numerics = Numerics::strict});
  EXPECT_EQ(grad(grad(second))(x).item<double>(), expected);
}

} // namespace
} // namespace diptych::fuzz
