// Products that get a bias before they are stored, instead of by another pass over the result.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// From so many multiplications on, a product in numerics `standard` is cuBLAS's; below, a kernel
/// of ours is as good, and it can be replayed with its neighbours.
constexpr int64_t kLibraryProducts = int64_t{1} << 18;

/// Where nobody but `y = product + bias`, or relu of that, reads a product, they become one call.
/// Large products do so without relu: cuBLASLt does not promise that NaN stays NaN there. Changes
/// no bit of our own kernels. To be called before memory is planned.
void addBiases(Schedule& schedule, bool contract);

} // namespace diptych::codegen::cuda
