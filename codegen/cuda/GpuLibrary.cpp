// Strides as leading sizes and transpositions.
#include "codegen/cuda/GpuLibrary.h"

#include <algorithm>

namespace diptych::codegen::cuda {

using runtime::cuda::BlasMatrix;
using runtime::cuda::Gemm;

namespace {

/// Its two strides, `rows` by `columns`, where one of them is 1.
std::optional<BlasMatrix> matrixOf(const Access& access, int64_t rows, int64_t rowStride,
                                   int64_t columns, int64_t columnStride) {
  BlasMatrix matrix;
  matrix.batch = access.strides[0].value;
  matrix.offset = access.offset.value;
  const auto fits = [](int64_t stride, int64_t extent, int64_t across) {
    return extent == 1 ? std::max<int64_t>(1, across) : stride >= across ? stride : 0;
  };
  if (columnStride == 1 || columns == 1) {
    matrix.leading = fits(rowStride, rows, columns);
  }
  if (matrix.leading == 0 && (rowStride == 1 || rows == 1)) {
    matrix.transposed = true;
    matrix.leading = fits(columnStride, columns, rows);
  }
  return matrix.leading > 0 && matrix.leading < INT32_MAX ? std::optional(matrix) : std::nullopt;
}

// C = S V with rows along s, or C' = V' S' with rows along v.
std::optional<Gemm> gemmWith(const MatmulSpec& p, bool exchanged) {
  const size_t along = exchanged ? 2 : 1, across = exchanged ? 1 : 2;
  const Access &a = exchanged ? p.right : p.left, &b = exchanged ? p.left : p.right;
  Gemm gemm;
  if (p.left.dtype != p.right.dtype ||
      (p.result.dtype != p.left.dtype && p.result.dtype != DType::f32))
    return std::nullopt;
  gemm.dtype = p.left.dtype;
  gemm.result = p.result.dtype;
  gemm.m = (exchanged ? p.v : p.s).value;
  gemm.n = (exchanged ? p.s : p.v).value;
  gemm.k = p.k.value;
  gemm.count = p.batch.value;
  const auto left = matrixOf(a, gemm.m, a.strides[along].value, gemm.k, a.strides[3].value);
  const auto right = matrixOf(b, gemm.k, b.strides[3].value, gemm.n, b.strides[across].value);
  const auto result = matrixOf(p.result, gemm.m, p.result.strides[along].value, gemm.n,
                               p.result.strides[across].value);
  if (!left || !right || !result || result->transposed)
    return std::nullopt;
  gemm.a = *left;
  gemm.b = *right;
  gemm.c = *result;
  gemm.arg[0] = a.arg;
  gemm.arg[1] = b.arg;
  gemm.arg[2] = p.result.arg;
  return gemm;
}

} // namespace

bool isLarge(const MatmulSpec& product) {
  return product.batch.value * product.s.value * product.v.value * product.k.value >=
         kLibraryProducts;
}

std::optional<Gemm> gemmOf(const MatmulSpec& product) {
  const auto narrow = [](const Size& size) {
    return !size.isDynamic() && size.value > 0 && size.value < INT32_MAX;
  };
  if (!narrow(product.batch) || !narrow(product.s) || !narrow(product.v) || !narrow(product.k) ||
      product.rangeOverBlocks || product.bias)
    return std::nullopt;
  const auto gemm = gemmWith(product, false);
  return gemm ? gemm : gemmWith(product, true);
}

std::optional<Gemm> libraryProductOf(const KernelSpec& kernel) {
  auto* product = std::get_if<MatmulSpec>(&kernel.what);
  return product && isLarge(*product) ? gemmOf(*product) : std::nullopt;
}

} // namespace diptych::codegen::cuda
