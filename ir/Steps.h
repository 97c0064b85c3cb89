// Steps along axes, which the user gives and views multiply by.
#pragma once

#include <algorithm>
#include <cstdint>

namespace diptych {

/// A step along an axis of so many elements, as a factor that a distance of elements (below 2^48)
/// can have: a step that leaves the axis reaches nothing, however large it is. Small ones stay what
/// they are, whatever the extent, since shapes may be open.
constexpr int64_t stepWithin(int64_t step, int64_t extent) {
  constexpr int64_t kSmall = 1 << 14;
  return std::min(step, std::max(kSmall, extent));
}

} // namespace diptych
