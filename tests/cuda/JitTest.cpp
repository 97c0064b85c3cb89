// Jitted functions called with tensors of the device.
#include "runtime/cuda/BlasLt.h"
#include "tests/cuda/Device.h"

#include <cmath>

using namespace diptych;

namespace {

class DeviceJit : public test::OnDevice {};

std::vector<double> numbers(const Tensor& x) { return x.to_vector<double>(); }

const Tensor data = tensor({{1.0, -2.0, 3.0}, {0.5, 4.0, -1.5}});

JitOptions strict() {
  JitOptions options;
  options.numerics = Numerics::strict;
  return options;
}

TEST_F(DeviceJit, GivesEagersBitsThere) {
  const auto f = [](const Tensor& x) { return sum(exp(x) * tanh(x), 1); };
  const auto compiled = jit(f, strict());
  const Tensor y = compiled(data.to("cuda"));
  EXPECT_EQ(y.device(), "cuda");
  EXPECT_EQ(numbers(y), numbers(f(data)));
}

// Of [2,0] the strides are [0,1]: both rows begin at one place, where nothing is written.
TEST_F(DeviceJit, SeveralResultsWithoutElements) {
  const auto f = [](const Tensor& x) {
    const Tensor y = digamma(slice(x, 1, 0, 0));
    return std::pair(y, cos(y));
  };
  const auto [y, z] = jit(f, strict())(zeros({2, 3}).to("cuda"));
  EXPECT_EQ(y.shape(), (Shape{2, 0}));
  EXPECT_EQ(z.shape(), (Shape{2, 0}));
}

TEST_F(DeviceJit, NumbersJoinAndDataDoesNot) {
  const auto compiled = jit([](const Tensor& x, const Tensor& y) { return x * y; }, strict());
  EXPECT_EQ(numbers(compiled(data.to("cuda"), tensor(2.0))), numbers(data * 2));
  test::expectMessage(test::messageOf([&] { compiled(data.to("cuda"), data); }),
                      {"jit: expected operands on one device", "f64[2,3] on cpu"});
}

TEST_F(DeviceJit, DerivativesAndTheTape) {
  const auto f = [](const Tensor& x) { return sum(sin(x) * x); };
  const auto slope = jit(grad(f), strict());
  EXPECT_EQ(numbers(slope(data.to("cuda"))), numbers(grad(f)(data)));
  const auto compiled = jit(f, strict());
  const Tensor x = data.to("cuda").requires_grad_();
  compiled(x).backward();
  EXPECT_EQ(x.grad().device(), "cuda");
  EXPECT_EQ(numbers(x.grad()), numbers(grad(f)(data)));
}

TEST_F(DeviceJit, RunsThereAloneAndIsReplayed) {
  const auto step = jit(value_and_grad([](const Tensor& w, const Tensor& x) {
                          return mean(square(tanh(matmul(x, w))) + softmax(matmul(x, w), 1));
                        }),
                        strict());
  const Tensor w = sin(arange(40.0)).to("cuda").to("cpu"),
               x = cos(arange(85.0)).to("cuda").to("cpu");
  const Tensor w2 = reshape(w, {5, 8}), x2 = reshape(x, {17, 5});
  const auto [value, slope] = step(w2, x2);
  const Tensor wThere = w2.to("cuda"), xThere = x2.to("cuda");
  const DeviceStats before = device_stats();
  for (int i = 0; i < 4; ++i) {
    const auto [v, g] = step(wThere, xThere);
    EXPECT_EQ(v.item<double>(), value.item<double>());
    EXPECT_EQ(numbers(g), numbers(slope));
  }
  const DeviceStats after = device_stats();
  EXPECT_EQ(after.host_operators, before.host_operators) << after.host_operator_names;
  EXPECT_GT(after.launches, before.launches);
  EXPECT_GT(after.graph_launches, before.graph_launches);
  EXPECT_EQ(step.stats().compilations, 2);
  EXPECT_EQ(step.stats().recompilations[0], "arguments on cuda after cpu");
}

TEST_F(DeviceJit, LoopsAndBranches) {
  const auto f = [](const Tensor& x) {
    const Tensor y = fori_loop(
        0, 5, [](const Tensor& i, const Tensor& c) { return c * 0.5 + i.astype(f64); }, x);
    const Tensor z = while_loop([](const Tensor& c) { return sum(c) < 1000; },
                                [](const Tensor& c) { return c * 2; }, y);
    return cond(
        sum(z) > 1500, [](const Tensor& c) { return c - 1; }, [](const Tensor& c) { return -c; },
        z);
  };
  const auto compiled = jit(f, strict());
  EXPECT_EQ(numbers(compiled(data.to("cuda"))), numbers(f(data)));
  const auto rows = [](const Tensor& x) { // rows at odd addresses
    return scan([](const Tensor& c, const Tensor& row) { return std::pair(c + row, c * row); },
                zeros({3}), x)
        .second;
  };
  const auto scanned = jit(rows, strict());
  EXPECT_EQ(numbers(scanned(data.to("cuda"))), numbers(rows(data)));
}

TEST_F(DeviceJit, HostOperatorsStandBetweenLaunches) {
  const auto f = [](const Tensor& x) { return exp(sort(x * 2, 1)) + 1; };
  const auto compiled = jit(f, strict());
  const int64_t before = device_stats().host_operators;
  EXPECT_EQ(numbers(compiled(data.to("cuda"))), numbers(f(data)));
  EXPECT_GT(device_stats().host_operators, before);
}

TEST_F(DeviceJit, ABadIndexNamesItsLine) {
  const auto f = [](const Tensor& x, const Tensor& i) {
    return exp(take(x, i, 0)) * 2; // line 0
  };
  const std::string line = "JitTest.cpp:" + std::to_string(__LINE__ - 2) + ":";
  const auto compiled = jit(f, strict());
  const Tensor good = tensor<int64_t>({1, 0, 1}).to("cuda"), x = data.to("cuda");
  EXPECT_EQ(numbers(compiled(x, good)), numbers(f(data, good.to("cpu"))));
  const Tensor bad = tensor<int64_t>({1, 2, 1}).to("cuda");
  test::expectMessage(test::messageOf([&] { compiled(x, bad); }),
                      {line.c_str(), "index 2 at position 1 is out of range", "from 0 to 1"});
  EXPECT_EQ(numbers(compiled(x, good)), numbers(f(data, good.to("cpu"))));
}

// What becomes of a product with a bias: our kernel adds it, and cuBLASLt does.
TEST_F(DeviceJit, ABiasIsAddedWhereTheProductIsStored) {
  const auto linear = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return matmul(x, w) + b;
  };
  const auto cut = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return relu(b + matmul(x, transpose(w)));
  };
  const auto launches = [](const auto& f, const auto&... in) {
    f(in...);
    const int64_t before = device_stats().launches;
    const auto got = numbers(f(in...).astype(f64));
    return std::pair(got, device_stats().launches - before);
  };
  for (const DType dtype : {f32, f64})
    for (const int64_t k : {7, 1100}) {
      const Tensor x = reshape(sin(arange(5.0 * k)), {5, k}).astype(dtype),
                   w = reshape(cos(arange(9.0 * k)), {k, 9}).astype(dtype),
                   b = arange(9.0).astype(dtype);
      const Tensor v = transpose(w).contiguous();
      EXPECT_EQ(launches(jit(linear, strict()), x.to("cuda"), w.to("cuda"), b.to("cuda")),
                std::pair(numbers(linear(x, w, b).astype(f64)), int64_t{1}));
      EXPECT_EQ(launches(jit(cut, strict()), x.to("cuda"), v.to("cuda"), b.to("cuda")),
                std::pair(numbers(cut(x, v, b).astype(f64)), int64_t{1}));
    }
}

