// The numbers of a plan: fixed, or slots of a table that is filled at the head of a call from the
// sizes that its caller chose.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::aot {

using codegen::Size;

struct ControlNumbers;

struct CallNumbers {
  Size range, grain;
  int params = -1;           // slot where the kernel's params begin; -1: none, or they are fixed
  Size scratchBytes = 0;     // of a library kernel, for each piece
  std::vector<Size> offsets; // of args in their buffers, in bytes; empty: none
  std::shared_ptr<const ControlNumbers> control;
};

struct GroupNumbers {
  Size rows, grain, chunk;
  std::vector<Size> each; // of each call: its range over rows
};

/// In the order of a schedule's calls, row groups and buffers.
struct PlanNumbers {
  bool open = false; // has slots: the address of the table follows the last input
  std::vector<CallNumbers> calls;
  std::vector<GroupNumbers> groups;
  std::vector<Size> places; // in the arena, of temporaries
};

struct ControlNumbers {
  Size length;
  std::vector<Size> carryBytes, xBytes, yBytes;
  PlanNumbers body, other;
};

/// Of a schedule whose sizes are known.
PlanNumbers numbersOf(const codegen::Schedule& schedule);

} // namespace diptych::aot
