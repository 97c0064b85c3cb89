// Fused functions: composites that eager mode has kernels for. Pointwise operators and sums along
// one axis, written once with ir/Emitted.h; a trace, a tape and a batch get these operators.
#pragma once

#include <cstdint>

namespace diptych {

/// Statistics of rolling windows (ir/FusedRolling.h).
enum class Fused : uint8_t {
  RollingSum,
  RollingMean,
  RollingVar,
  RollingStd,
  RollingCov,
  RollingCorr,
  RollingSlope,
  RollingResidual,
  RollingRsquare
};

} // namespace diptych