TEST_F(DeviceJit, LargeProductsTakeTheirBiasToCublasLt) {
  if (std::string why; !runtime::cuda::findBlasLt(why))
    GTEST_SKIP() << why;
  const auto linear = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return matmul(x, w) + b;
  };
  const auto turned = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return b + matmul(transpose(x), transpose(w));
  };
  for (const DType dtype : {f32, f64}) {
    const Tensor x = reshape(sin(arange(70.0 * 80)), {70, 80}).astype(dtype),
                 w = reshape(cos(arange(80.0 * 90)), {80, 90}).astype(dtype),
                 b = arange(90.0).astype(dtype);
    const Tensor xt = transpose(x).contiguous(), wt = transpose(w).contiguous();
    const double near = dtype == f64 ? 1e-12 : 1e-4;
    const DeviceStats before = device_stats();
    const int64_t shapes = runtime::cuda::knownLtShapes();
    const auto compiled = jit(linear);
    for (int i = 0; i < 3; ++i)
      EXPECT_TRUE(allclose(compiled(x.to("cuda"), w.to("cuda"), b.to("cuda")).to("cpu"),
                           linear(x, w, b), near, near));
    EXPECT_EQ(device_stats().library_calls, before.library_calls + 3);
    EXPECT_EQ(device_stats().launches, before.launches); // and no other kernel
    EXPECT_EQ(runtime::cuda::knownLtShapes(), shapes + 1);
    EXPECT_TRUE(allclose(jit(turned)(xt.to("cuda"), wt.to("cuda"), b.to("cuda")).to("cpu"),
                         linear(x, w, b), near, near));
    EXPECT_EQ(runtime::cuda::knownLtShapes(), shapes + 2);
    // Another bias at another address.
    EXPECT_TRUE(allclose(compiled(x.to("cuda"), w.to("cuda"), (b * 2).to("cuda")).to("cpu"),
                         linear(x, w, b * 2), near, near));
  }
}

