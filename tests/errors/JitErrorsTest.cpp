// Misuse of jit and of derivatives around it: every message names what was done, where, what was
// expected, and the remedy.
#include "tests/errors/Throws.h"

#include <diptych/diptych.h>

namespace dt = diptych;
using namespace diptych::test;

namespace {

const dt::Tensor& pair() {
  static const dt::Tensor x = dt::tensor({1.0, 2.0});
  return x;
}

//===-- Values the graph can't see -----------------------------------------------------------===//

TEST(JitErrors, IfOnATracedTensor) {
  auto f = dt::jit([](const dt::Tensor& x) {
    if (dt::sum(x) > 0.0)
      return x;
    return -x;
  });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 4, {"if", "traced", "where("});
}

TEST(JitErrors, ItemOfATracedTensor) {
  auto f = dt::jit([](const dt::Tensor& x) { return x * dt::sum(x).item<double>(); });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 1, {"item", "traced"});
}

TEST(JitErrors, DataAndToVectorOfATracedTensor) {
  auto data = dt::jit([](const dt::Tensor& x) { return x * x.data<double>()[0]; });
  expectErrorAt([&] { data(pair()); }, __FILE__, __LINE__ - 1, {"data", "traced"});
  auto vector = dt::jit([](const dt::Tensor& x) { return x * x.to_vector<double>()[0]; });
  expectErrorAt([&] { vector(pair()); }, __FILE__, __LINE__ - 1, {"to_vector", "traced"});
}

TEST(JitErrors, ItemInsideANestedDerivative) {
  auto f = dt::jit(dt::grad([](const dt::Tensor& x) {
    return dt::sum(x) * dt::sum(x).item<double>(); // here
  }));
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 2, {"item", "traced"});
}

TEST(JitErrors, RandomNumbersInATrace) {
  auto f = dt::jit([](const dt::Tensor& x) { return x + dt::randn({2}); });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 1, {"randn", "nn::RandomScope"});
}

TEST(JitErrors, BackwardInsideATrace) {
  auto f = dt::jit([](const dt::Tensor& x) {
    dt::sum(x).backward();
    return x;
  });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 3, {"backward", "trace", "grad("});
}

TEST(JitErrors, RequiresGradInsideATrace) {
  auto f = dt::jit([](const dt::Tensor& x) { return x.requires_grad_() * 2.0; });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 1, {"requires_grad_", "grad"});
}

//===-- Tensors of other traces --------------------------------------------------------------===//

TEST(JitErrors, TensorLeakedFromATraceThatIsOver) {
  dt::Tensor leaked;
  dt::jit([&](const dt::Tensor& x) { return leaked = x * 2.0; })(pair());
  EXPECT_ERROR_HERE(leaked + 1.0, "f64[2]", "belongs to a trace", "return it");
  auto f = dt::jit([&](const dt::Tensor& x) { return x + leaked; });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 1, {"trace", "over", "return"});
  EXPECT_ERROR_HERE(leaked.item<double>(), "item", "traced");
}

TEST(JitErrors, TensorLeakedFromAFailedTrace) {
  dt::Tensor leaked;
  auto f = dt::jit([&](const dt::Tensor& x) -> dt::Tensor {
    leaked = x * 2.0;
    throw std::runtime_error("stop");
  });
  EXPECT_THROW(f(pair()), std::runtime_error);
  EXPECT_ERROR_HERE(leaked + 1.0, "belongs to a trace", "return it");
}

TEST(JitErrors, TensorOfAnOuterTraceAsACallsArgument) {
  // The inner function is traced in line, so what the outer one traced is at hand.
  auto inner = dt::jit([](const dt::Tensor& x) { return x * 2.0; });
  auto outer = dt::jit([&](const dt::Tensor& x) { return inner(x + 1.0); });
  EXPECT_EQ(outer(pair()).to_vector<double>()[0], 4.0);
}

TEST(JitErrors, TensorLeakedFromANestedDerivative) {
  dt::Tensor leaked;
  auto f = dt::jit([&](const dt::Tensor& x) {
    auto g = dt::grad([&](const dt::Tensor& y) { return dt::sum(leaked = y * y); })(x);
    return g + leaked; // here
  });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 2, {"trace", "return"});
}

//===-- Derivatives --------------------------------------------------------------------------===//

TEST(JitErrors, ArgumentNumberOutOfRange) {
  auto f = [](const dt::Tensor& x) { return dt::sum(x); };
  auto g = dt::jit(dt::grad(f, 1));
  expectErrorAt([&] { g(pair()); }, __FILE__, __LINE__ - 1, {"grad", "1 argument", "1"});
  auto h = dt::grad(dt::jit(f), -1);
  expectErrorAt([&] { h(pair()); }, __FILE__, __LINE__ - 1, {"grad", "-1", "counted from 0"});
}

TEST(JitErrors, GradientOfWhatIsNoScalar) {
  auto g = dt::jit(dt::grad([](const dt::Tensor& x) { return x * x; }));
  expectErrorAt([&] { g(pair()); }, __FILE__, __LINE__ - 1, {"grad", "one float", "f64[2]", "sum"});
  auto h = dt::grad(dt::jit([](const dt::Tensor& x) { return x * x; }));
  expectErrorAt([&] { h(pair()); }, __FILE__, __LINE__ - 1, {"grad", "one float", "f64[2]", "sum"});
}

TEST(JitErrors, IntegerArgumentDifferentiated) {
  auto g = dt::jit(dt::grad([](const dt::Tensor& x) { return dt::sum(x.astype(dt::f64)); }));
  expectErrorAt([&] { g(dt::tensor({1, 2})); }, __FILE__, __LINE__ - 1,
                {"grad", "float", "i32[2]", "astype"});
}

