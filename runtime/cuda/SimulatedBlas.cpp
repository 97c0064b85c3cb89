// cuBLAS on the simulated device: sums in order, one element after the other.
#include "runtime/cuda/Blas.h"
#include "runtime/cuda/SimulatedSolver.h"

#include <diptych/Half.h>

namespace diptych::runtime::cuda {

namespace {

/// A product as it was asked for, pointers apart.
struct Product {
  int transA, transB, m, n, k, lda, ldb, ldc;
  long long strideA, strideB, strideC;
  int count;

  bool isValid() const { return lda >= (transA ? k : m) && ldb >= (transB ? n : k) && ldc >= m; }

  /// Sums in T, of operands and into a result that may be narrower.
  template <class T, class Operand, class Result>
  void run(DriverStream* stream, T alpha, const Operand* a, const Operand* b, T beta,
           Result* c) const {
    simulated::enqueue(stream, [=, p = *this] {
      for (int64_t item = 0; item < p.count; ++item)
        for (int64_t i = 0; i < p.m; ++i)
          for (int64_t j = 0; j < p.n; ++j) {
            T sum = 0;
            for (int64_t d = 0; d < p.k; ++d)
              sum += T{a[item * p.strideA + (p.transA ? d + i * p.lda : i + d * p.lda)]} *
                     T{b[item * p.strideB + (p.transB ? j + d * p.ldb : d + j * p.ldb)]};
            Result& to = c[item * p.strideC + i + j * p.ldc];
            to = Result(alpha * sum + (beta == 0 ? 0 : beta * T{to}));
          }
    });
  }
};

/// What is given as pointers to anything.
struct Given {
  const BlasHandle* handle;
  Product product;
  const void *alpha, *a, *b, *beta;
  void* c;

  template <class T, class Operand, class Result> int start() const {
    product.run(handle->stream, *static_cast<const T*>(alpha), static_cast<const Operand*>(a),
                static_cast<const Operand*>(b), *static_cast<const T*>(beta),
                static_cast<Result*>(c));
    return 0;
  }
  template <class Half> int startHalf(int type, int typeC) const {
    if (typeC == type)
      return start<float, Half, Half>();
    return typeC == blas::kReal32 ? start<float, Half, float>() : blas::kNotSupported;
  }
};

int gemm(BlasHandle* handle, int transA, int transB, int m, int n, int k, const void* alpha,
         const void* a, int typeA, int lda, long long strideA, const void* b, int typeB, int ldb,
         long long strideB, const void* beta, void* c, int typeC, int ldc, long long strideC,
         int count, int compute, int) {
  const Product product{transA, transB, m, n, k, lda, ldb, ldc, strideA, strideB, strideC, count};
  if (!product.isValid() || !handle->hasWorkspace || typeA != typeB ||
      compute != (typeC == blas::kReal64 ? blas::kCompute64 : blas::kCompute32))
    return blas::kInvalidValue;
  const Given given{handle, product, alpha, a, b, beta, c};
  if (typeA == blas::kBrain16)
    return given.startHalf<bfloat16>(typeA, typeC);
  if (typeA == blas::kReal16)
    return given.startHalf<float16>(typeA, typeC);
  if (typeA != typeC)
    return blas::kNotSupported;
  return typeC == blas::kReal64 ? given.start<double, double, double>()
                                : given.start<float, float, float>();
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
    blas.setMathMode = [](BlasHandle*, int mode) {
      return mode & blas::kWholeSums ? 0 : blas::kInvalidValue;
    };
    blas.gemm = gemm;
    simulated::addSolvers(blas);
    return blas;
  }();
  return table;
}

} // namespace diptych::runtime::cuda
