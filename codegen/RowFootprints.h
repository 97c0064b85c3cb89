// Which elements each row of a call touches. A call has rows if its outermost loop can be cut into
// `rows` equal parts. Two calls may run together row by row if whatever one writes and the other
// touches lies, for row r, inside row r of that buffer, for both of them.
#pragma once

#include "codegen/Schedule.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <optional>
#include <span>

namespace diptych::codegen {

/// What one access of a call touches of its buffer: for row r the elements from `low` to `high` of
/// row r, rows being `stride` apart.
struct RowFootprint {
  int buffer = 0;
  int64_t stride = 0, low = 0, high = 0;
  bool written = false;
};

/// The loops of a call, the one that its range cuts, and its accesses.
struct RowLoops {
  std::vector<int64_t> extents;
  int ranged = 0;
  int64_t unit = 1;                                          // of the range: a step of that loop
  std::shared_ptr<const std::vector<Access>> made = nullptr; // for this purpose
  std::vector<std::pair<const Access*, bool>> accesses;      // and whether it writes
};

/// Whether so many rows are equal parts of that loop.
inline bool hasRows(const RowLoops& loops, int64_t rows) {
  return loops.extents[static_cast<size_t>(loops.ranged)] % rows == 0;
}

/// None for a call whose range is no loop over rows.
std::optional<RowLoops> rowLoopsOf(const ScheduledCall& call);

/// The footprints of the call's accesses, which has so many rows.
std::vector<RowFootprint> footprintsOf(const ScheduledCall& call, const RowLoops& loops,
                                       int64_t rows);

/// Whether rows of the two touch nothing that the other writes in another row.
bool stayApart(const RowFootprint& a, const RowFootprint& b);

/// Whether the call may write there: what is no kernel of ours may write everything it is given.
bool mayWrite(const ScheduledCall& call, size_t arg);

/// The buffers of a call's arguments, and whether it may write there.
using Touches = llvm::SmallVector<std::pair<int, bool>, 6>;
Touches touchesOf(const ScheduledCall& call);

/// What several calls touch.
class TouchedBuffers {
public:
  void add(const Touches& call);
  /// Whether the order of the call and of one of those added matters.
  bool meet(const Touches& call) const;

private:
  llvm::DenseMap<int, bool> written_;
};

/// Footprints of calls that run together row by row. Of a buffer only how far its rows lie apart
/// has to be remembered.
class RowPrints {
public:
  /// False, and nothing added, where one of these does not stay apart from all that are there.
  bool join(std::span<const RowFootprint> own);

private:
  struct Rows {
    int64_t stride = 0;        // of all accesses; 0 where they differ or leave their rows
    int64_t writtenStride = 0; // of those that write
    bool written = false;
  };
  static bool isApart(const RowFootprint& print, const Rows& rows);
  llvm::DenseMap<int, Rows> buffers_;
};

} // namespace diptych::codegen
