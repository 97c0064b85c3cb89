// When panels of a product's right operand are copied before tiles read them, for eager and
// compiled alike. Numbers alone; no choice changes a bit.
#pragma once

#include <cstdint>

namespace diptych::runtime {

/// C[s,v] = sum over k of S[s,k] V[k,v] in tiles of `rows`: V's strides along k and v, in elements.
struct MatmulShape {
  int64_t s, k;
  int64_t alongK, alongV;
  int64_t elementBytes, rows;
};

/// Where V lies along k it has to be turned, once for all tiles instead of for each. Else where its
/// panel leaves the cache between two tiles: it is large, or its rows share sets of the cache.
inline bool packsRight(const MatmulShape& shape) {
  constexpr int64_t kManyTiles = 20, kLargeBytes = 4 << 20, kPageBytes = 4096;
  if (shape.alongK == 1 && shape.alongV != 1)
    return shape.s > 2 * shape.rows;
  const int64_t apart = shape.alongK * shape.elementBytes;
  return shape.alongV == 1 && shape.s >= kManyTiles * shape.rows &&
         (apart * shape.k >= kLargeBytes || (apart % kPageBytes == 0 && shape.k >= 128));
}

} // namespace diptych::runtime
