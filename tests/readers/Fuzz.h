// What every fuzz target of a reader has in common. A reader may throw diptych::Error and nothing
// else; everything else ends the process, and libFuzzer keeps the input.
#pragma once

#include <diptych/Error.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace diptych::test {

template <class Read> void mayRefuse(Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    // What is wrong with an input is never our own fault.
    if (std::string_view(error.what()).starts_with("internal"))
      __builtin_trap();
  }
}

inline std::string_view textOf(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

} // namespace diptych::test
