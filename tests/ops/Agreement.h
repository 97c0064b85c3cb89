// Runs a program in every way the library has, and compares what comes out. Knows no operator.
#pragma once

#include <diptych/Numerics.h>
#include <diptych/Value.h>

#include <string>

namespace diptych::suite {

/// Operators run one by one on the tape's emitter.
Values runEager(const Function& program, ValueSpan inputs);
/// The trace, replayed: derivatives are still transforms in it.
Values runInterpreted(const Function& program, ValueSpan inputs);
/// The trace after expansion, strict simplification and fusion, replayed.
Values runExpanded(const Function& program, ValueSpan inputs);
Values runCompiled(const Function& program, ValueSpan inputs, Numerics numerics);

/// How two lists of eager values differ in bits; all NaNs are equal. Empty: they do not.
std::string bitDifference(ValueSpan got, ValueSpan expected);

/// How far from equal is near enough.
struct Bound {
  double relative = 0;
  double absolute = 0;
  /// Relative to the largest finite element of the tensor too: for sums that cancel.
  double ofLargest = 0;
};
/// As bitDifference, with a bound for floats. NaN meets NaN, an infinity its like.
std::string nearDifference(ValueSpan got, ValueSpan expected, const Bound& bound);

/// The element, in all its digits.
std::string elementText(const Value& x, int64_t position);

/// Everything a program gives, in every strict way, against eager. Empty: the same bits.
std::string strictDifference(const Function& program, ValueSpan inputs);

} // namespace diptych::suite
