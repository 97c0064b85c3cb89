// Jitted functions called with tensors of the device.
#include "tests/cuda/Device.h"

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

} // namespace
