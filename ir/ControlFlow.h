// Loops and branches as the emitters and the sweeps see them: functions without captures, and how
// they are repeated or chosen. Knows no operator, no rule and no MLIR.
#pragma once

#include <diptych/Value.h>

namespace diptych {

/// A function that captures nothing, and what it takes and gives. Runs on the current emitter, as
/// often as one likes.
struct ClosedFunction {
  std::vector<TensorType> inputs, outputs;
  Function run;
};

/// One loop or branch. Operands and results, in this order:
///   scan       (consts, carry, xs) -> (carry, ys); body (consts, carry, x) -> (carry, y), where x
///              and y are what axis 0 of xs and ys holds for the step
///   whileLoop  (consts, carry) -> carry; body as its type, other (consts, carry) -> boolean
///   cond       (predicate, inputs) -> results; body and other are inputs -> results, for a
///              predicate that holds and for one that does not
struct ControlFlow {
  enum class Kind : uint8_t { scan, whileLoop, cond };
  Kind kind;
  ClosedFunction body = {}, other = {};
  size_t consts = 0, carry = 0;
  /// Of a scan: its steps. Of a while loop: the most steps it may take; -1: no limit.
  int64_t length = -1;
  bool reverse = false; // a scan from the last x to the first
  /// Of a scan: so many of the last ys are the carry that each step began with.
  size_t kept = 0;

  size_t xs() const { return body.inputs.size() - consts - carry; }
  size_t ys() const { return body.outputs.size() - carry; }
  std::vector<TensorType> resultTypes() const;
};

/// The type of xs or ys whose steps have type `step`.
TensorType stackedType(TensorType step, int64_t length);

} // namespace diptych
