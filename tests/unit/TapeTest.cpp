// The eager emitter and its tape: gradients into leaves, freed tapes, long chains, nested
// transforms.
#include "frontend/EagerEmitter.h"
#include "ir/Emitted.h"
#include "runtime/Buffer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <thread>

using namespace diptych;
using namespace diptych::emitted;

namespace {

Value tensorOf(const Shape& shape, const std::vector<double>& elements) {
  const Value value = newTensor({DType::f64, shape});
  std::memcpy(eagerTensor(value).data(), elements.data(), elements.size() * sizeof(double));
  return value;
}
Value leaf(const std::vector<double>& elements) {
  const Value value = tensorOf({static_cast<int64_t>(elements.size())}, elements);
  setRequiresGrad(value, true);
  return value;
}
std::vector<double> elements(const Value& x) {
  const Value dense = contiguousCopy(x);
  const auto* data = reinterpret_cast<const double*>(eagerTensor(dense).data());
  return {data, data + dense.type().numel()};
}
std::vector<double> gradOf(const Value& x) {
  return eagerTensor(x).grad ? elements(eagerTensor(x).grad) : std::vector<double>{};
}
Value total(const Value& x) {
  Dims axes;
  for (int i = 0; i < x.rank(); ++i)
    axes.push_back(i);
  return sum(x, axes);
}
using Doubles = std::vector<double>;

std::string messageOf(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

//===-- Backward -----------------------------------------------------------------------------===//

TEST(Tape, BackwardAddsUpInLeaves) {
  const Value x = leaf({1, 2, 3}), y = leaf({4, 5, 6});
  backward(total(x * x * y), {}, false, false);
  EXPECT_EQ(gradOf(x), (Doubles{8, 20, 36}));
  EXPECT_EQ(gradOf(y), (Doubles{1, 4, 9}));
  backward(total(x * y), {}, false, false);
  backward(total(x * y), {}, false, false);
  EXPECT_EQ(gradOf(x), (Doubles{16, 30, 48}));
  EXPECT_EQ(gradOf(y), (Doubles{3, 8, 15}));
}

TEST(Tape, AGradientSomebodyHoldsIsNotChanged) {
  const Value x = leaf({1, 2});
  backward(total(x * x), {}, false, false);
  const Value held = eagerTensor(x).grad;
  backward(total(x * x), {}, false, false);
  EXPECT_EQ(elements(held), (Doubles{2, 4}));
  EXPECT_EQ(gradOf(x), (Doubles{4, 8}));
}

TEST(Tape, LeavesThatShareACotangentAccumulateApart) {
  const Value x = leaf({1, 2}), y = leaf({3, 4});
  backward(x + y, tensorOf({2}, {1, 1}), false, false);
  backward(x + x, tensorOf({2}, {1, 1}), false, false);
  EXPECT_EQ(gradOf(x), (Doubles{3, 3}));
  EXPECT_EQ(gradOf(y), (Doubles{1, 1}));
}

TEST(Tape, RecordsOnlyWhereAGradientIsWanted) {
  const Value x = leaf({1, 2}), plain = tensorOf({2}, {1, 1});
  EXPECT_TRUE(eagerTensor(x * plain).requiresGrad());
  EXPECT_FALSE(eagerTensor(plain * plain).requiresGrad());
  EXPECT_FALSE(eagerTensor(stop_gradient(x)).requiresGrad());
  EXPECT_FALSE(eagerTensor(gt(x, plain)).requiresGrad());
  const GradModeScope off(false);
  EXPECT_FALSE(eagerTensor(x * x).requiresGrad());
}

TEST(Tape, FlowsThroughViews) {
  const Value x = leaf({1, 2, 3, 4, 5, 6});
  const Value matrix = reshape(x, {2, 3});
  const Value part = slice(reverse(matrixTranspose(matrix), {0}), {0, 0}, {2, 2}, {1, 1});
  EXPECT_EQ(elements(part), (Doubles{3, 6, 2, 5}));
  const Value weights = tensorOf({2, 2}, {1, 2, 3, 4});
  backward(total(part * weights), {}, false, false);
  EXPECT_EQ(gradOf(x), (Doubles{0, 3, 1, 0, 4, 2}));
}

TEST(Tape, ASecondBackwardNamesTheFreedStep) {
  const Value x = leaf({1, 2});
  Value y;
  {
    const LocationScope line(SourceLocation("dir/model.cpp", 41, 1));
    y = total(x * x);
  }
  backward(y, {}, false, false);
  const std::string message = messageOf([&] { backward(y, {}, false, false); });
  EXPECT_NE(message.find("freed by an earlier backward"), std::string::npos) << message;
  EXPECT_NE(message.find("model.cpp:41"), std::string::npos) << message;
  EXPECT_NE(message.find("retain_graph"), std::string::npos) << message;
  const Value z = total(y * y);
  EXPECT_NE(messageOf([&] { gradients({&z, 1}, {&x, 1}, {}, false, false); }), "");
}

TEST(Tape, RetainedGraphsCanBeSweptAgain) {
  const Value x = leaf({1, 2});
  const Value y = total(x * x);
  backward(y, {}, true, false);
  backward(y, {}, false, false);
  EXPECT_EQ(gradOf(x), (Doubles{4, 8}));
}

TEST(Tape, ASavedOperandLeavesMemoryAfterBackward) {
  const Value x = leaf(Doubles(1000, 1.0));
  const int64_t before = runtime::memoryStats().currentBytes;
  const Value y = total(exp(x * x) * x);
  EXPECT_GT(runtime::memoryStats().currentBytes, before + 16000);
  backward(y, {}, false, false);
  eagerTensor(x).grad = {};
  EXPECT_EQ(runtime::memoryStats().currentBytes, before + 8);
}

TEST(Tape, MisuseIsExplained) {
  const Value x = leaf({1, 2}), plain = tensorOf({1}, {1});
  EXPECT_NE(messageOf([&] { backward(x * x, {}, false, false); }).find("one element"),
            std::string::npos);
  EXPECT_NE(messageOf([&] { backward(plain, {}, false, false); }).find("requires_grad_()"),
            std::string::npos);
  EXPECT_NE(messageOf([&] { backward(x * x, plain, false, false); }).find("cotangent"),
            std::string::npos);
  EXPECT_NE(messageOf([&] { setRequiresGrad(newTensor({DType::i64, {2}}), true); }).find("astype"),
            std::string::npos);
  EXPECT_NE(messageOf([&] { setRequiresGrad(x * x, false); }).find("detach"), std::string::npos);
}

TEST(Tape, ErrorsOfOperatorsCarryTheUsersLine) {
  const LocationScope line(SourceLocation("src/a.cpp", 7, 1));
  const std::string message = messageOf([] { tensorOf({2}, {1, 2}) + tensorOf({1}, {1}); });
  EXPECT_EQ(message.find("a.cpp:7: add: expected operands of one shape"), 0u) << message;
}

class ForeignValue : public ValueImpl {
  using ValueImpl::ValueImpl;
};

TEST(Tape, ValuesOfATraceAreRefused) {
  const Value traced(new ForeignValue(TensorType{DType::f64, {2}}));
  EXPECT_NE(messageOf([&] { exp(traced); }).find("belongs to a trace"), std::string::npos);
  EXPECT_NE(messageOf([&] { backward(traced, {}, false, false); }).find("belongs to a trace"),
            std::string::npos);
}

//===-- Gradients of chosen inputs -----------------------------------------------------------===//

TEST(Tape, GradientsLeaveLeavesAlone) {
  const Value x = leaf({1, 2}), unused = leaf({1});
  const Value middle = x * x, y = total(middle * x);
  const Value wrt[] = {x, middle, unused, y};
  const Values results = gradients({&y, 1}, wrt, {}, false, false);
  EXPECT_EQ(elements(results[0]), (Doubles{3, 12}));
  EXPECT_EQ(elements(results[1]), (Doubles{1, 2}));
  EXPECT_EQ(elements(results[2]), (Doubles{0}));
  EXPECT_EQ(elements(results[3]), (Doubles{1}));
  EXPECT_TRUE(gradOf(x).empty());
}

TEST(Tape, GradientsWithCreateGraphGoOnToAnyOrder) {
  const Value x = leaf({2});
  Value y = total(x * x * x * x);
  for (double expected : {32.0, 48.0, 48.0, 24.0}) {
    y = total(gradients({&y, 1}, {&x, 1}, {}, true, true)[0]);
    EXPECT_EQ(elements(y), (Doubles{expected}));
  }
}

TEST(Tape, GradientsWithRespectToAnIntermediateDoNotNeedWhatIsBefore) {
  const Value x = leaf({1, 2});
  const Value middle = x * x;
  backward(total(middle), {}, false, false);
  const Value y = total(middle * tensorOf({2}, {3, 4}));
  EXPECT_EQ(elements(gradients({&y, 1}, {&middle, 1}, {}, false, false)[0]), (Doubles{3, 4}));
}

//===-- Size ---------------------------------------------------------------------------------===//

TEST(Tape, AMillionNodesComeAndGo) {
  const int64_t before = runtime::memoryStats().currentBytes;
  {
    const Value x = leaf({1});
    Value y = x;
    for (int i = 0; i < 1000000; ++i)
      y = y + x;
    backward(total(y), {}, false, false);
    EXPECT_EQ(gradOf(x), (Doubles{1000001}));
  }
  {
    Value y = leaf({1});
    for (int i = 0; i < 1000000; ++i)
      y = -y;
    // Dies without any sweep.
  }
  EXPECT_EQ(runtime::memoryStats().currentBytes, before);
}

TEST(Tape, DiesOnAnotherThread) {
  const int64_t before = runtime::memoryStats().currentBytes;
  Value y = leaf({1});
  for (int i = 0; i < 10000; ++i)
    y = y * y;
  std::thread([moved = std::move(y)]() mutable { moved = {}; }).join();
  EXPECT_EQ(runtime::memoryStats().currentBytes, before);
}

TEST(Tape, ThreadsShareLeaves) {
  const Value x = leaf({1, 2, 3});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const Value y = total(x * x * x);
        EXPECT_EQ(elements(gradients({&y, 1}, {&x, 1}, {}, false, false)[0]), (Doubles{3, 12, 27}));
      }
    });
  for (std::thread& thread : threads)
    thread.join();
}

