// Square blocks of elements turned in registers.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// Shuffles inside quarters of 16 bytes, and of whole quarters, are the cheap ones.
constexpr int64_t kQuarterBytes = 16;

/// `rows` are as many vectors as one has lanes; they become the columns.
void transposeSquare(KernelBuilder& kernel, llvm::MutableArrayRef<mlir::Value> rows,
                     int64_t elementBytes);

/// The same where number c * n + t (n elements to a quarter) holds in its quarter q what row
/// t + q n has from column c n on: only what lies in the same quarter is still to be turned.
void transposeQuarters(KernelBuilder& kernel, llvm::MutableArrayRef<mlir::Value> rows,
                       int64_t elementBytes);

/// `rows` are vectors, however many; `store` gets each of their columns that the mask has (null:
/// all) in pieces of as many rows as a vector has lanes: its elements from row `first` on in column
/// `lane`, and which of them are rows (null: all).
using StoreColumn =
    llvm::function_ref<void(mlir::Value column, int first, int lane, mlir::Value rowMask)>;
void storeTransposed(KernelBuilder& kernel, llvm::ArrayRef<mlir::Value> rows, mlir::Value mask,
                     int64_t elementBytes, StoreColumn store);

/// The even, or the odd, of all quarters of a, then of b.
mlir::Value everySecondQuarter(KernelBuilder& kernel, mlir::Value a, mlir::Value b,
                               int64_t elementBytes, bool odd);
/// a and b as one vector.
mlir::Value joined(KernelBuilder& kernel, mlir::Value a, mlir::Value b);

} // namespace diptych::codegen
