// Which seeds are tried: DIPTYCH_FUZZ_COUNT (50) from DIPTYCH_FUZZ_SEED (1) on.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>

namespace diptych::fuzz {

inline int64_t fromEnvironment(const char* variable, int64_t otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoll(text) : otherwise;
}

inline auto seeds() {
  const int64_t first = fromEnvironment("DIPTYCH_FUZZ_SEED", 1);
  return testing::Range(first, first + fromEnvironment("DIPTYCH_FUZZ_COUNT", 50));
}

} // namespace diptych::fuzz