//===-- Transforms ---------------------------------------------------------------------------===//

Seeds ones(std::span<const TensorType> types) {
  Seeds seeds;
  for (const TensorType& type : types)
    seeds.values.push_back(constant(type, 1.0));
  return seeds;
}
Value gradientOf(const Function& f, const Value& x) {
  const int wrt[] = {0};
  return currentEmitter().vjp(f, {&x, 1}, wrt, ones).derivatives[0];
}
Value tangentOf(const Function& f, const Value& x, const Value& tangent) {
  const int wrt[] = {0};
  return currentEmitter().jvp(f, {&x, 1}, wrt, {{tangent}, 0}).derivatives[0];
}
Values cube(ValueSpan in) { return {total(in[0] * in[0] * in[0])}; }

TEST(Transforms, VjpLeavesNoHistoryBehind) {
  const Value x = tensorOf({2}, {1, 2});
  const int wrt[] = {0};
  const Derivatives result = eagerEmitter().vjp(cube, {&x, 1}, wrt, ones);
  EXPECT_EQ(elements(result.derivatives[0]), (Doubles{3, 12}));
  EXPECT_EQ(elements(result.outputs[0]), (Doubles{9}));
  EXPECT_FALSE(eagerTensor(result.derivatives[0]).requiresGrad());
  EXPECT_FALSE(eagerTensor(result.outputs[0]).requiresGrad());
  EXPECT_FALSE(eagerTensor(x).requiresGrad());
}

