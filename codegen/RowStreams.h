// Columns are folded with several rows side by side, each a stream that the hardware follows: rows
// r, r + 16, r + 32, ... together, then r + 1, r + 17, ... Knows no fold.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// Rows from one stream to the next.
constexpr int kStreamRows = 16;

/// Rows `stride` elements apart.
struct StreamedRows {
  const Size& stride;
  DType dtype;
  int streams;
  int64_t caches = 0; // bytes of what is no stream: caches hold all of it
};
/// Up to where [from, end) is read in whole blocks of streams. Short rows are none, which would end
/// before they are followed: these are read in order.
mlir::Value endOfStreams(KernelBuilder& kernel, mlir::Value from, mlir::Value end,
                         const StreamedRows& rows);

} // namespace diptych::codegen
