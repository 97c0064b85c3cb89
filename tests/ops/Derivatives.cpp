// Derivatives by the transforms of the current emitter, and by differences.
#include "Derivatives.h"

namespace diptych::suite {

Subject subjectOf(const std::vector<Case>& cases) {
  Joined joined = join(cases);
  Subject subject{std::move(joined.inputs), std::move(joined.program), {}};
  for (size_t i = 0; i < subject.inputs.size(); ++i)
    if (isFloat(subject.inputs[i].dtype()))
      subject.wrt.push_back(static_cast<int>(i));
  return subject;
}

Values valueOf(const Subject& subject) { return subject.program(subject.inputs); }

Directions directionsFor(const Subject& subject, Generator& generator) {
  Directions directions;
  for (int i : subject.wrt)
    directions.inputs.push_back(
        direction(subject.inputs[static_cast<size_t>(i)].type(), generator));
  for (const Value& result : valueOf(subject))
    directions.results.push_back(direction(result.type(), generator));
  return directions;
}

Function pulledBack(const Subject& subject, size_t results) {
  return [=](ValueSpan inputs) {
    const ValueSpan x = inputs.first(inputs.size() - results), u = inputs.last(results);
    return currentEmitter()
        .vjp(subject.program, x, subject.wrt,
             [&](std::span<const TensorType>) { return Seeds{Values(u.begin(), u.end())}; })
        .derivatives;
  };
}

Function pushedForward(const Subject& subject) {
  return [=](ValueSpan inputs) {
    const size_t count = subject.wrt.size();
    const ValueSpan x = inputs.first(inputs.size() - count), v = inputs.last(count);
    return currentEmitter()
        .jvp(subject.program, x, subject.wrt, Seeds{Values(v.begin(), v.end())})
        .derivatives;
  };
}

static Subject extended(const Subject& subject, const Values& constants, Function program) {
  Subject made = subject;
  made.inputs.insert(made.inputs.end(), constants.begin(), constants.end());
  made.program = std::move(program);
  return made;
}

Subject gradientOf(const Subject& subject, const Values& u) {
  return extended(subject, u, pulledBack(subject, u.size()));
}
Subject tangentOf(const Subject& subject, const Values& v) {
  return extended(subject, v, pushedForward(subject));
}

Values pullBack(const Subject& subject, const Values& u) { return valueOf(gradientOf(subject, u)); }
Values pushForward(const Subject& subject, const Values& v) {
  return valueOf(tangentOf(subject, v));
}

Subject moved(const Subject& subject, const Values& v, double step) {
  Subject there = subject;
  for (size_t k = 0; k < v.size(); ++k) {
    Value& input = there.inputs[static_cast<size_t>(subject.wrt[k])];
    std::vector<double> numbers = numbersOf(input);
    const std::vector<double> direction = numbersOf(v[k]);
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] += step * direction[i];
    if (!numbers.empty())
      input = fromNumbers(input.type(), numbers);
  }
  return there;
}

std::vector<std::vector<double>> differences(const Subject& subject, const Values& v, double step) {
  // (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h
  constexpr double steps[] = {1, -1, 2, -2}, weights[] = {8, -8, -1, 1};
  std::vector<std::vector<double>> total;
  for (int s = 0; s < 4; ++s) {
    const Values there = valueOf(moved(subject, v, steps[s] * step));
    total.resize(there.size());
    for (size_t k = 0; k < there.size(); ++k) {
      const std::vector<double> numbers = numbersOf(there[k]);
      total[k].resize(numbers.size());
      for (size_t i = 0; i < numbers.size(); ++i)
        total[k][i] += weights[s] * numbers[i] / (12 * step);
    }
  }
  return total;
}

double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    const std::vector<double> x = numbersOf(a[k]), y = numbersOf(b[k]);
    for (size_t i = 0; i < x.size(); ++i)
      sum += x[i] * y[i];
  }
  return sum;
}

} // namespace diptych::suite
