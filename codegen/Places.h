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
  /// In lanes: how far rows are apart, and where in a lane it lies, for each row.
  int64_t rowBytes = 0, inLane = 0;
  bool grows = false; // see PlannedBuffer
};

/// Of all buffers, whose live ranges are known, and says how much row groups have in lanes.
std::vector<Place> findPlaces(Schedule& schedule, bool gpu, const std::vector<bool>& donated);

} // namespace diptych::codegen
