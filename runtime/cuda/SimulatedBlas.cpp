// cuBLAS on the simulated device: sums in order, one element after the other.
#include "runtime/cuda/Blas.h"
#include "runtime/cuda/SimulatedDriver.h"

namespace diptych::runtime::cuda {

struct BlasHandle {
  DriverStream* stream = nullptr;
  bool hasWorkspace = false;
};

namespace {

template <class T>
int multiply(BlasHandle* handle, int transA, int transB, int m, int n, int k, const T* alpha,
             const T* a, int lda, long long strideA, const T* b, int ldb, long long strideB,
             const T* beta, T* c, int ldc, long long strideC, int count) {
  constexpr int kInvalid = 7;
  if (lda < (transA ? k : m) || ldb < (transB ? n : k) || ldc < m || !handle->hasWorkspace)
    return kInvalid;
  simulated::enqueue(handle->stream, [=, alpha = *alpha, beta = *beta] {
    for (int64_t item = 0; item < count; ++item)
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
          T sum = 0;
          for (int64_t p = 0; p < k; ++p)
            sum += a[item * strideA + (transA ? p + i * lda : i + p * lda)] *
                   b[item * strideB + (transB ? j + p * ldb : p + j * ldb)];
          T& to = c[item * strideC + i + j * ldc];
          to = alpha * sum + (beta == 0 ? 0 : beta * to);
        }
  });
  return 0;
}

} // namespace

const Blas& simulatedBlas() {
  static const Blas table = [] {
    Blas blas;
    blas.create = [](BlasHandle** handle) { return *handle = new BlasHandle, 0; };
    // As there: setting the stream takes the workspace away.
    blas.setStream = [](BlasHandle* handle, DriverStream* stream) {
      handle->stream = stream;
      handle->hasWorkspace = false;
      return 0;
    };
    blas.setWorkspace = [](BlasHandle* handle, void*, size_t) {
      handle->hasWorkspace = true;
      return 0;
    };
    blas.setMathMode = [](BlasHandle*, int) { return 0; };
    blas.sgemm = multiply<float>;
    blas.dgemm = multiply<double>;
    return blas;
  }();
  return table;
}

} // namespace diptych::runtime::cuda
