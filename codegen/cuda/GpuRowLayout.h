// Rows in one launch: how many threads a row and a block have, and what lies where in the block's
// shared memory.
#pragma once

#include "codegen/Folds.h"
#include "codegen/cuda/GpuEmitters.h"

namespace diptych::codegen::cuda {

constexpr int64_t kTotalBytes = 8; // of a fold's total

/// Elements of a row, one after the other, in shared memory: what several parts load, or what one
/// stores for the others and nobody else.
struct Kept {
  Access access;
  bool made = false;             // stored by a part
  int64_t length = 0, begin = 0; // elements; bytes into shared memory
  int uses = 0;

  int64_t pitch() const { return length + 16; } // a warp's two rows use other banks
  int64_t bytes() const { return (pitch() * sizeOf(access.dtype) + 15) / 16 * 16; }
  bool is(const Access& other, const NestSpec& part) const {
    return part.extents.size() == 2 && part.extents[1].is(length) && other.arg == access.arg &&
           other.dtype == access.dtype && other.offset == access.offset &&
           other.strides[0].is(access.strides[0].value) && other.strides[1].is(1);
  }
};

/// Threads of a block and what lies where in its shared memory.
struct RowLayout {
  int64_t units = 1, rows = 8; // groups of 16 lanes for each row; rows of a block
  int64_t folds = 0;           // of all parts
  int64_t blocks = 0;          // of the longest fold, where it has several
  int64_t most = 0;            // folds of one part
  std::vector<Kept> kept;
  int64_t totals = 0, partial = 0, bytes = 0; // where they begin; all

  int64_t lanes() const { return units * kFoldPartials; }
  int threads() const { return static_cast<int>(rows * lanes()); }

  explicit RowLayout(const RowsSpec& spec);

private:
  void findKept(const RowsSpec& spec);
  void place();
};

} // namespace diptych::codegen::cuda
