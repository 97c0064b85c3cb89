// Pads and concatenations in kernels that go piece after piece: strict compiled bits are eager's.
#include <diptych/diptych.h>

#include <gtest/gtest.h>

#include <limits>

#include "SameBits.h"
#include "Threads.h"

namespace dt = diptych;

namespace {

using dt::Tensor;
using Function = std::function<Tensor(const Tensor&, const Tensor&)>;

struct FusedPieces : testing::TestWithParam<std::tuple<int64_t, dt::DType>> {
  const int64_t axis = std::get<0>(GetParam());
  const dt::DType dtype = std::get<1>(GetParam());

  Tensor numbers(const dt::Shape& shape, uint64_t key) const {
    const Tensor x = dt::random::normal(dt::random::key(key), shape);
    const Tensor kind = dt::random::uniform(dt::random::key(key + 1), shape);
    Tensor special = dt::where(kind < 0.1, -0.0, x);
    special = dt::where(kind > 0.98, std::numeric_limits<double>::infinity(), special);
    return (dtype == dt::i64 ? dt::round(10.0 * x) : special).astype(dtype);
  }

  // Of places begin to end along the axis.
  Tensor part(const Tensor& x, int64_t begin, int64_t end) const {
    return dt::slice(x, axis, begin, end);
  }
  Tensor padded(const Tensor& x, int64_t low, int64_t high, double value = 0) const {
    std::vector<std::pair<int64_t, int64_t>> widths(2);
    widths[static_cast<size_t>(axis)] = {low, high};
    return dt::pad(x, widths, value);
  }

  // The test means nothing if nothing is cut, where a kernel can be.
  void check(const Function& f, bool isCut = true) {
    const Tensor x = numbers({90, 90}, 1), y = numbers({90, 90}, 3);
    const auto compiled = dt::jit(f, {.numerics = dt::Numerics::strict});
    for (const int threads : {1, 2}) {
      dt::test::Threads pool(threads);
      EXPECT_TRUE(dt::test::sameTensor(compiled(x, y), f(x, y)));
    }
    EXPECT_EQ(compiled.ir("fused").find("\"pieces\"") != std::string::npos, isCut);
  }
};

TEST_P(FusedPieces, OfWhatIsComputed) {
  check([this](const Tensor& x, const Tensor& y) {
    return padded(part(x, 1, 80) * part(y, 0, 79), 1, 2, 7) - part(x, 4, 86);
  });
}

TEST_P(FusedPieces, BesideEachOther) {
  check([this](const Tensor& x, const Tensor& y) {
    const Tensor shifted = padded(part(x * y, 0, 85), 5, 0);
    return shifted + padded(part(y, 3, 90), 0, 3) * part(x, 0, 90);
  });
}

TEST_P(FusedPieces, Joined) {
  check([this](const Tensor& x, const Tensor& y) {
    const Tensor joined = dt::concatenate({part(x, 60, 90), part(x * y, 0, 70)}, axis);
    return joined * 2 - part(dt::concatenate({y, x}, axis), 0, 100);
  });
}

TEST_P(FusedPieces, ThatAlsoLeaveTheKernel) {
  check([this](const Tensor& x, const Tensor& y) {
    const Tensor p = padded(part(x + y, 2, 90), 2, 0);
    return dt::stack({p, p * y - x, x}, 0);
  });
}

// A cut of the kernel is none where the array is read backwards or shifted, however far behind.
TEST_P(FusedPieces, ReadAtOtherPlacesToo) {
  check(
      [this](const Tensor& x, const Tensor& y) {
        const Tensor p = padded(part(x, 0, 70), 12, 8) * y;
        return p + dt::flip(p * 2, {axis});
      },
      false);
  check([this](const Tensor& x, const Tensor& y) {
    const Tensor p = padded(part(x, 0, 85), 5, 0, 3) * y;
    return p + padded(part(p, 0, 80), 7, 3);
  });
  check([this](const Tensor& x, const Tensor& y) {
    const Tensor p = dt::concatenate({part(x, 0, 20), part(y, 0, 70)}, axis) - y;
    return p * dt::concatenate({part(p, 30, 90), part(x, 0, 30)}, axis);
  });
}

// Reductions and sums along the axis read the array from memory.
TEST_P(FusedPieces, ReadByFoldsAndSums) {
  check(
      [this](const Tensor& x, const Tensor& y) {
        const Tensor p = padded(part(x * y, 1, 90), 0, 1);
        return dt::cumsum(p, axis) * dt::max(p, axis, true) + dt::sum(p * x, axis, true);
      },
      false);
}

INSTANTIATE_TEST_SUITE_P(Axes, FusedPieces,
                         testing::Combine(testing::Values(0, 1),
                                          testing::Values(dt::f64, dt::f32, dt::i64, dt::bf16)),
                         [](const auto& test) {
                           return "axis" + std::to_string(std::get<0>(test.param)) + "_" +
                                  name(std::get<1>(test.param));
                         });

// Shifts in derivatives of derivatives undo each other.
TEST(FusedPieces, SecondDerivativesOfRecurrencesAreEagers) {
  const Tensor x = 0.5 + dt::random::uniform(dt::random::key(1), {70, 80});
  const Tensor g = dt::random::normal(dt::random::key(2), {70, 80});
  for (const int64_t axis : {0, 1}) {
    const auto first = dt::grad([&](const Tensor& x) {
      return dt::sum((dt::linear_recurrence(x, x, axis) + dt::cumprod(x, axis)) * g);
    });
    const auto second = dt::grad([&](const Tensor& x) {
      const Tensor slope = first(x);
      return dt::sum(slope * slope);
    });
    const Tensor expected = second(x);
    EXPECT_TRUE(
        dt::test::sameTensor(dt::jit(second, {.numerics = dt::Numerics::strict})(x), expected));
    const double apart = dt::max(dt::abs(dt::jit(second)(x) - expected)).item<double>();
    EXPECT_LT(apart, 1e-12 * dt::max(dt::abs(expected)).item<double>());
  }
}

} // namespace
