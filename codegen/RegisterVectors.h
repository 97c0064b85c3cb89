// Vectors of several registers as vectors of one.
#pragma once

#include <cstdint>

namespace llvm {
class Function;
} // namespace llvm

namespace diptych::codegen {

/// Cuts vectors of more than `bytes` bytes into such of `bytes`, operation by operation. LLVM's
/// instruction selection would do so itself, but only after it has built and simplified the wide
/// ones: where a block has nothing to cut, two of its rounds are left out. What needs whole vectors
/// (masked loads and stores, shuffles) keeps them.
void cutVectors(llvm::Function& function, int64_t bytes);

} // namespace diptych::codegen