TEST(Transforms, NestInAnyOrder) {
  const Value x = tensorOf({2}, {1, 2}), v = tensorOf({2}, {1, 10});
  const Function grad1 = [](ValueSpan in) { return Values{gradientOf(cube, in[0])}; };
  const Function sumGrad = [&](ValueSpan in) { return Values{total(grad1(in)[0])}; };
  EXPECT_EQ(elements(gradientOf(sumGrad, x)), (Doubles{6, 12}));
  EXPECT_EQ(elements(tangentOf(grad1, x, v)), (Doubles{6, 120}));
  const Function pushed = [&](ValueSpan in) { return Values{tangentOf(cube, in[0], v)}; };
  EXPECT_EQ(elements(gradientOf(pushed, x)), (Doubles{6, 120}));
  const Function second = [&](ValueSpan in) { return Values{tangentOf(grad1, in[0], v)}; };
  EXPECT_EQ(elements(tangentOf(second, x, v)), (Doubles{6, 600}));
}

TEST(Transforms, CapturedTensorsGetTheirGradients) {
  const Value w = leaf({3, 5}), x = tensorOf({2}, {1, 2});
  const Function f = [&](ValueSpan in) { return Values{total(in[0] * in[0] * w)}; };
  const Value g = gradientOf(f, x); // 2 x w
  EXPECT_EQ(elements(g), (Doubles{6, 20}));
  backward(total(g * g), {}, false, false); // d/dw of 4 x^2 w^2
  EXPECT_EQ(gradOf(w), (Doubles{24, 160}));
}

