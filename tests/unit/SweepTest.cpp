// Order, accumulation and activity of the reverse and tangent sweeps; calls.
#include <gtest/gtest.h>

#include "OperatorCases.h"

namespace diptych {
namespace {

using namespace autodiff;
using namespace emitted;
using namespace reference;

Value scalar(double value) { return tensor(Shape{}, {value}); }
double number(const Value& value) { return dataOf(value)[0]; }

class Sweep : public ::testing::Test {
protected:
  Values pull(ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt) {
    return reverseSweep(emitter.nodes(), outputs, cotangents, wrt);
  }
  Values push(ValueSpan wrt, ValueSpan tangents, ValueSpan outputs) {
    return tangentSweep(emitter.nodes(), wrt, tangents, outputs);
  }
  std::vector<OpCode> emittedSince(size_t begin) const {
    std::vector<OpCode> codes;
    for (const Node* node : emitter.nodes(begin))
      codes.push_back(node->code);
    return codes;
  }

  ReferenceEmitter emitter;
  EmitterScope scope{emitter};
};

TEST_F(Sweep, OperandUsedTwiceGetsBothContributionsInOrder) {
  const Value x = scalar(3), y = x * x;
  const size_t before = emitter.size();
  EXPECT_EQ(number(pull(Values{y}, Values{scalar(1)}, Values{x})[0]), 6);
  EXPECT_EQ(emittedSince(before), (std::vector{OpCode::Mul, OpCode::Mul, OpCode::Add}));
  EXPECT_EQ(number(push(Values{x}, Values{scalar(1)}, Values{y})[0]), 6);
}

TEST_F(Sweep, LaterContributionsAreAddedToTheExistingOne) {
  // The sum node is visited first: its contribution 2^53 is stored, then 1 and 1 are lost one by
  // one.
  const Value x = scalar(1);
  const Value a = x + scalar(0), b = x + scalar(0);
  const Value c = scalar(9007199254740992.0) * x;
  const Values seeds(3, scalar(1));
  EXPECT_EQ(number(pull(Values{a, b, c}, seeds, Values{x})[0]), 9007199254740992.0);
}

TEST_F(Sweep, SeedsOfOneOutputAddUp) {
  const Value x = scalar(2), y = exp(x);
  EXPECT_EQ(number(pull(Values{x, x, y}, Values{scalar(1), scalar(2), Value()}, Values{x})[0]), 3);
}

TEST_F(Sweep, UnreachedValuesHaveNoDerivative) {
  const Value x = scalar(1), unused = scalar(2), y = exp(x);
  const Value count = tensor({DType::i64, {}}, {3});
  const Values pulled = pull(Values{y}, Values{scalar(1)}, Values{unused, x, count});
  EXPECT_FALSE(pulled[0]);
  EXPECT_TRUE(pulled[1]);
  EXPECT_FALSE(pulled[2]);
  const Value z = exp(unused);
  EXPECT_FALSE(push(Values{x}, Values{scalar(1)}, Values{z})[0]);
  EXPECT_EQ(number(materialize({Value()}, Values{z})[0]), 0);
}

TEST_F(Sweep, OnlyNodesBetweenInputsAndOutputsWork) {
  const Value x = scalar(1), other = scalar(2);
  const Value y = tanh(x);
  exp(x);                         // reaches no output
  const Value z = y * sin(other); // sin does not depend on x
  const size_t before = emitter.size();
  pull(Values{z}, Values{scalar(1)}, Values{x});
  const std::vector reverse{OpCode::Mul, OpCode::Mul, OpCode::Constant, OpCode::Sub, OpCode::Mul};
  EXPECT_EQ(emittedSince(before), reverse);
  const size_t between = emitter.size();
  const auto nodes = emitter.nodes();
  tangentSweep(Nodes(nodes).first(before), Values{x}, Values{scalar(1)}, Values{z});
  const std::vector tangent{OpCode::Mul, OpCode::Constant, OpCode::Sub, OpCode::Mul, OpCode::Mul};
  EXPECT_EQ(emittedSince(between), tangent);
}

TEST_F(Sweep, StopGradientStops) {
  const Value x = scalar(3), y = x * stop_gradient(x);
  EXPECT_EQ(number(pull(Values{y}, Values{scalar(1)}, Values{x})[0]), 3);
  EXPECT_EQ(number(push(Values{x}, Values{scalar(1)}, Values{y})[0]), 3);
}

TEST_F(Sweep, IntermediateValuesMayBeDifferentiatedBesideTheirInputs) {
  const Value x = scalar(3), h = x * x, y = 5.0 * h;
  const Values g = pull(Values{y}, Values{scalar(1)}, Values{h, x});
  EXPECT_EQ(number(g[0]), 5);
  EXPECT_EQ(number(g[1]), 30);
}

TEST_F(Sweep, DerivativesNestToFourthOrder) {
  const Value x = scalar(2);
  Value y = x * x * x * x;
  for (double expected : {32.0, 48.0, 48.0, 24.0}) {
    y = pull(Values{y}, Values{scalar(1)}, Values{x})[0];
    EXPECT_EQ(number(y), expected);
  }
}

TEST_F(Sweep, DerivativesCarryTheLineOfTheForwardOperator) {
  const Value x = scalar(2);
  Value y;
  {
    const LocationScope line(SourceLocation("model.cpp", 41, 3));
    y = exp(x);
  }
  const size_t before = emitter.size();
  pull(Values{y}, Values{scalar(1)}, Values{x});
  for (const Node* node : emitter.nodes(before))
    EXPECT_EQ(node->where.line, 41);
}

TEST_F(Sweep, ChainOfAMillionNodes) {
  constexpr size_t length = 1000000;
  std::vector<Values> values(length + 1);
  for (Values& value : values)
    value = {scalar(1)};
  std::vector<Node> chain(length);
  std::vector<const Node*> list;
  const Attrs attrs{};
  for (size_t i = 0; i < length; ++i) {
    chain[i] = {OpCode::Reshape, values[i], values[i + 1], &attrs, nullptr, {}};
    list.push_back(&chain[i]);
  }
  const Value seed = scalar(7);
  EXPECT_EQ(number(reverseSweep(list, values.back(), Values{seed}, values.front())[0]), 7);
}

//===-- Calls --------------------------------------------------------------------------------===//

// (x, n, y) -> (x y, n): a compiled function with an integer on either side.
class ProductCallee : public Callee {
public:
  std::vector<TensorType> outputTypes() const override { return {}; }
  Values run(ValueSpan in) override { return {scalar(number(in[0]) * number(in[2])), in[1]}; }
  std::vector<bool> reached(const std::vector<bool>&) override { return {true, false}; }
  CalleeDerivative vjp(const Pull& pull) override;
  CalleeDerivative jvp(const std::vector<bool>& active) override;
  std::shared_ptr<Callee> batched(const std::vector<bool>&, int64_t) override { return nullptr; }
};

class DerivedCallee : public ProductCallee {
public:
  explicit DerivedCallee(Function function) : function_(std::move(function)) {}
  Values run(ValueSpan in) override { return function_(in); }

private:
  Function function_;
};

CalleeDerivative ProductCallee::vjp(const Pull& pull) {
  EXPECT_EQ(pull.seeded, (std::vector<bool>{true, false}));
  EXPECT_EQ(pull.wanted, (std::vector<bool>{true, false, true}));
  // x has another user behind the call.
  EXPECT_EQ(pull.begun, (std::vector<bool>{true, false, false}));
  return {std::make_shared<DerivedCallee>([](ValueSpan in) {
            EXPECT_EQ(in.size(), 5u);
            return Values{in[4] + in[3] * in[2], in[3] * in[0]};
          }),
          pull.wanted};
}

CalleeDerivative ProductCallee::jvp(const std::vector<bool>& active) {
  return {std::make_shared<DerivedCallee>([active](ValueSpan in) {
            EXPECT_TRUE(active[0] && !active[1] && !active[2]);
            return Values{in[3] * in[2]};
          }),
          {true, false}};
}

TEST_F(Sweep, CallsAreDifferentiatedByTheirCallees) {
  const Value x = scalar(3), y = scalar(4), n = tensor({DType::i64, {}}, {2});
  const Values out = currentEmitter().call(std::make_shared<ProductCallee>(), Values{x, n, y});
  const Value z = exp(scalar(0)) * out[0] + x;
  const Values pulled = pull(Values{z}, Values{scalar(1)}, Values{x, y});
  EXPECT_EQ(number(pulled[0]), 5);
  EXPECT_EQ(number(pulled[1]), 3);
  EXPECT_EQ(number(push(Values{x}, Values{scalar(1)}, Values{z})[0]), 5);
}

} // namespace
} // namespace diptych
