// Columns are folded with several rows side by side, each a stream that the hardware follows: rows
// r, r + 16, r + 32, ... together, then r + 1, r + 17, ... Knows no fold.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// Rows from one stream to the next.
constexpr int kStreamRows = 16;

/// `count` rows `stride` elements apart.
struct StreamedRows {
  mlir::Value count;
  const Size& stride;
  DType dtype;
  int streams;
  int64_t caches = 0;   // bytes of what is no stream: caches hold all of it
  bool fetched = false; // memory is asked for rows in front
};
/// Up to where [from, end) is read in whole blocks of streams. Short rows, which would end before
/// they are followed, are none unless they are fetched: these are read in order.
mlir::Value endOfStreams(KernelBuilder& kernel, mlir::Value from, mlir::Value end,
                         const StreamedRows& rows);
/// How many rows behind a row that is read is the one to ask for: in the next block, if that is
/// not large, else the next row.
mlir::Value rowsAhead(KernelBuilder& kernel, const StreamedRows& rows);

} // namespace diptych::codegen