TEST(Transforms, InputsWithAHistoryKeepIt) {
  const Value x = leaf({1, 2});
  const Value y = x * x;
  const Value g = gradientOf(cube, y); // 3 y^2 = 3 x^4
  backward(total(g), {}, false, false);
  EXPECT_EQ(gradOf(x), (Doubles{12, 96}));
}

TEST(Transforms, SeedsWithAHistoryKeepIt) {
  const Value v = leaf({1, 10}), x = tensorOf({2}, {1, 2});
  backward(tangentOf(cube, x, v), {}, false, false);
  EXPECT_EQ(gradOf(v), (Doubles{3, 12}));
}

TEST(Transforms, PerturbationsAreNotConfused) {
  // d/dx [x * d/dy (x + y)] = 1, the classic: a confused sweep gives 2.
  const Value x = tensorOf({}, {3});
  const Function outer = [](ValueSpan in) {
    const Value x = in[0];
    const Function inner = [x](ValueSpan args) { return Values{x + args[0]}; };
    return Values{x * gradientOf(inner, like(x, 1.0))};
  };
  EXPECT_EQ(elements(gradientOf(outer, x)), (Doubles{1}));
  EXPECT_EQ(elements(tangentOf(outer, x, like(x, 1.0))), (Doubles{1}));
  const Function forward = [](ValueSpan in) {
    const Value x = in[0];
    const Function inner = [x](ValueSpan args) { return Values{x * args[0]}; };
    return Values{x * tangentOf(inner, x, like(x, 1.0))};
  };
  EXPECT_EQ(elements(tangentOf(forward, x, like(x, 1.0))), (Doubles{6}));
  EXPECT_EQ(elements(gradientOf(forward, x)), (Doubles{6}));
}

TEST(Transforms, SeeWhatAnotherThreadRecorded) {
  const Value x = tensorOf({2}, {1, 2});
  for (int i = 0; i < 100; ++i) { // this thread has recorded more than the other ever will
    const Value y = leaf({1, 2});
    total(y * y);
  }
  const Function f = [](ValueSpan in) {
    Value square;
    std::thread([&] { square = in[0] * in[0]; }).join();
    return Values{total(square * in[0])};
  };
  EXPECT_EQ(elements(gradientOf(f, x)), (Doubles{3, 12}));
}

TEST(Transforms, WorkUnderNoGradAndWithoutAUse) {
  const Value x = leaf({1, 2});
  const GradModeScope off(false);
  const Value g = gradientOf(cube, x);
  EXPECT_EQ(elements(g), (Doubles{3, 12}));
  EXPECT_FALSE(eagerTensor(g).requiresGrad());
  const Function constantly = [](ValueSpan) { return Values{tensorOf({}, {1})}; };
  EXPECT_EQ(elements(gradientOf(constantly, x)), (Doubles{0, 0}));
  const Function itself = [](ValueSpan in) { return Values{in[0]}; };
  EXPECT_EQ(elements(gradientOf(itself, x)), (Doubles{1, 1}));
}

