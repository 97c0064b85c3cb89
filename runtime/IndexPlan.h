// How gather, scatter and scatter_add over x [outer, n, inner] with m indices are cut for threads,
// eager and compiled alike. No cut changes a bit.
#pragma once

#include <algorithm>
#include <cstdint>

namespace diptych::runtime {

struct IndexPlan {
  int64_t range = 0, grain = 1;
};

/// Elements that a piece copies or adds at least.
constexpr int64_t kIndexedGrain = 16384;

/// The range is over the rows of the result.
inline IndexPlan gatherPlan(int64_t outer, int64_t m, int64_t inner) {
  return {outer * m, std::max<int64_t>(1, kIndexedGrain / std::max<int64_t>(1, inner))};
}

/// The range is over the rows that are written to. A piece looks through all m indices, at the cost
/// of a few elements each: so there are at most inner / 32 pieces. An axis without elements counts
/// as one row, since its indices have to be refused.
inline IndexPlan scatterPlan(int64_t outer, int64_t n, int64_t m, int64_t inner) {
  const int64_t rows = std::max<int64_t>(1, n);
  const int64_t forWork = rows * kIndexedGrain / std::max<int64_t>(1, m * inner);
  const int64_t forIndices = std::min(rows, 32 * rows / std::max<int64_t>(1, inner));
  return {outer * rows, std::max<int64_t>({1, forWork, forIndices})};
}

} // namespace diptych::runtime
