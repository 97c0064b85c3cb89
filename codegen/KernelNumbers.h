// The numbers in a kernel's description: all that may follow from the sizes of a function's
// arguments while the kernel stays the same. Knows where they stand, not what they mean.
#pragma once

#include "codegen/KernelSpec.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace diptych::codegen {

/// Calls `visit` with every extent, stride and offset, always in the same order.
void forEachSize(KernelSpec& kernel, llvm::function_ref<void(Size&)> visit);

/// Lines that are constants, in order.
std::vector<Line*> constantsOf(KernelSpec& kernel);

/// The text with all those numbers left out: kernels whose texts are equal differ in numbers only.
std::string structureOf(const KernelSpec& kernel);

} // namespace diptych::codegen
