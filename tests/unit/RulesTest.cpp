// Derivative rules of every operator: against differences, against each other, at the points where
// the table states a convention.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "OperatorCases.h"

namespace diptych {
namespace {

using namespace autodiff;
using namespace emitted;
using namespace reference;

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double dot(const Value& a, const Value& b) {
  double total = 0;
  for (size_t i = 0; i < dataOf(a).size(); ++i)
    total += dataOf(a)[i] * dataOf(b)[i];
  return total;
}

double dot(ValueSpan a, ValueSpan b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i)
    total += dot(a[i], b[i]);
  return total;
}

Values along(ValueSpan x, ValueSpan direction, double step) {
  Values moved;
  for (size_t i = 0; i < x.size(); ++i)
    moved.push_back(x[i] + step * direction[i]);
  return moved;
}

Values directions(ValueSpan x, unsigned seed) {
  Values drawn;
  for (const Value& value : x)
    drawn.push_back(sample(value.type(), -1.0, 1.0, seed++));
  return drawn;
}

// One operator as a function of its float operands.
class Subject {
public:
  explicit Subject(const OperatorCase& subject) : subject_(subject) {
    for (const Value& operand : subject.operands)
      if (isFloat(operand.dtype()))
        x.push_back(operand);
  }

  Value operator()(ValueSpan floats) const {
    Values operands = subject_.operands;
    size_t next = 0;
    for (Value& operand : operands)
      if (isFloat(operand.dtype()))
        operand = floats[next++];
    return currentEmitter().emit(subject_.code, operands, subject_.attrs);
  }

  Values x;

private:
  const OperatorCase& subject_;
};

class Rules : public ::testing::Test {
protected:
  Values pull(ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt, size_t begin = 0) {
    const auto nodes = emitter.nodes(begin);
    return materialize(reverseSweep(nodes, outputs, cotangents, wrt), wrt);
  }
  Values push(ValueSpan wrt, ValueSpan tangents, ValueSpan outputs, size_t begin = 0) {
    const auto nodes = emitter.nodes(begin);
    return materialize(tangentSweep(nodes, wrt, tangents, outputs), outputs);
  }
  Values gradient(const Subject& f, ValueSpan x, const Value& cotangent) {
    const size_t begin = emitter.size();
    return pull(Values{f(x)}, Values{cotangent}, x, begin);
  }
  /// d f / d x at x by a reverse sweep, of a scalar function of one number.
  std::vector<double> derivatives(const std::function<Value(const Value&)>& f, double at,
                                  int order) {
    const Value x = tensor(Shape{}, {at});
    const size_t begin = emitter.size();
    Value y = f(x);
    std::vector<double> found;
    for (int i = 0; i < order; ++i) {
      y = pull(Values{y}, Values{tensor(Shape{}, {1.0})}, Values{x}, begin)[0];
      found.push_back(dataOf(y)[0]);
    }
    return found;
  }

