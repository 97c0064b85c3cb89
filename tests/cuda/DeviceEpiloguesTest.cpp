// What cuBLASLt does beside a large product: biases, relu, gelu, the gradient of a bias. And what
// happens where it refuses, which a machine without a device cannot foresee.
#include "runtime/cuda/BlasLt.h"
#include "tests/cuda/Device.h"

using namespace diptych;

namespace {

using runtime::cuda::simulated::LtRefuses;
using runtime::cuda::simulated::setLtRefuses;

Tensor noise(const Shape& shape, DType dtype, double phase) {
  return reshape(sin(arange(static_cast<double>(shape.product())) + phase), shape).astype(dtype);
}

struct Work {
  int64_t libraryCalls, launches;
  friend bool operator==(const Work&, const Work&) = default;
};
void PrintTo(const Work& work, std::ostream* os) {
  *os << work.libraryCalls << " calls of a library, " << work.launches << " launches";
}

constexpr Work kAlone{1, 0}, kWithKernel{1, 1};

using Tensors = std::vector<Tensor>;
using Program = Tensors (*)(const Tensors& in);

class DeviceEpilogues : public test::OnDevice {
protected:
  void SetUp() override {
    OnDevice::SetUp();
    if (std::string why; !IsSkipped() && !runtime::cuda::findBlasLt(why))
      GTEST_SKIP() << why;
  }
  void TearDown() override { setLtRefuses(LtRefuses::nothing); }

  /// What the first call costs; results are eager's on the CPU, as near as said.
  static Work run(Program program, const Tensors& in, Numerics numerics, double near) {
    Tensors there;
    for (const Tensor& x : in)
      there.push_back(x.to("cuda"));
    const auto compiled = jit(program, {.numerics = numerics});
    const DeviceStats before = device_stats();
    const Tensors got = compiled(there);
    const DeviceStats after = device_stats();
    expectNear(got, program(in), near);
    expectNear(compiled(there), program(in), near); // and again, by what is known now
    return {after.library_calls - before.library_calls, after.launches - before.launches};
  }
  static void expectNear(const Tensors& got, const Tensors& expected, double near) {
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].type().str(), expected[i].type().str());
      const Tensor x = expected[i].astype(f64);
      const double scale = near * max(abs(x)).item<double>();
      EXPECT_LE(max(abs(got[i].to("cpu").astype(f64) - x)).item<double>(), scale) << i;
    }
  }
};

/// x, w, bias: sizes that nobody has asked for yet.
Tensors layer(DType dtype) {
  static int64_t rows = 64;
  ++rows;
  return {noise({rows, 80}, dtype, 1), noise({80, 90}, dtype, 2), noise({90}, dtype, 3)};
}

double nearOf(DType dtype) {
  return dtype == f64 ? 1e-12 : dtype == f32 ? 1e-5 : dtype == bf16 ? 0x1p-7 : 0x1p-10;
}

Tensors withBias(const Tensors& in) { return {matmul(in[0], in[1]) + in[2]}; }
Tensors withRelu(const Tensors& in) { return {relu(in[2] + matmul(in[0], in[1]))}; }
Tensors reluAlone(const Tensors& in) { return {relu(matmul(in[0], in[1]))}; }
Tensors withGelu(const Tensors& in) { return {gelu(matmul(in[0], in[1]) + in[2], Gelu::tanh)}; }
Tensors geluAlone(const Tensors& in) { return {gelu(matmul(in[0], in[1]), Gelu::tanh)}; }
Tensors exactGelu(const Tensors& in) { return {gelu(matmul(in[0], in[1]) + in[2])}; }
Tensors sumsOfRight(const Tensors& in) { return {matmul(transpose(in[0]), in[3]), sum(in[3], 0)}; }
Tensors sumsOfLeft(const Tensors& in) { return {sum(in[3], 0), matmul(transpose(in[3]), in[0])}; }

/// And a gradient with as many rows as x.
Tensors withGradient(DType dtype) {
  Tensors in = layer(dtype);
  in.push_back(noise({in[0].shape(0), 90}, dtype, 4));
  return in;
}

TEST_F(DeviceEpilogues, BiasesOfEveryFloat) {
  for (const DType dtype : {f64, f32, bf16, f16})
    EXPECT_EQ(run(withBias, layer(dtype), Numerics::standard, nearOf(dtype)), kAlone)
        << name(dtype);
}

// relu drops NaN there and gelu is not as near as ours: only where that is asked for.
TEST_F(DeviceEpilogues, FunctionsInFastNumericsOnly) {
  for (const DType dtype : {f64, f32, bf16})
    for (const Program program : {withRelu, reluAlone}) {
      EXPECT_EQ(run(program, layer(dtype), Numerics::fast, nearOf(dtype)), kAlone);
      EXPECT_EQ(run(program, layer(dtype), Numerics::standard, nearOf(dtype)), kWithKernel);
    }
  for (const DType dtype : {f64, f32})
    for (const Program program : {withGelu, geluAlone}) {
      EXPECT_EQ(run(program, layer(dtype), Numerics::fast, 1e-3), kAlone);
      EXPECT_EQ(run(program, layer(dtype), Numerics::standard, nearOf(dtype)), kWithKernel);
    }
  EXPECT_EQ(run(exactGelu, layer(f64), Numerics::fast, 1e-12), kWithKernel);
}

