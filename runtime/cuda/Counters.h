// What happened on the device so far: nothing that costs time is silent.
#pragma once

#include <atomic>
#include <cstdint>

namespace diptych::runtime::cuda {

struct Counters {
  std::atomic<int64_t> launches{0};      // of kernels of ours, but for those in graphs
  std::atomic<int64_t> graphLaunches{0}; // replays of a captured program
  std::atomic<int64_t> libraryCalls{0};  // of cuBLAS and cuSOLVER
  std::atomic<int64_t> hostOperators{0}; // run on the host, between copies
  std::atomic<int64_t> joins{0};         // numbers from the host that met a tensor of the device
  std::atomic<int64_t> bytesToDevice{0}, bytesToHost{0};
  std::atomic<int64_t> copiesToDevice{0}, copiesToHost{0};
  std::atomic<int64_t> synchronisations{0}; // times the host waited
};

inline Counters& counters() {
  static Counters all;
  return all;
}

} // namespace diptych::runtime::cuda
