// The affine map that several layers are made of.
#pragma once

#include <diptych/nn/Module.h>

namespace diptych::nn {

/// x [..., in], weight [out, in], bias [out] or none -> [..., out]. Errors name `op`.
Tensor linear(const char* op, const Tensor& x, const Tensor& weight, const Parameter& bias);

} // namespace diptych::nn
