// A random program: a list of steps, each an input or an operator on earlier steps. Knows how to be
// run, printed and cut down; knows no check.
#pragma once

#include "ir/Emitted.h"

namespace diptych::fuzz {

struct Step {
  TensorType type;
  Value data; // of an input; null for an operator
  OpCode code{};
  std::vector<int> operands;
  Attrs attrs;
};

struct Program {
  std::vector<Step> steps;
  std::vector<int> outputs;

  Values inputs() const;
  /// Emits the operators on the current emitter.
  Values run(ValueSpan inputs) const;
  Function function() const;
  /// The first `count` steps, evaluated eagerly at the inputs.
  Values evaluate() const;
  bool has(const std::function<bool(const Step&)>& holds) const;
  /// One line a step.
  std::string text() const;
  /// Without the steps no output needs.
  Program pruned() const;
};

/// The smallest program found, by cutting, for which `fails` still holds: fewer outputs, operators
/// replaced by inputs of their value, operands passed on.
Program minimised(Program program, const std::function<bool(const Program&)>& fails);

} // namespace diptych::fuzz