TEST(JitErrors, SeedOfAnotherShape) {
  auto f = dt::jit([](const dt::Tensor& x) { return x * x; });
  auto g = dt::jit([=](const dt::Tensor& x) { return dt::vjp(f)(x, dt::ones({3})).second; });
  expectErrorAt([&] { g(pair()); }, __FILE__, __LINE__ - 1,
                {"vjp", "cotangent", "f64[2]", "f64[3]"});
}

TEST(JitErrors, BackwardThroughAFreedTape) {
  auto f = dt::jit([](const dt::Tensor& x) { return dt::sum(x * x); });
  auto x = dt::tensor({1.0, 2.0}).requires_grad_();
  auto y = f(x);
  y.backward();
  EXPECT_ERROR_HERE(y.backward(), "freed", "retain_graph");
}

//===-- Calls --------------------------------------------------------------------------------===//

TEST(JitErrors, MoreKindsOfArgumentsThanAllowed) {
  auto f = dt::jit([](const dt::Tensor& x) { return x + 1.0; }, {.maxVariants = 2}); // here
  f(dt::zeros({1}));
  f(dt::zeros({2}));
  expectErrorAt([&] { f(dt::zeros({3})); }, __FILE__, __LINE__ - 3,
                {"jit", "at most 2", "f64[3]", "f64[1]", "maxVariants"});
  EXPECT_EQ(f(dt::zeros({2})).numel(), 2) << "what is compiled stays usable";
}

TEST(JitErrors, CallsItself) {
  std::function<dt::Tensor(const dt::Tensor&)> self;
  auto f = dt::jit([&](const dt::Tensor& x) { return self(x) + 1.0; });
  self = [&](const dt::Tensor& x) { return f(x); };
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 2,
                {"jit", "inside one another", "itself"});
  self = [](const dt::Tensor& x) { return x; };
  EXPECT_EQ(f(pair()).to_vector<double>(), (std::vector<double>{2.0, 3.0}));
}

TEST(JitErrors, UnknownStage) {
  auto f = dt::jit([](const dt::Tensor& x) { return x + 1.0; });
  expectErrorAt([&] { f.ir(); }, __FILE__, __LINE__ - 1, {"nothing has been compiled", "call"});
  f(pair());
  const std::string message = messageOf([&] { f.ir("ptx"); });
  expectMessage(message, {"ir", "fused", "kernels", "asm", "'ptx'"});
}

TEST(JitErrors, ShapesThatDoNotFit) {
  auto f = dt::jit([](const dt::Tensor& x) { return dt::matmul(x, dt::ones({3})); });
  expectErrorAt([&] { f(pair()); }, __FILE__, __LINE__ - 1, {"matmul", "[2]", "[3]"});
}

TEST(JitErrors, EmptyTensorAsArgument) {
  auto f = dt::jit([](const dt::Tensor& x) { return x + 1.0; });
  const std::string message = messageOf([&] { f(dt::Tensor()); });
  expectMessage(message, {"empty"});
  auto g = dt::jit([](const dt::Tensor& x) { return std::vector{x, dt::Tensor()}; });
  expectMessage(messageOf([&] { g(pair()); }), {"empty"});
}

//===-- At run time --------------------------------------------------------------------------===//

TEST(JitErrors, IndexOutOfRangeNamesTheUsersLine) {
  auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& i) {
    return dt::exp(dt::take(x, i)); // here
  });
  expectErrorAt([&] { f(pair(), dt::tensor({0, 2})); }, __FILE__, __LINE__ - 2,
                {"gather", "index 2 at position 1", "out of range", "axis 0 of f64[2]", "0 to 1"});
  expectErrorAt([&] { f(pair(), dt::tensor({-1, 0})); }, __FILE__, __LINE__ - 4,
                {"index -1 at position 0", "out of range"});
  EXPECT_EQ(f(pair(), dt::tensor({1, 0})).numel(), 2);
}

TEST(JitErrors, IndexOutOfRangeReadsAsInEagerMode) {
  auto f = [](const dt::Tensor& x, const dt::Tensor& i) { return dt::take(x, i, 1); };
  auto x = dt::ones({3, 2});
  auto i = dt::tensor({{0, 1}, {5, 9}});
  EXPECT_EQ(messageOf([&] { dt::jit(f)(x, i); }), messageOf([&] { f(x, i); }));
}

TEST(JitErrors, IndexOutOfRangeWhereThereIsNothingToTake) {
  for (const dt::Shape& shape : {dt::Shape{0, 3}, dt::Shape{0, 3, 2}, dt::Shape{2, 3, 0}}) {
    auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& i) { return dt::take(x, i, 1); });
    expectErrorAt([&] { f(dt::zeros(shape), dt::tensor({1, 3})); }, __FILE__, __LINE__ - 1,
                  {"gather", "index 3 at position 1", "axis 1"});
    EXPECT_EQ(f(dt::zeros(shape), dt::tensor({1, 2})).numel(), 0);
  }
}

TEST(JitErrors, IndexOutOfRangeOfAScatter) {
  auto f = dt::jit([](const dt::Tensor& x, const dt::Tensor& i) {
    return dt::scatter_add(x, i, dt::ones({2})); // here
  });
  expectErrorAt([&] { f(pair(), dt::tensor({0, 7})); }, __FILE__, __LINE__ - 2,
                {"scatter_add", "index 7 at position 1", "out of range", "axis 0 of f64[2]"});
}

} // namespace
