// Where the next draw without a key of its own takes its key from.
#pragma once

#include <diptych/Random.h>

#include <optional>

namespace diptych::random {

/// The key of a draw; Error, beginning with `op`, unless it is i64[].
const Tensor& keyOf(const char* op, const Arg& key);

/// A place in a sequence of keys.
struct Position {
  Tensor key;
  uint64_t next;
};

struct KeySource {
  /// Of the innermost scope, else of the process's generator; none in a trace without a scope.
  static std::optional<Position> position();
  static Tensor next(const char* what);
  /// Draws from `position` on, for what must be computed a second time with the same numbers.
  static Scope replay(const Position& position) { return {position.key, position.next}; }
};

} // namespace diptych::random