TEST(Transforms, BatchedTangentsOfAGradientAreTheHessian) {
  const Value x = tensorOf({3}, {1, 2, 3});
  const Function f = [](ValueSpan in) {
    const Value s = total(in[0] * in[0]);
    return Values{s * s};
  };
  const Function g = [&](ValueSpan in) { return Values{gradientOf(f, in[0])}; };
  const int wrt[] = {0};
  const Value hessian =
      eagerEmitter().jvp(g, {&x, 1}, wrt, {{eye(3, DType::f64)}, 3}).derivatives[0];
  EXPECT_EQ(elements(hessian), (Doubles{64, 16, 24, 16, 88, 48, 24, 48, 128}));
  const Value again =
      eagerEmitter()
          .vjp(g, {&x, 1}, wrt,
               [](std::span<const TensorType>) { return Seeds{{eye(3, DType::f64)}, 3}; })
          .derivatives[0];
  EXPECT_EQ(elements(again), elements(hessian));
}

TEST(Transforms, DifferentiatingIntegersIsRefused) {
  const Value x = newTensor({DType::i64, {2}});
  EXPECT_NE(messageOf([&] { gradientOf(cube, x); }).find("argument 0"), std::string::npos);
}

//===-- Calls --------------------------------------------------------------------------------===//

/// (x, y) -> (x y, x); its derivatives are callees too.
class Product : public Callee, public std::enable_shared_from_this<Product> {
public:
  using Body = std::function<Values(ValueSpan)>;
  Product(Body body, size_t outputs, TensorType type) : body_(body), types_(outputs, type) {}

  std::vector<TensorType> outputTypes() const override { return types_; }
  Values run(ValueSpan inputs) override { return body_(inputs); }
  std::vector<bool> reached(const std::vector<bool>& active) override {
    return {active[0] || active[1], active[0]};
  }
  CalleeDerivative vjp(const Pull& pull) override {
    const auto body = [pull](ValueSpan in) { // x, y, cotangents of x y and, where it has one, of x
      const Value byX = in[2] * in[1];
      Values all{pull.seeded[1] ? byX + in[3] : byX, in[2] * in[0]}, chosen;
      for (size_t i = 0; i < 2; ++i)
        if (pull.wanted[i])
          chosen.push_back(all[i]);
      return chosen;
    };
    return {std::make_shared<Product>(body, 2, types_[0]), pull.wanted};
  }
  CalleeDerivative jvp(const std::vector<bool>&) override { return {}; }
  std::shared_ptr<Callee> batched(const std::vector<bool>&, int64_t) override { return nullptr; }

private:
  Body body_;
  std::vector<TensorType> types_;
};

TEST(Calls, AreOneNodeOfTheTape) {
  const Value x = leaf({2, 3}), y = leaf({5, 7});
  const auto callee = std::make_shared<Product>(
      [](ValueSpan in) { return Values{in[0] * in[1], in[0]}; }, 2, x.type());
  const Value inputs[] = {x, y};
  {
    const Values results = eagerEmitter().call(callee, inputs);
    ASSERT_TRUE(results[0].impl() != x.impl() && results[1].impl() != x.impl());
    backward(total(results[0] * results[1]), {}, false, false); // x^2 y
  }
  EXPECT_EQ(gradOf(x), (Doubles{20, 42}));
  EXPECT_EQ(gradOf(y), (Doubles{4, 9}));
  // One result has died: it has no cotangent.
  const Value seed = tensorOf({2}, {1, 1});
  const Value product = eagerEmitter().call(callee, inputs)[0];
  EXPECT_EQ(elements(gradients({&product, 1}, {&x, 1}, {&seed, 1}, false, false)[0]),
            (Doubles{5, 7}));
}

} // namespace
