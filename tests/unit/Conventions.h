// A function of a vector at a point where it is degenerate: value, gradient and Hessian, by two
// modes of differentiation, eagerly and compiled.
#pragma once

#include "tests/unit/SameBits.h"

#include <diptych/diptych.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace diptych::test {

inline constexpr double kInf = std::numeric_limits<double>::infinity();
inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Numbers = std::vector<double>;

inline void expectNumbers(const Tensor& got, const Numbers& expected, const char* what) {
  const Numbers numbers = got.to_vector<double>();
  ASSERT_EQ(numbers.size(), expected.size()) << what;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(numbers[i])) << what << ' ' << i << " is " << numbers[i];
    else if (std::isinf(expected[i]))
      EXPECT_EQ(numbers[i], expected[i]) << what << ' ' << i;
    else
      EXPECT_NEAR(numbers[i], expected[i], 1e-12 * (1 + std::abs(expected[i]))) << what << ' ' << i;
  }
}

/// Of f: vector to scalar. The Hessian is given by rows; where it is empty it is not looked at.
template <class F>
void expectConvention(F f, const Numbers& x, double value, const Numbers& gradient,
                      const Numbers& hessian, const char* name) {
  SCOPED_TRACE(name);
  const Tensor at = tensor(x);
  const auto all = [f](const Tensor& x) {
    return std::vector<Tensor>{f(x), grad(f)(x), jacfwd(f)(x), jacfwd(grad(f))(x),
                               jacrev(grad(f))(x)};
  };
  const std::vector<Tensor> eager = all(at);
  expectNumbers(eager[0], {value}, "value");
  expectNumbers(eager[1], gradient, "gradient");
  // A direction of 0 meets an infinite partial derivative as 0 times infinity.
  if (std::all_of(gradient.begin(), gradient.end(), [](double g) { return std::isfinite(g); }))
    expectNumbers(eager[2], gradient, "gradient by tangents");
  if (!hessian.empty()) {
    expectNumbers(eager[3], hessian, "Hessian");
    expectNumbers(eager[4], hessian, "Hessian by two reverse sweeps");
  }
  EXPECT_TRUE(sameBits(jit(all, {.numerics = Numerics::strict})(at), eager)) << "compiled";
}

} // namespace diptych::test
