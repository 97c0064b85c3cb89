// A random program: a list of steps, each an input, an operator or a loop or branch on earlier
// steps. Knows how to be run, printed and cut down; knows no check.
#pragma once

#include "ir/Emitted.h"

namespace diptych::fuzz {

struct Control;

struct Step {
  TensorType type = {};   // of a loop or branch: of its first result
  Value data = {};        // of an input of the whole program
  bool parameter = false; // an input of a body
  OpCode code{};
  std::vector<int> operands = {};
  Attrs attrs = {};
  std::shared_ptr<const Control> control = {};
  int part = 0; // > 0: the result of that number of the loop or branch operands[0]

  bool isInput() const { return data || parameter; }
  bool isOperator() const { return !isInput() && !control && part == 0; }
};

struct Program {
  std::vector<Step> steps; // of a body: its parameters come first
  std::vector<int> outputs;
  uint64_t seed = 0;

  const TensorType& outputType(size_t i) const {
    return steps[static_cast<size_t>(outputs[i])].type;
  }
  Values inputs() const;
  /// Emits the operators on the current emitter.
  Values run(ValueSpan inputs) const;
  Function function() const;
  /// The first value of every step, evaluated eagerly at the inputs.
  Values evaluate() const;
  /// One line a step, bodies indented.
  std::string text(int indent = 1) const;
  /// Without the steps no output needs; parameters stay.
  Program pruned() const;
};

/// What a step does that runs programs of its own. Operands of the step: what the bodies capture,
/// then as listed. The parameters of a body are the captures, then those listed behind the arrow.
struct Control {
  enum class Kind {
    scan,       // carry, xs -> (carry, x) to (carry, y)
    fori,       // carry -> (i, carry) to carry
    whileLoop,  // carry -> condition and body, of carry
    cond,       // predicate, inputs -> both branches, of inputs
    checkpoint, // inputs -> inputs
    vmap,       // inputs -> inputs without their axis 0
    linearize,  // inputs -> inputs; results: the body's, then their tangents along the inputs
    rule        // inputs -> inputs, by custom_jvp with the body's own tangents
  };
  Kind kind;
  std::vector<Program> bodies = {};
  size_t captures = 0, carry = 0;
  int64_t length = 0; // steps; of a while loop the most
  bool reverse = false;
};

/// The smallest program found, by cutting, for which `fails` still holds: fewer outputs, operators
/// replaced by inputs of their value (in bodies: by constants), operands passed on, fewer steps.
Program minimised(Program program, const std::function<bool(const Program&)>& fails);

} // namespace diptych::fuzz
