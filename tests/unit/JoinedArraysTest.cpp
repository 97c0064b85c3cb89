// Concatenation and padding: kernels store their results where these belong in the joined array,
// and the bits are eager's however the parts come about.
#include "tests/unit/SameBits.h"

namespace dt = diptych;
using namespace diptych::test;

namespace {

template <class F> int64_t callsOf(F f, const dt::Tensor& x) {
  auto jitted = strictJit(f);
  EXPECT_TRUE(sameBits(jitted(x), f(x)));
  return jitted.stats().kernelCalls;
}

} // namespace

TEST(JoinedArrays, KernelsStoreTheirParts) {
  const auto x = dt::randn({40, 96});
  for (int axis : {0, 1}) {
    auto two = [=](const dt::Tensor& x) {
      return dt::concatenate({dt::exp(x), dt::tanh(dt::transpose(dt::transpose(x)))}, axis);
    };
    EXPECT_LE(callsOf(two, x), 2) << axis;
    auto nested = [=](const dt::Tensor& x) {
      return dt::concatenate({dt::exp(x), dt::concatenate({dt::sin(x), dt::cos(x)}, axis)}, axis);
    };
    EXPECT_LE(callsOf(nested, x), 3) << axis;
    auto padded = [=](const dt::Tensor& x) {
      const dt::Tensor y = dt::pad(dt::exp(x), {{0, 0}, {5, 3}}, 0.5);
      return axis == 0 ? y : dt::exp(y);
    };
    EXPECT_LE(callsOf(padded, x), 3 + axis) << axis;
  }
  auto stacked = [](const dt::Tensor& x) { return dt::stack({dt::exp(x), dt::tanh(x)}, 1); };
  EXPECT_LE(callsOf(stacked, x), 2);
}

TEST(JoinedArrays, ShortPiecesAreCopied) {
  auto narrow = [](const dt::Tensor& x) { return dt::stack({dt::exp(x), dt::tanh(x)}, -1); };
  EXPECT_GE(callsOf(narrow, dt::randn({500})), 3);
}

// What else reads a part, or what is no result of a kernel, is copied.
TEST(JoinedArrays, PartsOfAllKinds) {
  const auto x = dt::randn({24, 48});
  auto kinds = [](const dt::Tensor& x) {
    const dt::Tensor y = dt::exp(x), sums = dt::sum(dt::tanh(x), 1, true);
    const dt::Tensor product = dt::matmul(x, dt::transpose(x));
    const dt::Tensor all = dt::concatenate(
        {y, x, dt::sin(x) * y, dt::broadcast_to(sums, {24, 3}), dt::ones({24, 2}, x.dtype()),
         product, dt::cumsum(x * 0.5, 1), dt::flip(dt::cos(x), 1), dt::flip(dt::cos(x + 1.0), 0),
         dt::reshape(dt::sqrt(dt::abs(x)), {24, 48}), dt::slice(x, 1, 3, 3)},
        1);
    return std::vector{
        all, dt::concatenate({y, y}, 0),
        dt::concatenate({dt::log(dt::abs(x)), dt::transpose(dt::exp(dt::transpose(x)))}, 0),
        dt::transpose(dt::concatenate({dt::exp(x * 2.0), dt::exp(x * 3.0)}, 1))};
  };
  expectEagerBits(kinds, x);
  expectEagerBits(kinds, x.astype(dt::f32));
}

TEST(JoinedArrays, PadsOfAllKinds) {
  auto pads = [](const dt::Tensor& x) {
    return std::vector{
        dt::pad(dt::exp(x), {{2, 3}, {1, 0}}, -1.0),
        dt::slice(dt::pad(dt::exp(x * 2.0), {{0, 3}, {0, 4}}), 0, 2, 27),
        dt::pad(dt::pad(dt::tanh(x), {{1, 1}, {0, 0}}, 2.0), {{0, 0}, {7, 9}}, 3.0),
        dt::concatenate({dt::pad(dt::sin(x), {{0, 1}, {0, 0}}), dt::cos(x)}, 0),
        dt::pad(dt::reshape(dt::cos(x * 3.0), {24, 1, 48}), {{0, 0}, {1, 2}, {0, 0}})};
  };
  expectEagerBits(pads, dt::randn({24, 48}));
}

// Rows of all parts are made together, and their memory is that of the joined rows.
TEST(JoinedArrays, RowsInTheirPlace) {
  auto rows = [](const dt::Tensor& x) {
    const dt::Tensor y = dt::softmax(x, -1);
    const dt::Tensor both = dt::concatenate({dt::exp(y) * x, y * y}, 1);
    return dt::sum(dt::tanh(both) * both, 1);
  };
  expectEagerBits(rows, dt::randn({4000, 300}));
}

// A slice of no elements begins where another does.
TEST(JoinedArrays, GradientsOfSlicesWithoutElements) {
  const auto x = dt::randn({40, 70});
  std::array<std::pair<int64_t, int64_t>, 4> cuts{{{0, 20}, {20, 20}, {20, 40}, {0, 0}}};
  std::sort(cuts.begin(), cuts.end());
  do {
    auto joined = [&](const dt::Tensor& x) {
      std::vector<dt::Tensor> parts;
      for (const auto& [begin, end] : cuts)
        parts.push_back(dt::exp(dt::slice(x, 0, begin, end)));
      return dt::sum(dt::concatenate(parts, 0));
    };
    expectEagerBits(dt::grad(joined), x);
  } while (std::next_permutation(cuts.begin(), cuts.end()));
}
