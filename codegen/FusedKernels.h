// Passes of fused functions as kernels of eager mode: extents and strides from params, in the
// layout of runtime/KernelAbi.h.
#pragma once

#include "codegen/KernelSpec.h"
#include "ir/FusedTable.h"

namespace diptych::codegen {

/// For vector registers of `vectorBytes`; so many results of the pass before follow its operands.
KernelSpec passKernel(const FusedPass& pass, int before, int vectorBytes);

} // namespace diptych::codegen
