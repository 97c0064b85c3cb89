// Products, convolutions and cumulative operators that read bf16 and f16 where they lie, instead of
// f32 copies of them.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// Where an operand of such a kernel is the f32 copy of an array of 16 bits, the kernel reads the
/// array; where nobody but a rounding to 16 bits reads its result, it stores that. Sums are as
/// before, so our own kernels keep every bit. Convolutions do so where the copy is laid out alike.
/// A product for cuBLAS has both operands of one type, or keeps its copies. Copies that nobody
/// reads any more go. To be called before memory is planned.
void readHalves(Schedule& schedule, bool contract);

} // namespace diptych::codegen::cuda
