// Large products that cuBLASLt stores with what would be another pass over the result or an
// operand.
#pragma once

#include "codegen/Schedule.h"

namespace diptych::codegen::cuda {

/// Where a product of a library is followed by y = f(product + bias), read by nobody else, or
/// stands beside sums of one of its operands over k, as the gradient of a bias does, both become
/// one call: the product with what cuBLASLt may do, and the kernel that does it where cuBLASLt
/// refuses. Of f, relu and the tanh form of gelu only if `approximate`: cuBLASLt promises neither
/// that NaN stays NaN nor how near its gelu is. To be called before memory is planned.
void joinEpilogues(Schedule& schedule, bool approximate);

} // namespace diptych::codegen::cuda
