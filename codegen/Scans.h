// What a cumulative operator carries along its axis, and one step of it. Shared by the emitters of
// CPU and GPU, for scalars and vectors.
#pragma once

#include "codegen/Lowerings.h"

namespace diptych::codegen {

/// Whether the operator gives places of extrema; then a value and its place are carried, else a
/// value.
bool givesPlaces(OpCode code);
/// dtype of the value that is carried: f32 is added in f64.
DType carriedType(OpCode code, DType operand);

/// An operand as the step takes it.
mlir::Value carried(ScalarBuilder& b, OpCode code, mlir::Value x);
/// What is carried behind an element at `place`, of what was before it; operands as `carried` gives
/// them. The builder's type is the carried value's.
llvm::SmallVector<mlir::Value> scanStep(ScalarBuilder& b, OpCode code,
                                        llvm::ArrayRef<mlir::Value> operands,
                                        mlir::ValueRange before, mlir::Value place);
/// The operator's result, of so wide a type as `operand`, of what is carried.
mlir::Value scanResult(ScalarBuilder& b, OpCode code, DType operand, mlir::ValueRange state);

} // namespace diptych::codegen
