// Products of a row with its matrix, which the blocks of a cluster hold in their shared memory.
#pragma once

#include "codegen/cuda/GpuRowLayout.h"

#include <functional>

namespace diptych::codegen::cuda {

/// Who a thread is, and where the matrix lies.
struct SlabPlace {
  GpuKernel& k;
  const Slab& slab;
  int64_t cluster = 1, lanes = 1;
  mlir::Value row, rank, lane; // of the kernel, of the block in its cluster, of the thread
  mlir::Value begin;           // address in the block's shared memory
};

/// The block's rows of the matrix, from memory. Threads have to meet before they are read.
void readSlab(const SlabPlace& place);

/// Computes the outputs of the product that belong to the block. `vectorAt` gives element k of the
/// vector, `deliver` takes output i. All blocks must have read their share.
void emitRowProduct(const SlabPlace& place, const RowProduct& product,
                    const std::function<mlir::Value(mlir::Value k)>& vectorAt,
                    const std::function<void(mlir::Value i, mlir::Value total)>& deliver);

} // namespace diptych::codegen::cuda
