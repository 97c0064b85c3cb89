// Rolling extrema, ranks and quantiles on the device, eager and compiled: the CPU's bits, whatever
// the window's length, and nothing runs on the host.
#include "tests/cuda/Device.h"

#include <bit>
#include <cmath>

using namespace diptych;

namespace {

// NaN, infinities, both zeros and ties.
Tensor series(const Shape& shape) {
  const Tensor i = reshape(arange(static_cast<double>(shape.product())), shape);
  const Tensor x = where(fmod(i, 13.0) == 0, -0.0, round(sin(i * 1.7) * 5));
  const Tensor wild = where(fmod(i, 11.0) == 0, -INFINITY, where(fmod(i, 17.0) == 3, INFINITY, x));
  return where(fmod(i, 5.0) == 0, std::nan(""), wild);
}

std::vector<uint64_t> bits(const Tensor& x) {
  std::vector<uint64_t> all;
  for (const double element : x.astype(f64).to_vector<double>())
    all.push_back(std::isnan(element) ? 1 : std::bit_cast<uint64_t>(element));
  return all;
}

struct Window {
  int64_t length, axis;
};
void PrintTo(const Window& one, std::ostream* os) { *os << one.length << " along " << one.axis; }

class DeviceRolling : public test::WithDeviceKernels<test::OnDevice>,
                      public testing::WithParamInterface<Window> {
protected:
  void expectSame(Tensor (*f)(const Tensor& x, Window window)) {
    const Tensor x = series({300, 3}), there = x.to("cuda");
    const auto own = [&, window = GetParam()](const Tensor& a) { return f(a, window); };
    const auto expected = bits(own(x));
    const int64_t before = device_stats().host_operators;
    EXPECT_EQ(bits(own(there)), expected) << "eager";
    EXPECT_EQ(bits(jit(own, {.numerics = Numerics::strict})(there)), expected) << "compiled";
    EXPECT_EQ(device_stats().host_operators, before) << device_stats().host_operator_names;
  }
};

TEST_P(DeviceRolling, Extrema) {
  expectSame([](const Tensor& x, Window w) {
    return rolling_max(x, w.length, w.axis, {.min_periods = 1}) -
           rolling_min(x, w.length, w.axis, {.min_periods = 1});
  });
  expectSame([](const Tensor& x, Window w) {
    return rolling_argmax(x, w.length, w.axis) * 1000 + rolling_argmin(x, w.length, w.axis);
  });
}

TEST_P(DeviceRolling, Ranks) {
  expectSame([](const Tensor& x, Window w) {
    return rolling_rank(x, w.length, w.axis, {.min_periods = 1});
  });
}

TEST_P(DeviceRolling, InF32) {
  expectSame([](const Tensor& x, Window w) {
    const Tensor narrow = x.astype(f32);
    return rolling_rank(narrow, w.length, w.axis, {.min_periods = 1, .pct = true}) +
           rolling_median(narrow, w.length, w.axis, {.min_periods = 1});
  });
}

TEST_P(DeviceRolling, Quantiles) {
  expectSame([](const Tensor& x, Window w) {
    return rolling_median(x, w.length, w.axis, {.min_periods = 1}) +
           rolling_quantile(x, 0.9, w.length, w.axis, {.min_periods = 1});
  });
  expectSame([](const Tensor& x, Window w) {
    return rolling_quantile(x, 0.0, w.length, w.axis, {.min_periods = 1});
  });
}

TEST_P(DeviceRolling, Gradients) {
  expectSame([](const Tensor& x, Window w) {
    const Tensor y = where(x == x, minimum(x, 4.0), 0.0);
    return grad([&](const Tensor& a) {
      return sum(square(rolling_max(a, w.length, w.axis, {.min_periods = 1})) +
                 rolling_median(a, w.length, w.axis, {.min_periods = 1}));
    })(where(y == -INFINITY, -9.0, y));
  });
}

// Direct up to 128; beyond by pieces of 64: none, one, several of them whole.
INSTANTIATE_TEST_SUITE_P(Windows, DeviceRolling,
                         testing::Values(Window{1, 0}, Window{7, 1}, Window{64, 0}, Window{128, 0},
                                         Window{129, 0}, Window{200, 0}, Window{1000, 0},
                                         Window{600, 1}));

} // namespace
