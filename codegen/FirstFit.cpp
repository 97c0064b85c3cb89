// One look through what is taken, by offset.
#include "codegen/FirstFit.h"

#include <algorithm>

namespace diptych::codegen {

static int64_t aligned(int64_t bytes, int64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

std::optional<int64_t> FirstFit::put(const Span& span, int from) {
  std::erase_if(taken_, [&](const Taken& other) { return other.last < from; });
  int64_t offset = 0;
  for (const Taken& other : taken_) {
    if (other.last < span.first || span.last < other.first)
      continue;
    if (other.begin - offset >= span.bytes)
      break;
    offset = std::max(offset, aligned(other.end, span.alignment));
  }
  if (span.bytes > capacity_ - offset)
    return std::nullopt;
  const auto after =
      std::upper_bound(taken_.begin(), taken_.end(), offset,
                       [](int64_t at, const Taken& other) { return at < other.begin; });
  taken_.insert(after, {offset, offset + span.bytes, span.first, span.last});
  bytes_ = std::max(bytes_, offset + span.bytes);
  return offset;
}

} // namespace diptych::codegen
