// Extrema of floating numbers folded as integers: a number's key is an integer of its width whose
// signed order is the numbers' own, -0 below +0 and NaN at the end that wins. One instruction a
// step, where IEEE's maximum takes seven that wait for each other.
#pragma once

#include "codegen/KernelBuilder.h"

namespace diptych::codegen {

/// A number's bits, or a vector's, as integers in the numbers' order; NaN lies beyond the infinity
/// of its sign.
mlir::Value orderedBits(KernelBuilder& kernel, mlir::Value x);

/// Whether a fold of this dtype carries keys: a maximum or minimum of f32 or f64 (halves are f32).
bool foldsKeys(OpCode combiner, DType dtype);
/// The integer dtype of keys.
DType keyType(DType dtype);
/// What the fold starts from: the key of -inf or inf.
mlir::Value keyIdentity(KernelBuilder& kernel, OpCode combiner, DType dtype, int lanes);
/// Of a number or of a vector of them.
mlir::Value keyOf(KernelBuilder& kernel, OpCode combiner, mlir::Value x);
/// The number back; NaN's payload is gone.
mlir::Value numberOfKey(KernelBuilder& kernel, DType dtype, mlir::Value key);

} // namespace diptych::codegen
