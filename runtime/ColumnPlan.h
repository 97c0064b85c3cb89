// How columns of a matrix are folded and scanned over its rows, for eager and compiled alike.
// Numbers alone; no choice changes a bit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace diptych::runtime {

/// Elements of a row lie side by side, rows `rowBytes` apart.
struct ColumnShape {
  int64_t rows, columns, rowBytes, elementBytes;
};

/// Column vector by column vector, memory is read a cache line a row: tiles, whose rows are read
/// from end to end, where the second cache does not hold all of it and a row is more than a line.
inline bool foldsTiles(const ColumnShape& shape) {
  constexpr int64_t kCacheBytes = 1 << 20, kLineBytes = 64, kLeastRows = 128;
  return shape.elementBytes >= 4 && shape.rows > kLeastRows &&
         shape.columns * shape.elementBytes > kLineBytes &&
         shape.rowBytes * shape.rows > kCacheBytes;
}

/// Columns that a thread should have of them: stretches of rows as long as the hardware follows,
/// unless two threads then would not find as much.
inline int64_t leastColumnsOfTiles(int64_t columns, int64_t elementBytes) {
  constexpr int64_t kStretchBytes = 4096, kMultiple = 16;
  const int64_t half = std::max(columns / 2 / kMultiple, int64_t{1}) * kMultiple;
  return std::min(half, kStretchBytes / elementBytes);
}

/// Columns that a thread should have of scans, which write rows: two threads side by side in short
/// ones took up to twice as long as one.
inline int64_t leastColumnsOfScans(int64_t elementBytes) {
  constexpr int64_t kStretchBytes = 4096;
  return kStretchBytes / elementBytes;
}

} // namespace diptych::runtime
