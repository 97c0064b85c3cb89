// Rows in one launch: how many threads a row and a block have, and what lies where in the block's
// shared memory.
#pragma once

#include "codegen/Folds.h"
#include "codegen/cuda/GpuEmitters.h"

namespace diptych::codegen::cuda {

constexpr int64_t kTotalBytes = 8; // of a fold's total

/// A block's share of a row's matrix, which products read from there instead of from memory: rows
/// of the matrix, as many in each block of the cluster, the last ones fewer.
struct Slab {
  Access matrix; // strides along row of the kernel, row and column of the matrix
  DType dtype = DType::f64;
  int64_t height = 0, width = 0; // of the matrix
  int64_t each = 0, pitch = 0;   // its rows in a block, elements from one to the next
  int64_t begin = 0;             // bytes into shared memory

  int64_t bytes() const { return (each * pitch * sizeOf(dtype) + 15) / 16 * 16; }
  bool isDense() const { return pitch == width; }

  Slab(const RowProduct& product, int64_t cluster);
};
/// Threads of a block that holds a part of a matrix: registers enough for two such blocks.
constexpr int64_t kSlabThreads = 256;

/// What a part reads or writes element by element along the row, and how many elements.
void forEachRun(const RowsSpec::Part& part, auto visit) {
  if (auto* product = std::get_if<RowProduct>(&part)) {
    visit(product->vector, product->depth, false);
    visit(product->result, product->outputs, true);
    return;
  }
  const auto& nest = std::get<NestSpec>(part);
  if (nest.extents.size() != 2)
    return;
  for (const Line& line : nest.lines)
    if (auto* load = std::get_if<Line::Load>(&line.what))
      visit(load->from, nest.extents[1].value, false);
  for (const Store& store : nest.stores)
    visit(store.to, nest.extents[1].value, true);
}

/// Elements of a row, one after the other, in shared memory: what several parts load, or what one
/// stores for the others and nobody else.
struct Kept {
  Access access;
  bool made = false;             // stored by a part
  int64_t length = 0, begin = 0; // elements; bytes into shared memory
  int uses = 0;

  int64_t pitch() const { return length + 16; } // a warp's two rows use other banks
  int64_t bytes() const { return (pitch() * sizeOf(access.dtype) + 15) / 16 * 16; }
  bool is(const Access& other, int64_t elements) const {
    return elements == length && other.arg == access.arg && other.dtype == access.dtype &&
           other.offset == access.offset && other.strides[0].is(access.strides[0].value) &&
           other.strides[1].is(1);
  }
  bool is(const Access& other, const NestSpec& part) const {
    return part.extents.size() == 2 && is(other, part.extents[1].value);
  }
};

/// Threads of a block and what lies where in its shared memory.
struct RowLayout {
  int64_t units = 1, rows = 8; // groups of 16 lanes for each row; rows of a block
  int64_t folds = 0;           // of all parts
  int64_t blocks = 0;          // of the longest fold, where it has several
  int64_t most = 0;            // folds of one part
  int64_t cluster = 1;         // blocks of a row
  std::optional<Slab> slab;    // where there are products
  std::vector<Kept> kept;
  int64_t totals = 0, partial = 0, bytes = 0; // where they begin; all

  int64_t lanes() const { return units * kFoldPartials; }
  bool atLaunch() const { return bytes > kSharedLimit; }
  int threads() const { return static_cast<int>(rows * lanes()); }

  /// With products: it may want more shared memory than there is.
  explicit RowLayout(const RowsSpec& spec);

private:
  void shareShared(const RowsSpec& spec);
  void findKept(const RowsSpec& spec);
  void place();
};

} // namespace diptych::codegen::cuda