// relu keeps NaN, which cuBLASLt's does not promise: a kernel of ours does it, and the bias with
// it.
TEST_F(DeviceJit, ReluOfALargeProductIsOurs) {
  if (std::string why; !runtime::cuda::findBlasLt(why))
    GTEST_SKIP() << why;
  const auto layer = [](const Tensor& x, const Tensor& w, const Tensor& b) {
    return relu(matmul(x, w) + b);
  };
  const Tensor x = where(reshape(arange(70.0 * 80), {70, 80}) == 3.0, std::nan(""), 0.5),
               w = ones({80, 90}), b = arange(90.0) - 80.0;
  const DeviceStats before = device_stats();
  const Tensor got = jit(layer)(x.to("cuda"), w.to("cuda"), b.to("cuda")).to("cpu");
  EXPECT_EQ(device_stats().library_calls, before.library_calls + 1);
  EXPECT_EQ(device_stats().launches, before.launches + 1);
  const auto expected = numbers(layer(x, w, b)), there = numbers(got);
  EXPECT_TRUE(std::isnan(expected.at(0)));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_TRUE(std::isnan(expected[i]) ? std::isnan(there[i])
                                        : std::abs(there[i] - expected[i]) <= 1e-12 * 100)
        << i;
}

TEST_F(DeviceJit, LargeProductsGoToCublasUnlessStrict) {
  if (std::string why; !runtime::cuda::findBlasLt(why))
    GTEST_SKIP() << why;
  const Tensor a = reshape(sin(arange(70.0 * 80)), {70, 80}),
               b = reshape(cos(arange(80.0 * 90)), {80, 90});
  const Tensor aThere = a.to("cuda"), bThere = b.to("cuda");
  const auto product = [](const Tensor& x, const Tensor& y) { return matmul(x, y); };
  const auto turned = [](const Tensor& x, const Tensor& y) {
    return transpose(matmul(transpose(y), transpose(x)));
  };
  const auto batch = [](const Tensor& x, const Tensor& y) { return matmul(stack({x, 2 * x}), y); };
  const int64_t before = device_stats().library_calls;
  EXPECT_TRUE(allclose(jit(product)(aThere, bThere).to("cpu"), product(a, b), 1e-12, 1e-12));
  EXPECT_TRUE(allclose(jit(turned)(aThere, bThere).to("cpu"), product(a, b), 1e-12, 1e-12));
  EXPECT_TRUE(allclose(jit(batch)(aThere, bThere).to("cpu"), batch(a, b), 1e-12, 1e-12));
  EXPECT_GE(device_stats().library_calls, before + 3);
  const int64_t after = device_stats().library_calls;
  EXPECT_EQ(numbers(jit(product, strict())(aThere, bThere)), numbers(product(a, b)));
  EXPECT_EQ(device_stats().library_calls, after);
}

} // namespace