TEST_F(DeviceEpilogues, TheGradientOfABias) {
  for (const DType dtype : {f64, f32}) {
    EXPECT_EQ(run(sumsOfRight, withGradient(dtype), Numerics::standard, nearOf(dtype)), kAlone);
    EXPECT_EQ(run(sumsOfLeft, withGradient(dtype), Numerics::standard, nearOf(dtype)), kAlone);
    EXPECT_EQ(run(sumsOfLeft, withGradient(dtype), Numerics::strict, 1e-5), (Work{0, 2}));
  }
}

// At once, or when the product is to be run: cuBLAS and our kernel do it.
TEST_F(DeviceEpilogues, WhatIsRefusedIsDoneBehindTheProduct) {
  if (!test::isSimulated())
    GTEST_SKIP() << "asks the simulated device to refuse";
  for (const LtRefuses what : {LtRefuses::shapes, LtRefuses::products}) {
    setLtRefuses(what);
    for (const DType dtype : {f64, f32, bf16})
      for (const Program program : {withBias, withRelu, reluAlone, withGelu})
        EXPECT_EQ(run(program, layer(dtype), Numerics::fast, nearOf(dtype)), kWithKernel);
    for (const Program program : {sumsOfRight, sumsOfLeft})
      EXPECT_EQ(run(program, withGradient(f32), Numerics::standard, nearOf(f32)), kWithKernel);
  }
}

TEST_F(DeviceEpilogues, LayoutsAndPlacesThatDoNotBeginTheBuffer) {
  const Program turned = [](const Tensors& in) -> Tensors {
    return {matmul(transpose(in[0]), transpose(in[1])) + in[2]};
  };
  const Program cut = [](const Tensors& in) -> Tensors {
    return {matmul(slice(in[0], 0, 1, in[0].shape(0)), in[1]) + slice(in[2], 0, 3, 93)};
  };
  const Program columns = [](const Tensors& in) -> Tensors {
    return {transpose(matmul(in[0], in[1]) + in[2])};
  };
  const Program batch = [](const Tensors& in) -> Tensors {
    return {matmul(reshape(in[0], {4, -1, 80}), in[1]) + in[2]};
  };
  for (const DType dtype : {f64, f32}) {
    const Tensors in = layer(dtype);
    EXPECT_EQ(run(batch, {noise({4 * in[0].shape(0), 80}, dtype, 6), in[1], in[2]},
                  Numerics::standard, nearOf(dtype)),
              kAlone);
    const auto transposed = [](const Tensor& x) { return transpose(x).contiguous(); };
    EXPECT_EQ(run(turned, {transposed(in[0]), transposed(in[1]), in[2]}, Numerics::standard,
                  nearOf(dtype)),
              kAlone);
    EXPECT_EQ(run(cut, {in[0], in[1], noise({93}, dtype, 5)}, Numerics::standard, nearOf(dtype)),
              kAlone);
    run(columns, in, Numerics::standard, nearOf(dtype)); // whoever does it
  }
}

// What more than one reads stays; so does what is no epilogue, and many products at once.
TEST_F(DeviceEpilogues, OthersAreLeftAlone) {
  const Program twice = [](const Tensors& in) -> Tensors {
    const Tensor p = matmul(in[0], in[1]);
    return {p + in[2], p};
  };
  const Program difference = [](const Tensors& in) -> Tensors {
    return {matmul(in[0], in[1]) - in[2]};
  };
  const Program rows = [](const Tensors& in) -> Tensors {
    return {matmul(in[0], in[1]) + sum(in[0], 1, true)};
  };
  const Program several = [](const Tensors& in) -> Tensors {
    return {matmul(stack({in[0], 2 * in[0]}), in[1]) + in[2]};
  };
  const Program weighted = [](const Tensors& in) -> Tensors {
    return {matmul(transpose(in[0]), in[3]), sum(square(in[3]), 0)};
  };
  for (const Program program : {twice, difference, rows, several, weighted}) {
    const Work work = run(program, withGradient(f64), Numerics::fast, 1e-12);
    EXPECT_EQ(work.libraryCalls, 1);
    EXPECT_GE(work.launches, 1);
  }
}

// A layer with its gradient as a training step has them.
TEST_F(DeviceEpilogues, ATrainingStepOfTwoLayers) {
  const Program step = [](const Tensors& in) -> Tensors {
    const auto loss = [&](const Tensor& w, const Tensor& b) {
      return mean(square(matmul(relu(matmul(in[0], w) + b), transpose(w)) - in[0]));
    };
    const auto [value, gradients] = value_and_grad(loss, {0, 1})(in[1], in[2]);
    return {value, gradients[0], gradients[1]};
  };
  for (const Numerics numerics : {Numerics::standard, Numerics::fast})
    run(step, layer(f64), numerics, 1e-11);
}

} // namespace
