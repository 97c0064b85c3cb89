// Which buffers lie in one place, and which places in the lanes of a row group. Says nothing of
// where in the arena.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen {

constexpr int64_t kPlaceAlignment = 64;

/// Buffers that lie in one place, one after the other: perhaps a donated input first, perhaps an
/// output last.
struct Place {
  std::vector<int> buffers;
  int64_t bytes = 0;
  int first = -1, last = -1;         // step
  int firstCall = -1, lastCall = -1; // the same, but in a row group
  int input = -1, output = -1;
  int64_t rowBytes = 0; // how far rows are apart, if it lies in lanes
  bool grows = false;   // see PlannedBuffer
};

/// Live ranges are known. Sets what buffers of lanes have: their rows, and where in a lane they
/// lie.
std::vector<Place> findPlaces(Schedule& schedule, bool gpu, const std::vector<bool>& donated);

} // namespace diptych::codegen
