// Products of bf16 and f16 on the device: read where they lie, summed in f32, rounded once.
#include "runtime/cuda/Blas.h"
#include "tests/cuda/Device.h"

using namespace diptych;

namespace {

class DeviceHalves : public test::OnDevice {};

std::vector<double> numbers(const Tensor& x) { return x.astype(f64).to_vector<double>(); }

JitOptions strict() {
  JitOptions options;
  options.numerics = Numerics::strict;
  return options;
}

struct Work {
  int64_t launches, libraryCalls;
  friend bool operator==(const Work&, const Work&) = default;
};
void PrintTo(const Work& work, std::ostream* os) {
  *os << work.launches << " launches, " << work.libraryCalls << " calls of a library";
}

/// What the first call costs on the device; a later one may be a graph.
template <class F> Work workOf(const F& f, const Tensor& x, const Tensor& y) {
  const DeviceStats before = device_stats();
  f(x, y);
  const DeviceStats after = device_stats();
  return {after.launches - before.launches, after.library_calls - before.library_calls};
}

Tensor noise(const Shape& shape, DType dtype, double phase) {
  return reshape(sin(arange(static_cast<double>(shape.product())) + phase), shape).astype(dtype);
}

Tensor product(const Tensor& x, const Tensor& y) { return matmul(x, y); }
Tensor turned(const Tensor& x, const Tensor& y) { return matmul(transpose(y), transpose(x)); }
Tensor turnedAfter(const Tensor& x, const Tensor& y) { return transpose(matmul(x, y)); }

TEST_F(DeviceHalves, OneKernelReadsAndRoundsThem) {
  for (const DType dtype : {bf16, f16})
    for (const int64_t k : {7, 1100}) {
      const Tensor x = noise({5, k}, dtype, 1), y = noise({k, 9}, dtype, 2);
      for (const auto& f : {product, turned, turnedAfter}) {
        const auto compiled = jit(f, strict());
        const Tensor got = compiled(x.to("cuda"), y.to("cuda"));
        EXPECT_EQ(got.dtype(), dtype);
        EXPECT_EQ(numbers(got.to("cpu")), numbers(f(x, y)));
        EXPECT_EQ(workOf(compiled, x.to("cuda"), y.to("cuda")), (Work{1, 0}));
      }
    }
}

TEST_F(DeviceHalves, ResultsThatStayWideAreNotRounded) {
  const auto f = [](const Tensor& x, const Tensor& y) {
    return matmul(x.astype(f32), y.astype(f32));
  };
  const Tensor x = noise({5, 70}, bf16, 1), y = noise({70, 9}, bf16, 2);
  const auto compiled = jit(f, strict());
  EXPECT_EQ(numbers(compiled(x.to("cuda"), y.to("cuda")).to("cpu")), numbers(f(x, y)));
  EXPECT_EQ(workOf(compiled, x.to("cuda"), y.to("cuda")), (Work{1, 0}));
}

// An operand of f32 is read beside one of 16 bits.
TEST_F(DeviceHalves, OneOperandOfTheTwo) {
  const auto f = [](const Tensor& x, const Tensor& y) { return matmul(x.astype(f32), y); };
  const Tensor x = noise({5, 70}, f16, 1), y = noise({70, 9}, f32, 2);
  const auto compiled = jit(f, strict());
  EXPECT_EQ(numbers(compiled(x.to("cuda"), y.to("cuda")).to("cpu")), numbers(f(x, y)));
  EXPECT_EQ(workOf(compiled, x.to("cuda"), y.to("cuda")), (Work{1, 0}));
}

// The gradient reads x, y and the cotangent in 16 bits too.
TEST_F(DeviceHalves, GradientsKeepTheCpusBits) {
  const auto loss = [](const Tensor& x, const Tensor& y) {
    return sum(square(matmul(x, y)).astype(f32));
  };
  const auto slopes = grad(std::function<Tensor(const Tensor&, const Tensor&)>(loss), {0, 1});
  const Tensor x = noise({12, 33}, bf16, 1), y = noise({33, 6}, bf16, 2);
  const auto compiled = jit(slopes, strict());
  const auto expected = slopes(x, y);
  const auto got = compiled(x.to("cuda"), y.to("cuda"));
  EXPECT_EQ(numbers(got[0].to("cpu")), numbers(expected[0]));
  EXPECT_EQ(numbers(got[1].to("cpu")), numbers(expected[1]));
}

TEST_F(DeviceHalves, LargeProductsAreCublassAsTheyAre) {
  if (std::string why; !runtime::cuda::findBlas(why))
    GTEST_SKIP() << why;
  const auto batch = [](const Tensor& x, const Tensor& y) {
    return matmul(stack({x, x}), stack({y, y}));
  };
  const auto wide = [](const Tensor& x, const Tensor& y) {
    return matmul(x.astype(f32), y.astype(f32));
  };
  for (const DType dtype : {bf16, f16}) {
    const Tensor x = noise({70, 80}, dtype, 1), y = noise({80, 90}, dtype, 2),
                 xThere = x.to("cuda"), yThere = y.to("cuda");
    const double near = dtype == bf16 ? 0x1p-7 : 0x1p-10;
    for (const auto& f : {product, turned, turnedAfter}) {
      const auto compiled = jit(f);
      EXPECT_TRUE(allclose(compiled(xThere, yThere).to("cpu").astype(f32), f(x, y).astype(f32),
                           near, 8 * near));
      EXPECT_EQ(workOf(compiled, xThere, yThere), (Work{0, 1}));
    }
    const auto both = jit(batch);
    EXPECT_TRUE(allclose(both(xThere, yThere).to("cpu").astype(f32), batch(x, y).astype(f32), near,
                         8 * near));
    EXPECT_EQ(workOf(both, xThere, yThere).libraryCalls, 1);
    const auto sums = jit(wide);
    EXPECT_TRUE(allclose(sums(xThere, yThere).to("cpu"), wide(x, y), 1e-5, 1e-4));
    EXPECT_EQ(workOf(sums, xThere, yThere), (Work{0, 1}));
  }
}

// cuBLAS multiplies two of a type: another pair meets as f32.
TEST_F(DeviceHalves, LargeMixedProductsMeetAsF32) {
  if (std::string why; !runtime::cuda::findBlas(why))
    GTEST_SKIP() << why;
  const auto f = [](const Tensor& x, const Tensor& y) { return matmul(x.astype(f32), y); };
  const Tensor x = noise({70, 80}, bf16, 1), y = noise({80, 90}, f32, 2);
  const auto compiled = jit(f);
  EXPECT_EQ(workOf(compiled, x.to("cuda"), y.to("cuda")), (Work{1, 1}));
  EXPECT_TRUE(allclose(compiled(x.to("cuda"), y.to("cuda")).to("cpu"), f(x, y), 1e-5, 1e-4));
}

// A bias in 16 bits, and relu: the product stays f32 for the kernel that adds them.
TEST_F(DeviceHalves, LayersKeepTheCpusBits) {
  const auto layer = [](const Tensor& x, const Tensor& y, const Tensor& b) {
    return relu(matmul(x, y) + b);
  };
  const Tensor x = noise({5, 70}, bf16, 1), y = noise({70, 9}, bf16, 2), b = noise({9}, bf16, 3);
  EXPECT_EQ(numbers(jit(layer, strict())(x.to("cuda"), y.to("cuda"), b.to("cuda")).to("cpu")),
            numbers(layer(x, y, b)));
}

// Images and kernels that are read as they lie. The kernel is packed in f32 if it is packed.
TEST_F(DeviceHalves, Convolutions) {
  const auto padded = [](const Tensor& x, const Tensor& w) { return conv2d(x, w, {.padding = 1}); };
  const auto plain = [](const Tensor& x, const Tensor& w) { return conv2d(x, w); };
  for (const DType dtype : {bf16, f16}) {
    const Tensor x = noise({2, 3, 9, 8}, dtype, 1), w = noise({4, 3, 3, 3}, dtype, 2);
    const Tensor xThere = x.to("cuda"), wThere = w.to("cuda");
    const auto expectAlike = [&](const auto& f) {
      const auto compiled = jit(f, strict());
      EXPECT_EQ(numbers(compiled(xThere, wThere).to("cpu")), numbers(f(x, w)));
      // No launch more than with f32, but one for the kernel's numbers.
      const Work own = workOf(jit(f, strict()), xThere, wThere);
      const Work wide = workOf(jit(f, strict()), xThere.astype(f32), wThere.astype(f32));
      EXPECT_LE(own.launches, wide.launches + 1);
    };
    expectAlike(plain);
    expectAlike(padded);
  }
}

TEST_F(DeviceHalves, AlongAnAxis) {
  for (const DType dtype : {bf16, f16}) {
    const Tensor x = noise({5, 70}, dtype, 1) * 3, there = x.to("cuda");
    const auto expectAlone = [&](const auto& f) {
      const auto compiled = jit(f, strict());
      EXPECT_EQ(numbers(compiled(there, there).to("cpu")), numbers(f(x, x)));
      EXPECT_EQ(workOf(jit(f, strict()), there, there), (Work{1, 0}));
    };
    for (const int64_t axis : {0, 1}) {
      expectAlone([=](const Tensor& a, const Tensor&) { return cumsum(a, axis); });
      expectAlone([=](const Tensor& a, const Tensor& b) { return linear_recurrence(a, b, axis); });
      expectAlone([=](const Tensor& a, const Tensor&) { return argcummax(a, axis); });
    }
    expectAlone([](const Tensor& a, const Tensor&) { return cumsum(a.astype(f32), 0); });
  }
}

} // namespace
