// Memory that takes turns: whoever comes lies in the first gap that is free while it lives.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace diptych::codegen {

class FirstFit {
public:
  struct Span {
    int64_t bytes;
    int first, last; // steps at which it lives
    int64_t alignment = 64;
  };

  explicit FirstFit(int64_t capacity = INT64_MAX) : capacity_(capacity) {}

  /// Where it begins; none where no gap suffices. Nobody asks any more for what was before step
  /// `from`.
  std::optional<int64_t> put(const Span& span, int from);
  /// Up to the end of what reaches furthest.
  int64_t bytes() const { return bytes_; }

private:
  struct Taken {
    int64_t begin, end;
    int first, last;
  };
  std::vector<Taken> taken_; // by offset
  int64_t capacity_, bytes_ = 0;
};

} // namespace diptych::codegen
