// Derivatives of every operator: against differences, against each other, to the third order; the
// same bits eager and compiled; and nothing a rule emits is without a derivative of its own.
#include "Derivatives.h"
#include "Suite.h"

#include <cmath>
#include <mutex>

#include "frontend/Trace.h"
#include "passes/Passes.h"

namespace diptych::suite {
namespace {

struct Derivatives : RowTest {
  // What is exact in f64 only is checked there; f32 is then compared with f64.
  bool exact() const { return dtype() == DType::f64; }
  Generator generator{seedOf(op()) + 77};

  /// Smooth cases whose result is a float, and no coarser than the row's.
  std::vector<Case> subjects() const {
    std::vector<Case> chosen;
    for (Case& each : smoothCases())
      if (const DType result = each.program(each.inputs).dtype();
          isFloat(result) && (!isHalf(result) || isHalf(dtype())))
        chosen.push_back(std::move(each));
    return chosen;
  }
};

// Whether every element of `got` is within the tolerance of the largest one expected, or of
// `least`.
std::string farFrom(const Values& got, const std::vector<std::vector<double>>& expected,
                    double tolerance, double least = 1e-3) {
  for (size_t k = 0; k < got.size(); ++k) {
    const std::vector<double> numbers = numbersOf(got[k]);
    double largest = least;
    for (double number : expected[k])
      largest = std::max(largest, std::abs(number));
    for (size_t i = 0; i < numbers.size(); ++i)
      if (!(std::abs(numbers[i] - expected[k][i]) <= tolerance * largest))
        return "result " + std::to_string(k) + " element " + std::to_string(i) + ": " +
               std::to_string(numbers[i]) + ", expected " + std::to_string(expected[k][i]);
  }
  return {};
}

// The same against differences. Where those of two steps disagree, the function jumps or has a kink
// between its samples, and nothing is said; of few elements.
std::string farFromDifferences(const Values& got, const Subject& f, const Values& v, double step,
                               double tolerance) {
  std::vector<std::vector<double>> wide = differences(f, v, step);
  const std::vector<std::vector<double>> narrow = differences(f, v, 0.37 * step);
  int64_t jumps = 0, count = 0;
  for (size_t k = 0; k < wide.size(); ++k) {
    const std::vector<double> numbers = numbersOf(got[k]);
    double largest = 1e-3;
    for (double number : narrow[k])
      largest = std::max(largest, std::abs(number));
    for (size_t i = 0; i < numbers.size(); ++i, ++count)
      if (std::abs(wide[k][i] - narrow[k][i]) > 10 * tolerance * largest) {
        wide[k][i] = numbers[i];
        ++jumps;
      }
  }
  if (10 * jumps > count + 10)
    return std::to_string(jumps) + " of " + std::to_string(count) + " elements jump";
  return farFrom(got, wide, tolerance);
}

// A result that is rounded to f32 has differences that are f32's.
bool roundsToSingle(const Subject& subject) {
  for (const Value& result : valueOf(subject))
    if (result.dtype() == DType::f32)
      return true;
  return false;
}

// stop_gradient is the identity with derivative 0: the one operator differences cannot check.
bool isConstantByDecree(const OpInfo& op) {
  return op.derivative == DerivativeKind::Zero && op.code == OpCode::StopGradient;
}

// Rows that differences can check: those of f64.
class Differences : public Derivatives {};
class Single : public Derivatives {};
class Halves : public Derivatives {};

TEST_P(Differences, TangentIsTheDifferenceQuotient) {
  if (isConstantByDecree(op())) {
    for (const Case& each : subjects()) {
      const Subject f = subjectOf({each});
      for (const Value& tangent : pushForward(f, directionsFor(f, generator).inputs))
        for (double number : numbersOf(tangent))
          EXPECT_EQ(number, 0) << each.label;
    }
    return;
  }
  for (const Case& each : subjects()) {
    SCOPED_TRACE(each.label);
    const Subject f = subjectOf({each});
    const Directions d = directionsFor(f, generator);
    const bool coarse = roundsToSingle(f);
    EXPECT_EQ(farFromDifferences(pushForward(f, d.inputs), f, d.inputs, coarse ? 1e-2 : 1e-3,
                                 coarse ? 1e-3 : 1e-7),
              "");
  }
}

TEST_P(Derivatives, PullbackIsTheTransposeOfTheTangent) {
  for (const Case& each : subjects()) {
    SCOPED_TRACE(each.label);
    const Subject f = subjectOf({each});
    const Directions d = directionsFor(f, generator);
    const double forward = inner(d.results, pushForward(f, d.inputs));
    const double backward = inner(pullBack(f, d.results), d.inputs);
    const bool single = !exact() || roundsToSingle(f);
    EXPECT_NEAR(forward, backward, (single ? 1e-4 : 1e-11) * std::max(1.0, std::abs(forward)));
  }
}

TEST_P(Differences, SecondOrderIsTheDifferenceOfTheGradient) {
  for (const Case& each : subjects()) {
    SCOPED_TRACE(each.label);
    const Subject f = subjectOf({each});
    const Directions d = directionsFor(f, generator), e = directionsFor(f, generator);
    const Subject gradient = gradientOf(f, d.results);
    const bool coarse = roundsToSingle(f);
    const double tolerance = coarse ? 1e-3 : 1e-6;
    const Values forwardOverReverse = pushForward(gradient, d.inputs);
    EXPECT_EQ(farFromDifferences(forwardOverReverse, gradient, d.inputs, 1e-3, tolerance), "");
    // Symmetry: <e, Hd> = <He, d>, the right side by reverse over reverse.
    const double left = inner(e.inputs, forwardOverReverse);
    EXPECT_NEAR(left, inner(pullBack(gradient, e.inputs), d.inputs),
                1e-9 * std::max(1.0, std::abs(left)));
    // Forward over forward: <u, d(Jd)> = <d, Hd>.
    const Subject tangent = tangentOf(f, d.inputs);
    const double twice = inner(d.results, pushForward(tangent, d.inputs));
    EXPECT_NEAR(twice, inner(d.inputs, forwardOverReverse), 1e-9 * std::max(1.0, std::abs(twice)));
    const Subject second = tangentOf(gradient, d.inputs);
    EXPECT_EQ(
        farFromDifferences(pushForward(second, e.inputs), second, e.inputs, 1e-3, 10 * tolerance),
        "")
        << "third order";
  }
}

/// Inputs of one dtype as a wider one: the same numbers.
Subject widened(const Subject& subject, DType from, DType to) {
  Subject wide = subject;
  for (Value& input : wide.inputs)
    if (input.dtype() == from)
      input = input.type().numel() ? fromNumbers({to, input.shape()}, numbersOf(input))
                                   : fromNumbers({to, input.shape()}, {0});
  return wide;
}

struct Tolerances {
  double value, first, second, least = 1e-3;
};

// Values and derivatives of the cases against those of the same numbers in a wider dtype.
void expectNear(const std::vector<Case>& subjects, Generator& generator, DType from, DType to,
                const Tolerances& tolerances) {
  for (const Case& each : subjects) {
    SCOPED_TRACE(each.label);
    const Subject f = subjectOf({each}), wide = widened(f, from, to);
    const Directions d = directionsFor(f, generator);
    const auto numbers = [](const Values& values) {
      std::vector<std::vector<double>> list;
      for (const Value& value : values)
        list.push_back(numbersOf(value));
      return list;
    };
    const auto asWide = [](Values values, const Values& like) {
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = emitted::convert(values[i], like[i].dtype());
      return values;
    };
    Values v = d.inputs;
    for (Value& each : v)
      each = emitted::convert(each, to);
    const Values u = asWide(d.results, valueOf(wide));
    EXPECT_EQ(farFrom(valueOf(f), numbers(valueOf(wide)), tolerances.value), "");
    EXPECT_EQ(farFrom(pushForward(f, d.inputs), numbers(pushForward(wide, v)), tolerances.first,
                      tolerances.least),
              "");
    EXPECT_EQ(farFrom(pullBack(f, d.results), numbers(pullBack(wide, u)), tolerances.first,
                      tolerances.least),
              "");
    EXPECT_EQ(farFrom(pushForward(gradientOf(f, d.results), d.inputs),
                      numbers(pushForward(gradientOf(wide, u), v)), tolerances.second,
                      tolerances.least),
              "");
  }
}

TEST_P(Single, IsNearDouble) {
  expectNear(subjects(), generator, DType::f32, DType::f64, {1e-5, 1e-4, 1e-3});
}

// Values are f32's, rounded; derivatives are chains of operators that each round numbers about 1,
// which may cancel.
TEST_P(Halves, AreNearSingle) {
  const double rounding = dtype() == DType::bf16 ? 0x1p-8 : 0x1p-11;
  expectNear(subjects(), generator, dtype(), DType::f32,
             {1.01 * rounding, 8 * rounding, 24 * rounding, 1});
}

/// Jᵀu, Jv, (Jᵀu)'v and (Jᵀu)''vv: all derivative programs in one.
Values allOrders(const Subject& f, ValueSpan x, ValueSpan v, ValueSpan u) {
  Values all;
  const auto append = [&](const Values& values) {
    all.insert(all.end(), values.begin(), values.end());
  };
  const Function gradient = [&](ValueSpan at) {
    return currentEmitter()
        .vjp(f.program, at, f.wrt,
             [&](std::span<const TensorType>) { return Seeds{Values(u.begin(), u.end())}; })
        .derivatives;
  };
  const Seeds tangents{Values(v.begin(), v.end())};
  const Function second = [&](ValueSpan at) {
    return currentEmitter().jvp(gradient, at, f.wrt, tangents).derivatives;
  };
  append(gradient(x));
  append(currentEmitter().jvp(f.program, x, f.wrt, tangents).derivatives);
  append(second(x));
  append(currentEmitter().jvp(second, x, f.wrt, tangents).derivatives);
  append(currentEmitter()
             .vjp(gradient, x, f.wrt, [&](std::span<const TensorType>) { return tangents; })
             .derivatives);
  return all;
}

// Every kind of numbers, kinks and specials included: whatever a derivative is there, it is the
// same everywhere. One case of each label's beginning is enough: views and shapes are the sweeps'
// least concern.
void expectEveryOrderCompiled(const std::vector<Case>& cases, Generator& generator, size_t most) {
  std::vector<Case> chosen;
  for (const Case& each : cases) {
    int64_t elements = 0;
    for (const Value& input : each.inputs)
      elements += input.type().numel();
    const bool viewed = each.label.find("before") != std::string::npos;
    if (!viewed && elements <= 10000 && isFloat(each.program(each.inputs).dtype()))
      chosen.push_back(each);
  }
  if (chosen.size() > most) {
    std::shuffle(chosen.begin() + 2, chosen.end(), generator);
    chosen.resize(most);
  }
  const Subject f = subjectOf(chosen);
  const Directions d = directionsFor(f, generator);
  const auto compare = [&](const std::vector<Case>& cases, const Directions& d) {
    const Subject f = subjectOf(cases);
    const size_t n = f.inputs.size(), m = d.inputs.size();
    Values inputs = f.inputs;
    inputs.insert(inputs.end(), d.inputs.begin(), d.inputs.end());
    inputs.insert(inputs.end(), d.results.begin(), d.results.end());
    return strictDifference(
        [=](ValueSpan all) {
          return allOrders(f, all.first(n), all.subspan(n, m), all.subspan(n + m));
        },
        inputs);
  };
  const std::string together = compare(chosen, d);
  if (together.empty())
    return;
  for (const Case& each : chosen)
    EXPECT_EQ(compare({each}, directionsFor(subjectOf({each}), generator)), "") << each.label;
  ADD_FAILURE() << "all together: " << together;
}

TEST_P(Derivatives, EveryOrderEagerEqualsCompiled) {
  expectEveryOrderCompiled(cases(), generator, 24);
}
TEST_P(Halves, EveryOrderEagerEqualsCompiled) { expectEveryOrderCompiled(cases(), generator, 5); }

// Three orders of reverse, expanded: every operator in them can be differentiated again.
TEST_P(Derivatives, RulesAreClosed) {
  for (const Case& each : subjects()) {
    SCOPED_TRACE(each.label);
    Subject f = subjectOf({each});
    for (int order = 0; order < 3; ++order)
      f = gradientOf(f, directionsFor(f, generator).results);
    const std::lock_guard lock(traceMutex());
    std::vector<TensorType> types;
    for (const Value& input : f.inputs)
      types.push_back(input.type());
    TracedModule traced = traceFunction(f.program, types);
    passes::differentiate(*traced.module, Numerics::strict);
    traced.main().walk([](mlir::Operation* operation) {
      if (const auto code = ir::opCodeOf(operation))
        EXPECT_NE(info(*code).derivative, DerivativeKind::NotDifferentiable) << info(*code).name;
    });
    return; // Rules do not depend on the case but through shapes.
  }
}

std::vector<Row> differentiableRowsOf(DType dtype) {
  std::vector<Row> rows = differentiableRows();
  std::erase_if(rows, [&](const Row& row) { return row.dtype != dtype; });
  return rows;
}

std::vector<Row> halfRows(bool half) {
  std::vector<Row> rows = differentiableRows();
  std::erase_if(rows, [&](const Row& row) { return isHalf(row.dtype) != half; });
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Operators, Derivatives, testing::ValuesIn(halfRows(false)), rowName);
INSTANTIATE_TEST_SUITE_P(Operators, Halves, testing::ValuesIn(halfRows(true)), rowName);
INSTANTIATE_TEST_SUITE_P(Operators, Differences,
                         testing::ValuesIn(differentiableRowsOf(DType::f64)), rowName);
INSTANTIATE_TEST_SUITE_P(Operators, Single, testing::ValuesIn(differentiableRowsOf(DType::f32)),
                         rowName);

} // namespace
} // namespace diptych::suite
