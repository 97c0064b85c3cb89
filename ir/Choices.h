// Choices between right ways that the compiler makes by sizes, such as whether an array is large. A
// function that is compiled for several sizes makes them once: for the others they are repeated.
#pragma once

#include <cstddef>
#include <vector>

namespace diptych {

class Choices {
public:
  /// From here on the choices made so far are repeated, from the first.
  void repeat() { repeats_ = true, next_ = 0; }
  /// What is chosen where `wanted` would be. More choices than were made go as wanted.
  bool operator()(bool wanted) {
    if (repeats_ && next_ < made_.size())
      return made_[next_++];
    made_.push_back(wanted);
    ++next_;
    return wanted;
  }

private:
  std::vector<bool> made_;
  size_t next_ = 0;
  bool repeats_ = false;
};

/// Without choices that were made before.
inline bool choose(Choices* choices, bool wanted) { return choices ? (*choices)(wanted) : wanted; }

} // namespace diptych
