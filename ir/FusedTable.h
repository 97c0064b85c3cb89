// What fused functions compute and of what.
#pragma once

#include <diptych/Value.h>

#include "ir/Fused.h"

namespace diptych {

/// One walk along the axis. All operands and results are f64, of one shape.
struct FusedPass {
  const char* name; // the same for the same function
  int columns;      // operands whose elements differ along any axis
  int numbers;      // operands behind them that repeat along all axes behind the one given
  int results;
  Values (*function)(ValueSpan operands, int64_t axis);

  int operands() const { return columns + numbers; }
};

/// The first pass goes backwards: its operands are, and its results are turned before they follow
/// the second pass's own operands. Nothing else reads them. The function's operands are those of
/// both passes.
struct FusedFunction {
  Fused code;
  FusedPass back, forth;

  int operands() const { return back.operands() + forth.operands(); }
};

const FusedFunction& info(Fused code);
std::span<const FusedFunction> allFused();

} // namespace diptych
