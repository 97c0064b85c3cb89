// That the generator reaches all there is, and that failures are cut down and printed well.
#include "Generate.h"
#include "CppText.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace diptych::fuzz {
namespace {

using Kind = Control::Kind;

// Operators that random programs do not have, each with its reason.
const std::map<std::string, std::string> kExcluded = {};

struct Counts {
  std::map<OpCode, int> operators;
  std::map<Kind, int> controls;
  int deepest = 0;

  void add(const Program& program, int depth = 0) {
    deepest = std::max(deepest, depth);
    for (const Step& step : program.steps) {
      if (step.isOperator())
        ++operators[step.code];
      if (step.control) {
        ++controls[step.control->kind];
        for (const Program& body : step.control->bodies)
          add(body, depth + 1);
      }
    }
  }
};

TEST(Generate, ReachesEveryOperatorLoopAndBranch) {
  Counts counts;
  for (uint64_t seed = 1; seed <= 1200; ++seed)
    counts.add(generate(seed, {.operators = 25, .wild = seed % 2 == 0}));
  for (const OpInfo& op : allOperators())
    EXPECT_NE(counts.operators.contains(op.code), kExcluded.contains(op.name)) << op.name;
  for (Kind kind : {Kind::scan, Kind::fori, Kind::whileLoop, Kind::cond, Kind::checkpoint,
                    Kind::vmap, Kind::linearize, Kind::rule})
    EXPECT_GT(counts.controls[kind], 20) << static_cast<int>(kind);
  EXPECT_EQ(counts.deepest, 2);
}

// What depends continuously on its inputs leaves out operators that jump, and nothing else.
TEST(Generate, ContinuousProgramsReachEveryOperatorThatDoesNotJump) {
  Counts counts;
  for (uint64_t seed = 1; seed <= 1200; ++seed)
    counts.add(generate(seed, {.operators = 25, .continuous = true}));
  const std::set<std::string> others = {"convert", "where"}; // of other dtypes; choose by a jump
  for (const OpInfo& op : allOperators())
    if (op.derivative != DerivativeKind::Zero && !others.contains(op.name))
      EXPECT_TRUE(counts.operators.contains(op.code)) << op.name;
}

TEST(Generate, IsTheSameForTheSameSeed) {
  const Recipe recipe{.operators = 30, .wild = true, .control = 10};
  EXPECT_EQ(generate(7, recipe).text(), generate(7, recipe).text());
  EXPECT_NE(generate(7, recipe).text(), generate(8, recipe).text());
}

//===-- Failures -----------------------------------------------------------------------------===//

bool hasTanh(const Program& program) {
  for (const Step& step : program.steps) {
    if (step.isOperator() && step.code == OpCode::Tanh)
      return true;
    if (step.control)
      for (const Program& body : step.control->bodies)
        if (hasTanh(body))
          return true;
  }
  return false;
}

bool hasTanhInABody(const Program& program) {
  for (const Step& step : program.steps)
    if (step.control)
      for (const Program& body : step.control->bodies)
        if (hasTanh(body))
          return true;
  return false;
}

TEST(Minimise, LeavesTheStepThatFailsAndTheBodyItIsIn) {
  int found = 0;
  for (uint64_t seed = 1; found < 5; ++seed) {
    const Program program = generate(seed, {.operators = 25, .largest = 100, .control = 20});
    if (!hasTanhInABody(program))
      continue;
    ++found;
    const Program least = minimised(program, hasTanhInABody);
    EXPECT_LE(least.text().size(), program.text().size());
    int operators = 0;
    for (const Step& step : least.steps)
      operators += step.isOperator();
    EXPECT_EQ(operators, 0) << least.text();
    EXPECT_EQ(least.run(least.inputs()).size(), 1u);
  }
}

// scan over x of (c, x) -> (c + tanh(x) b, c), b captured; then a sum.
Program scanOfTanh() {
  const TensorType scalar{DType::f64, {}}, row{DType::f64, {3}};
  const auto parameter = [&] { return Step{.type = scalar, .parameter = true}; };
  Program body;
  body.steps = {parameter(),
                parameter(),
                parameter(),
                Step{.type = scalar, .code = OpCode::Tanh, .operands = {2}},
                Step{.type = scalar, .code = OpCode::Mul, .operands = {3, 0}},
                Step{.type = scalar, .code = OpCode::Add, .operands = {1, 4}}};
  body.outputs = {5, 1};
  const auto loop = std::make_shared<const Control>(
      Control{.kind = Kind::scan, .bodies = {body}, .captures = 1, .carry = 1, .length = 3});
  const auto data = [](const TensorType& type, double number) {
    return emitted::constant(type, number);
  };
  Attrs all;
  all.axes = {0};
  Program program;
  program.steps = {Step{.type = scalar, .data = data(scalar, 0.5)},
                   Step{.type = row, .data = data(row, -INFINITY)},
                   Step{.type = scalar, .operands = {0, 0, 1}, .control = loop},
                   Step{.type = row, .operands = {2}, .part = 1},
                   Step{.type = scalar, .code = OpCode::Sum, .operands = {3}, .attrs = all}};
  program.outputs = {2, 4};
  return program;
}

TEST(CppText, WritesLoopsAsCallsWithLambdas) {
  const std::string text = cppText(scanOfTanh(), strictChecks()[0]);
  EXPECT_NE(text.find(R"(int main() {
  const Tensor in0 = dt::tensor(std::vector<double>{0.5}, dt::Shape{});
  const Tensor in1 = dt::tensor(std::vector<double>{-INFINITY, -INFINITY, -INFINITY}, dt::Shape{3});
  const Tensors inputs{in0, in1};
  const auto f = [&](const Tensors& x) -> Tensors {
    const Tensors r0 = joined(dt::scan([&](const Tensors& c1, const Tensors& x2) {
      const Tensor v3 = dt::tanh(x2[0]);
      const Tensor v4 = dt::mul(v3, x[0]);
      const Tensor v5 = dt::add(c1[0], v4);
      return std::pair(Tensors{v5}, Tensors{c1[0]});
    }, Tensors{x[0]}, Tensors{x[1]}, {.reverse = false, .length = 3}));
    const Tensor v6 = dt::sum(r0[1], {0});
    return {r0[0], v6};
  };
)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("compare(\"jit(f)\", dt::jit(f, strict)(inputs), f(inputs));\n}\n"),
            std::string::npos);
  EXPECT_EQ(text.find("ir/Emitted.h"), std::string::npos);
}

} // namespace
} // namespace diptych::fuzz
