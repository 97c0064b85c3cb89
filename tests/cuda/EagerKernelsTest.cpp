// Eager mode on kernels of the device: those of codegen/EagerKernels, compiled for the simulator.
// They give the CPU's bits, and nothing runs on the host.
#include "tests/cuda/Device.h"

using namespace diptych;

namespace {

class DeviceKernels : public test::WithDeviceKernels<test::OnSimulatedDevice> {
protected:
  void SetUp() override {
    WithDeviceKernels::SetUp();
    if (!IsSkipped())
      before_ = device_stats();
  }

  /// f on the device gives f's bits on the CPU.
  template <class F, class... Args> void expectSame(const F& f, const Args&... args) {
    const Tensor here = f(args...), there = f(args.to("cuda")...);
    EXPECT_EQ(there.device(), "cuda");
    ASSERT_EQ(there.type().str(), here.type().str());
    if (isFloat(here.dtype()))
      EXPECT_EQ(there.astype(f64).to_vector<double>(), here.astype(f64).to_vector<double>());
    else
      EXPECT_EQ(there.astype(i64).to_vector<int64_t>(), here.astype(i64).to_vector<int64_t>());
  }
  void expectNothingOnTheHost() {
    const DeviceStats after = device_stats();
    EXPECT_EQ(after.host_operators, before_.host_operators) << after.host_operator_names;
    EXPECT_GT(after.launches, before_.launches);
  }

