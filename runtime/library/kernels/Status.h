// How a kernel says which of its problems failed.
#pragma once

#include <atomic>
#include <cstdint>

namespace diptych::runtime {

inline constexpr int kDetailBits = 24;

/// From a kernel: problem number `problem` failed; `detail` is less than 2^24. Of several the first
/// is kept, on any number of threads.
inline void reportFailure(void* status, int64_t problem, int64_t detail) {
  const int64_t own = 1 + (problem << kDetailBits | detail);
  const std::atomic_ref<int64_t> shared(*static_cast<int64_t*>(status));
  int64_t known = shared.load(std::memory_order_relaxed);
  while ((known == 0 || own < known) && !shared.compare_exchange_weak(known, own))
    ;
}

} // namespace diptych::runtime