  ReferenceEmitter emitter;
  EmitterScope scope{emitter};
};

std::vector<OperatorCase> differentiable() {
  std::vector<OperatorCase> cases;
  for (OperatorCase& one : allCases())
    if (info(one.code).derivative != DerivativeKind::Zero)
      cases.push_back(std::move(one));
  return cases;
}

TEST_F(Rules, TangentsAgreeWithDifferences) {
  for (const OperatorCase& one : differentiable()) {
    SCOPED_TRACE(one.name);
    const Subject f(one);
    const Values v = directions(f.x, 51);
    const size_t begin = emitter.size();
    const Value y = f(f.x);
    const Value tangent = push(f.x, v, Values{y}, begin)[0];
    const double step = 1e-6;
    const Value difference = f(along(f.x, v, step)) - f(along(f.x, v, -step));
    for (size_t i = 0; i < dataOf(tangent).size(); ++i)
      EXPECT_NEAR(dataOf(tangent)[i], dataOf(difference)[i] / (2 * step), 1e-7);
  }
}

TEST_F(Rules, CotangentsAreTheTransposeOfTangents) {
  for (const OperatorCase& one : differentiable()) {
    SCOPED_TRACE(one.name);
    const Subject f(one);
    const Values v = directions(f.x, 52);
    const size_t begin = emitter.size();
    const Value y = f(f.x);
    const Value u = sample(y.type(), -1.0, 1.0, 53);
    const Value tangent = push(f.x, v, Values{y}, begin)[0];
    const Values cotangents = pull(Values{y}, Values{u}, f.x, begin);
    EXPECT_NEAR(dot(u, tangent), dot(cotangents, v), 1e-12);
  }
}

TEST_F(Rules, SecondOrderAgreesWithDifferencesOfTheGradient) {
  for (const OperatorCase& one : differentiable()) {
    SCOPED_TRACE(one.name);
    const Subject f(one);
    const Values v = directions(f.x, 54);
    const size_t begin = emitter.size();
    const Value y = f(f.x);
    const Value u = sample(y.type(), -1.0, 1.0, 55);
    const Values g = pull(Values{y}, Values{u}, f.x, begin);
    const Values forward = push(f.x, v, g, begin);
    const Values reverse = pull(g, v, f.x, begin);
    const double step = 1e-5;
    const Values above = gradient(f, along(f.x, v, step), u);
    const Values below = gradient(f, along(f.x, v, -step), u);
    for (size_t k = 0; k < f.x.size(); ++k)
      for (size_t i = 0; i < dataOf(f.x[k]).size(); ++i) {
        const double expected = (dataOf(above[k])[i] - dataOf(below[k])[i]) / (2 * step);
        EXPECT_NEAR(dataOf(forward[k])[i], expected, 2e-6 * (1 + std::abs(expected)));
        EXPECT_NEAR(dataOf(reverse[k])[i], expected, 2e-6 * (1 + std::abs(expected)));
      }
  }
}

TEST_F(Rules, ReluAndAbsAreFlatAtZero) {
  EXPECT_EQ(derivatives([](const Value& x) { return relu(x); }, 0.0, 2),
            (std::vector<double>{0, 0}));
  EXPECT_EQ(derivatives([](const Value& x) { return abs(x); }, 0.0, 2),
            (std::vector<double>{0, 0}));
}

TEST_F(Rules, SqrtIsVerticalAtZero) {
  EXPECT_EQ(derivatives([](const Value& x) { return sqrt(x); }, 0.0, 1)[0], inf);
}

TEST_F(Rules, ReluMasksAnInfiniteCotangent) {
  // sqrt(relu(x)) at x < 0: inf on a side that is not taken.
  EXPECT_EQ(derivatives([](const Value& x) { return sqrt(relu(x)); }, -1.0, 1)[0], 0.0);
}

TEST_F(Rules, TiedMaximumAndMinimumShareByHalves) {
  for (OpCode code : {OpCode::Maximum, OpCode::Minimum}) {
    const Value x = tensor({3}, {1, 1, 2}), y = tensor({3}, {1, 2, 1});
    const size_t begin = emitter.size();
    const Value z = emit(code, {x, y});
    const Values g = pull(Values{z}, Values{like(z, 1.0)}, Values{x, y}, begin);
    const double first = code == OpCode::Maximum ? 0 : 1;
    EXPECT_EQ(dataOf(g[0]), (std::vector<double>{0.5, first, 1 - first}));
    EXPECT_EQ(dataOf(g[1]), (std::vector<double>{0.5, 1 - first, first}));
  }
}

TEST_F(Rules, TiedExtremesShareEqually) {
  const Value x = tensor({2, 3}, {1, 5, 5, 2, 2, 2});
  const size_t begin = emitter.size();
  const Value y = reduce(OpCode::Max, x, {1});
  const Value g = pull(Values{y}, Values{like(y, 6.0)}, Values{x}, begin)[0];
  EXPECT_EQ(dataOf(g), (std::vector<double>{0, 3, 3, 2, 2, 2}));
}

TEST_F(Rules, NaNInAnExtremumSendsItsCotangentOn) {
  const Value x = tensor({2}, {nan, 1});
  const Value larger = maximum(x, like(x, 2.0)), largest = reduce(OpCode::Max, x, {0});
  const Values g = pull(Values{larger}, Values{like(larger, 1.0)}, Values{x});
  EXPECT_EQ(dataOf(g[0]), (std::vector<double>{1, 0}));
  const Values h = pull(Values{largest}, Values{tensor(Shape{}, {4.0})}, Values{x});
  EXPECT_EQ(dataOf(h[0]), (std::vector<double>{2, 2}));
}

TEST_F(Rules, WhereGivesTheOtherSideExactlyZero) {
  const Value mask = tensor({DType::boolean, {2}}, {1, 0});
  const Value x = tensor({2}, {1, nan}), y = tensor({2}, {inf, 2});
  const size_t begin = emitter.size();
  const Value z = where(mask, log(x), sqrt(y));
  const Values g = pull(Values{z}, Values{like(z, 1.0)}, Values{x, y}, begin);
  EXPECT_EQ(dataOf(g[0])[0], 1.0);
  EXPECT_EQ(dataOf(g[1])[0], 0.0);
}

TEST_F(Rules, PowerWithExponentZeroIsFlatForEveryBase) {
  for (double x : {-2.0, 0.0, 3.0, inf, nan}) {
    const auto f = [](const Value& base) { return pow(base, like(base, 0.0)); };
    EXPECT_EQ(derivatives(f, x, 3), (std::vector<double>{0, 0, 0})) << x;
  }
}

TEST_F(Rules, PowersOfZeroHaveTheDerivativesOfPolynomials) {
  const auto power = [](double y) { return [y](const Value& x) { return pow(x, like(x, y)); }; };
  EXPECT_EQ(derivatives(power(1), 0.0, 3), (std::vector<double>{1, 0, 0}));
  EXPECT_EQ(derivatives(power(2), 0.0, 4), (std::vector<double>{0, 2, 0, 0}));
  EXPECT_EQ(derivatives(power(3), 0.0, 4), (std::vector<double>{0, 0, 6, 0}));
  EXPECT_EQ(derivatives(power(3), -2.0, 4), (std::vector<double>{12, -12, 6, 0}));
}

TEST_F(Rules, ExponentOfZeroHasDerivativeZero) {
  for (double y : {0.0, 0.5, 1.0, 2.0}) {
    const auto f = [](const Value& exponent) { return pow(like(exponent, 0.0), exponent); };
    EXPECT_EQ(derivatives(f, y, 2), (std::vector<double>{0, 0})) << y;
  }
}

TEST_F(Rules, MixedDerivativeOfAPowerIsSymmetricWhereExponentIsZero) {
  const Value x = tensor(Shape{}, {2.0}), y = tensor(Shape{}, {0.0});
  const Value z = pow(x, y), seed = tensor(Shape{}, {1.0});
  const Values g = pull(Values{z}, Values{seed}, Values{x, y});
  EXPECT_DOUBLE_EQ(dataOf(pull(Values{g[0]}, Values{seed}, Values{y})[0])[0], 0.5);
  EXPECT_DOUBLE_EQ(dataOf(pull(Values{g[1]}, Values{seed}, Values{x})[0])[0], 0.5);
}

TEST_F(Rules, MixedDerivativesOfAPowerOfZeroAreNumbers) {
  for (double exponent : {0.0, 1.0, 2.0, 3.0}) {
    const Value x = tensor(Shape{}, {0.0}), y = tensor(Shape{}, {exponent});
    const Value z = pow(x, y), seed = tensor(Shape{}, {1.0});
    const Values g = pull(Values{z}, Values{seed}, Values{x, y});
    for (const Value& second : pull(g, Values{seed, seed}, Values{x, y}))
      EXPECT_TRUE(std::isfinite(dataOf(second)[0])) << exponent;
  }
}

TEST_F(Rules, ProductIsRightAtZerosToThirdOrder) {
  // prod(x) of three: d3/dx0 dx1 dx2 = 1 whatever x; here two of them are zero.
  const Value x = tensor({3}, {0, 2, 0});
  Value y = reduce(OpCode::Prod, x, {0});
  const Value g = pull(Values{y}, Values{tensor(Shape{}, {1.0})}, Values{x})[0];
  EXPECT_EQ(dataOf(g), (std::vector<double>{0, 0, 0}));
  const Value h = pull(Values{g}, Values{tensor({3}, {1, 0, 0})}, Values{x})[0];
  EXPECT_EQ(dataOf(h), (std::vector<double>{0, 0, 2}));
  const Value t = pull(Values{h}, Values{tensor({3}, {0, 0, 1})}, Values{x})[0];
  EXPECT_EQ(dataOf(t), (std::vector<double>{0, 1, 0}));
  const Value tangent = push(Values{x}, Values{tensor({3}, {0, 1, 0})}, Values{h})[0];
  EXPECT_EQ(dataOf(tangent), (std::vector<double>{0, 0, 1}));
}

TEST_F(Rules, ConversionCarriesDerivativesBetweenFloatsOnly) {
  const Value x = tensor({2}, {1.5, 2.5});
  const Value narrow = convert(convert(x, DType::f32), DType::f64);
  const Value whole = convert(convert(x, DType::i64), DType::f64);
  const auto nodes = emitter.nodes();
  EXPECT_EQ(dataOf(reverseSweep(nodes, Values{narrow}, Values{x}, Values{x})[0]), dataOf(x));
  EXPECT_FALSE(reverseSweep(nodes, Values{whole}, Values{x}, Values{x})[0]);
}

TEST_F(Rules, OnlyWantedPartialsAreComputed) {
  const Value x = tensor({2}, {1, 2}), y = tensor({2}, {3, 4});
  const Value z = x / y;
  const auto nodes = emitter.nodes();
  const size_t before = emitter.size();
  reverseSweep(nodes, Values{z}, Values{y}, Values{x});
  EXPECT_EQ(emitter.size() - before, 1u); // cot / y
}

} // namespace
} // namespace diptych
