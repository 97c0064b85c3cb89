// Which products of matrices are a library's, and as what.
#pragma once

#include "codegen/KernelSpec.h"
#include "runtime/cuda/Gemm.h"

namespace diptych::codegen::cuda {

/// From so many multiplications on, a product in numerics other than `strict` is cuBLAS's; below, a
/// kernel of ours is as good, and it can be replayed with its neighbours.
constexpr int64_t kLibraryProducts = int64_t{1} << 18;

/// Whether it has so many.
bool isLarge(const MatmulSpec& product);
/// The product as cuBLAS takes it; nothing where its strides or sizes do not fit.
std::optional<runtime::cuda::Gemm> gemmOf(const MatmulSpec& product);
/// The same of a kernel that is a product large enough to be worth it.
std::optional<runtime::cuda::Gemm> libraryProductOf(const KernelSpec& kernel);

} // namespace diptych::codegen::cuda
