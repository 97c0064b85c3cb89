// What a recorder holds. Internal to Recorder*.cpp.
#pragma once

#include "autodiff/Recorder.h"

namespace diptych::autodiff {

/// A function with rules of its own, recorded. Operands: inputs, captured, vjpCaptured, and what
/// the jvp rule captured.
struct Recorder::CustomParts {
  std::string name;
  ClosedFunction primal, vjp, jvp;
  size_t inputs = 0, captured = 0, vjpCaptured = 0;
};

struct Recorder::Step {
  Values operands, results;
  Attrs attrs;
  std::shared_ptr<const CustomParts> custom;
  std::shared_ptr<const ClosedFunction> checkpoint;
  Node node;

  static int numberOf(const Value& value);
};

} // namespace diptych::autodiff