  DeviceStats before_;
};

Tensor numbers(const Shape& shape, DType dtype = f64) {
  const int64_t n = shape.product();
  return reshape(sin(arange(n).astype(f64) * 0.7) * 3, shape).astype(dtype).contiguous();
}
// Data, not numbers alone: it does not move by itself.
Tensor data(const Shape& shape, DType dtype = f64) {
  return numbers(shape, dtype).to("cuda").to("cpu");
}

TEST_F(DeviceKernels, Pointwise) {
  for (DType dtype : {f32, f64}) {
    const Tensor x = data({7, 33}, dtype), y = data({33}, dtype);
    expectSame([](const Tensor& a) { return exp(a) * tanh(a) + sqrt(abs(a)); }, x);
    expectSame([](const Tensor& a, const Tensor& b) { return a / (b * b + 1); }, x, y);
    expectSame([](const Tensor& a) { return transpose(a) + 1; }, x);
    expectSame([](const Tensor& a) { return where(a > 0, a, -a); }, x);
  }
  expectSame([](const Tensor& a) { return a.astype(i32) * 3; }, data({5, 4}));
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, CopiesOfViews) {
  const Tensor x = data({5, 6, 7});
  expectSame([](const Tensor& a) { return transpose(a, {2, 0, 1}).contiguous(); }, x);
  expectSame([](const Tensor& a) { return concatenate({a, slice(a, 1, 1, 4)}, 1); }, x);
  expectSame([](const Tensor& a) { return pad(flip(a, 2), {{1, 2}, {0, 0}, {3, 0}}, 2.0); }, x);
  expectNothingOnTheHost();
}

// A launch each, however many rows their loops have.
TEST_F(DeviceKernels, ViewsOfManyAxes) {
  const Tensor x = data({9, 10, 11, 3, 2});
  const auto turned = [](const Tensor& a) { return transpose(a, {3, 1, 4, 0, 2}); };
  const auto launchesOf = [&](const auto& f) {
    const Tensor there = x.to("cuda");
    const int64_t before = device_stats().launches;
    f(there);
    return device_stats().launches - before;
  };
  const auto copied = [&](const Tensor& a) { return turned(a).contiguous(); };
  expectSame(copied, x);
  EXPECT_EQ(launchesOf(copied), 1);
  for (const DType dtype : {f32, i64})
    expectSame(copied, x.astype(dtype));
  expectSame([&](const Tensor& a) { return exp(turned(a)) * 2; }, x);
  expectSame([&](const Tensor& a) { return turned(a) + slice(turned(a), 4, 0, 1); }, x);
  for (const int64_t axis : {0, 2, 4}) {
    expectSame([&](const Tensor& a) { return sum(turned(a), axis); }, x);
    expectSame([&](const Tensor& a) { return argmax(turned(a), axis); }, x);
    expectSame([&](const Tensor& a) { return cumsum(turned(a), axis); }, x);
    expectSame([&](const Tensor& a) { return flip(turned(a), axis).contiguous(); }, x);
  }
  expectSame([&](const Tensor& a) { return concatenate({turned(a), turned(a)}, 3); }, x);
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, ManyMatrices) {
  const auto product = [](const Tensor& a, const Tensor& b) { return matmul(a, b); };
  const Tensor x = data({100, 7, 5}), y = data({100, 5, 9});
  expectSame(product, x, y);
  const Tensor xThere = x.to("cuda"), yThere = y.to("cuda");
  const int64_t before = device_stats().launches;
  product(xThere, yThere);
  EXPECT_EQ(device_stats().launches, before + 1);
  expectSame([](const Tensor& a, const Tensor& b) { return matmul(transpose(b), transpose(a)); }, x,
             y);
  expectSame(product, data({70, 2, 4, 5}, f32), data({70, 1, 5, 3}, f32));
  // As heads of attention lie: [b, t, h, d] by [b, t, h, d]'.
  const auto scores = [](const Tensor& a, const Tensor& b) {
    return matmul(transpose(a, {0, 2, 1, 3}), transpose(b, {0, 2, 3, 1}));
  };
  expectSame(scores, data({20, 6, 4, 5}), data({20, 6, 4, 5}));
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, Reductions) {
  const Tensor x = data({9, 37, 11});
  for (int64_t axis : {0, 1, 2}) {
    expectSame([=](const Tensor& a) { return sum(a, axis); }, x);
    expectSame([=](const Tensor& a) { return max(a, axis); }, x);
    expectSame([=](const Tensor& a) { return argmax(a, axis); }, x);
    expectSame([=](const Tensor& a) { return softmax(a, axis); }, x);
  }
  expectSame([](const Tensor& a) { return sum(a); }, x);
  expectSame([](const Tensor& a) { return sum(a); }, data({10000}));
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, CumulativeAndProducts) {
  const Tensor x = data({6, 20}), y = data({20, 5});
  expectSame([](const Tensor& a) { return cumsum(a, 0); }, x);
  expectSame([](const Tensor& a) { return cumsum(a, 1); }, x);
  expectSame([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, x, y);
  expectSame([](const Tensor& a, const Tensor& b) { return matmul(transpose(b), transpose(a)); }, x,
             y);
  expectSame([](const Tensor& a, const Tensor& b) { return matmul(a, select(b, 1, 2)); }, x, y);
  expectSame([](const Tensor& a, const Tensor& b) { return matmul(a, b); }, data({3, 4, 8}),
             data({3, 8, 2}));
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, ConvolutionAndPooling) {
  expectSame([](const Tensor& x, const Tensor& w) { return conv2d(x, w); }, data({2, 3, 9, 8}),
             data({4, 3, 3, 3}));
  expectSame([](const Tensor& x) { return sum(windows(x, 0, 3), 1); }, data({20}));
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, Indices) {
  const Tensor x = data({6, 4});
  const Tensor at = tensor<int64_t>({5, 0, 3, 0});
  expectSame([](const Tensor& a, const Tensor& i) { return take(a, i, 0); }, x, at);
  expectSame(
      [](const Tensor& a, const Tensor& i, const Tensor& u) { return scatter_add(a, i, u, 0); }, x,
      at, data({4, 4}));
  const Tensor bad = tensor<int64_t>({1, 9}).to("cuda"), there = x.to("cuda");
  EXPECT_ERROR_HERE(take(there, bad, 0), "gather: index 9 at position 1 is out of range",
                    "go from 0 to 5");
  expectNothingOnTheHost();
}

TEST_F(DeviceKernels, GradientsOfATrainingStep) {
  const auto loss = [](const Tensor& w, const Tensor& v, const Tensor& x) {
    return mean(square(matmul(tanh(matmul(x, w)), v)));
  };
  const Tensor w = data({5, 8}), v = data({8, 2}), x = data({17, 5});
  expectSame([&](const Tensor& a, const Tensor& b, const Tensor& c) { return grad(loss)(a, b, c); },
             w, v, x);
  expectNothingOnTheHost();
}

} // namespace
