// How a product reads its right operand, for eager and compiled alike: where it lies, copied in
// panels, or from end to end. Numbers alone; no choice changes a bit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace diptych::runtime {

/// Whether rows so far apart share a set of the nearest cache.
inline bool sharesSets(int64_t bytes) {
  constexpr int64_t kPageBytes = 4096;
  return bytes != 0 && bytes % kPageBytes == 0;
}

/// Rows of a tile at most where those of S do: a set has 8 or 12 places, and lines of V pass
/// through it.
constexpr int kRowsInSet = 8;

/// Depth of a block of k: part of the canonical order (docs/design.md, Numerics).
constexpr int64_t kMatmulBlock = 1024;

/// Rows of a tile of an eager kernel, and of one that turns V: registers then hold steps of it too.
/// Where there are fewer registers, a part of these.
constexpr int kEagerRows = 12, kEagerRowsTurning = 8;

/// C[s,v] = sum over k of S[s,k] V[k,v] in tiles of `rows`: V's strides along k and v, in elements.
struct MatmulShape {
  int64_t s, v, k;
  int64_t alongK, alongV;
  int64_t elementBytes, rows;
};

/// Few results, each the sum of many products: neither s nor v has work for several threads.
inline bool isLongSum(const MatmulShape& shape) {
  return shape.s * shape.v <= 4096 && shape.k >= 8 * kMatmulBlock;
}

/// Fewer columns than half a vector has lanes, and sums long enough to pay for turning rows:
/// vectors run along the rows of the left operand, which lie along k.
inline bool isNarrow(int64_t m, int64_t n, int64_t k, int64_t lanes) {
  return n > 1 && 2 * n <= lanes && m >= 8 * lanes && k >= 32;
}

/// Where V lies along k it has to be turned, once for all tiles instead of for each. Else where its
/// panel leaves the cache between two tiles: it is large, or its rows share sets of the cache.
inline bool packsRight(const MatmulShape& shape) {
  constexpr int64_t kManyTiles = 20, kLargeBytes = 1 << 20;
  // Turned again for a second tile, f32 costs twice as much of it.
  if (shape.alongK == 1 && shape.alongV != 1)
    return shape.s > (shape.elementBytes == 4 ? 1 : 2) * (shape.rows + 1);
  const int64_t apart = shape.alongK * shape.elementBytes;
  return shape.alongV == 1 && shape.s >= kManyTiles * shape.rows &&
         (apart * shape.k >= kLargeBytes || (sharesSets(apart) && shape.k >= 128));
}

/// What is larger comes from memory: from end to end, or asked for in front.
constexpr int64_t kLastCache = 16 << 20;

/// How rows of a V that lies along k, and is not copied, are read by tiles.
enum class Turned : uint8_t {
  bySeveral, // rows of S, two vectors of them at a time
  byMany,    // rows of S, a vector of them at a time
  byOne,     // row of S, two vectors of them at a time
  singly,    // likewise, 64 bytes' worth of them at a time
  ahead      // likewise, and those some tiles ahead are fetched
};

inline bool isForOne(Turned turned) {
  return turned != Turned::bySeveral && turned != Turned::byMany;
}

/// By one row of S: sums wait for themselves, so that many rows of V at a time are best; but a set
/// of the nearest cache has to hold them, and from memory fewer come sooner, if they are asked for.
inline Turned turnsForOne(const MatmulShape& shape) {
  const int64_t apart = shape.alongV * shape.elementBytes;
  if (apart * shape.v > kLastCache)
    return Turned::ahead;
  return sharesSets(apart) ? Turned::singly : Turned::byOne;
}

/// Vectors of sums of one row that registers hold beside what they are made of.
constexpr int mostVectorsOfRow(int64_t vectorBytes) { return vectorBytes == 64 ? 28 : 12; }

/// One row by a large V that lies along v: its rows are read from end to end while the sums stay in
/// the nearest cache. Two vectors of 64 bytes are a tile, which keeps them in registers.
inline bool sweepsRight(const MatmulShape& shape) {
  constexpr int64_t kTileBytes = 128, kNearBytes = 512, kLargeBytes = 1 << 20;
  const int64_t bytes = shape.k * shape.alongK * shape.elementBytes;
  return shape.s == 1 && shape.alongV == 1 && shape.alongK >= shape.v && bytes >= kLargeBytes &&
         shape.v * shape.elementBytes > (bytes > kLastCache ? kTileBytes : kNearBytes);
}

/// Rows of a tile, where their number is known: as few tiles as registers allow, of which the last
/// is not so small that its multipliers wait for each other. One size is half the code of two.
inline int rowsOfTile(int64_t count, int most) {
  constexpr int64_t kSecondSize = 8;
  int best = most;
  int64_t least = INT64_MAX;
  for (int rows = most; rows > most / 2; --rows) {
    const int64_t rest = count % rows;
    int64_t cost = count / rows * (4 * rows + 1);
    if (rest != 0)
      cost += 4 * std::max<int64_t>(rest, 4) + 1 + kSecondSize;
    if (cost <= least)
      least = cost, best = rows;
  }
  return best;
}

} // namespace diptych::runtime
