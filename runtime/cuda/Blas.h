// cuBLAS for large matrix products, opened at run time; our own kernels do the work where it is not
// there. Its sums have an order of their own: only programs of numerics `standard` ask for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <diptych/Types.h>

#include "runtime/cuda/Driver.h"

namespace diptych::runtime::cuda {

struct BlasHandle;

/// Functions of cuBLAS that we use; status 0 is success.
struct Blas {
  int (*create)(BlasHandle** handle) = nullptr;
  int (*setStream)(BlasHandle* handle, DriverStream* stream) = nullptr;
  int (*setWorkspace)(BlasHandle* handle, void* workspace, size_t bytes) = nullptr;
  int (*setMathMode)(BlasHandle* handle, int mode) = nullptr;
  int (*sgemm)(BlasHandle* handle, int transA, int transB, int m, int n, int k, const float* alpha,
               const float* a, int lda, long long strideA, const float* b, int ldb,
               long long strideB, const float* beta, float* c, int ldc, long long strideC,
               int count) = nullptr;
  int (*dgemm)(BlasHandle* handle, int transA, int transB, int m, int n, int k, const double* alpha,
               const double* a, int lda, long long strideA, const double* b, int ldb,
               long long strideB, const double* beta, double* c, int ldc, long long strideC,
               int count) = nullptr;
};

/// Null, with why, where there is none. On the simulated device: a simulated one.
const Blas* findBlas(std::string& why);

const Blas& simulatedBlas();

/// A matrix as cuBLAS takes it: one of its two strides is 1.
struct BlasMatrix {
  bool transposed = false; // of row-major: the first stride is 1
  int64_t leading = 0;     // the other stride
  int64_t batch = 0;
  int64_t offset = 0; // in elements
};

/// C[b] = A[b] B[b] for row-major C with rows `c.leading` apart; args are A, B and C.
struct Gemm {
  DType dtype = DType::f32;
  int64_t m = 0, n = 0, k = 0, count = 1;
  BlasMatrix a, b, c;
  int arg[3] = {0, 1, 2};
  std::optional<int> bias; // arg of what is added to each row of C: cuBLASLt's (BlasLt.h)
  int64_t biasOffset = 0;

  /// Enqueues it. `pointers` are of the whole kernel.
  void enqueue(void* const* pointers) const;
};

/// Whether f32 products may round their operands to TF32, 10 bits of mantissa; false unless
/// the environment has DIPTYCH_CUDA_TF32=1.
bool allowsTf32();
void setAllowsTf32(bool on);

} // namespace diptych::runtime::cuda
