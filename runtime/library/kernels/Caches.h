// The sizes of caches that Eigen cuts products by, the same on every machine and in artefacts.
#pragma once

#include <cstdint>

namespace diptych::runtime::kernels {

inline constexpr int64_t kCaches[] = {32 << 10, 256 << 10, 2 << 20};

} // namespace diptych::runtime::kernels
