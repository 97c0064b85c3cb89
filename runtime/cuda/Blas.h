// cuBLAS for large matrix products, opened at run time; our own kernels do the work where it is not
// there. Its sums have an order of their own: only programs of numerics `standard` ask for it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/cuda/Driver.h"
#include "runtime/cuda/Gemm.h"

namespace diptych::runtime::cuda {

struct BlasHandle;

// Values of the API that we name; tests/cuda compares them with the toolkit's header.
namespace blas {
constexpr int kReal32 = 0, kReal64 = 1, kReal16 = 2, kBrain16 = 14; // cudaDataType
constexpr int kCompute32 = 68, kCompute64 = 70;                     // cublasComputeType_t
constexpr int kDefaultMath = 0, kTf32Math = 3;                      // cublasMath_t
constexpr int kWholeSums = 16;        // with either: parts of a sum are added as they were computed
constexpr int kDefaultAlgorithm = -1; // cublasGemmAlgo_t
constexpr int kRight = 1, kLower = 0, kUpper = 1;    // side, triangle
constexpr int kAsIs = 0, kTransposed = 1, kUnit = 1; // operation, diagonal
constexpr int kInvalidValue = 7, kNotSupported = 15; // cublasStatus_t
} // namespace blas

/// Functions of cuBLAS that we use; status 0 is success.
struct Blas {
  int (*create)(BlasHandle** handle) = nullptr;
  int (*setStream)(BlasHandle* handle, DriverStream* stream) = nullptr;
  int (*setWorkspace)(BlasHandle* handle, void* workspace, size_t bytes) = nullptr;
  int (*setMathMode)(BlasHandle* handle, int mode) = nullptr;
  int (*gemm)(BlasHandle* handle, int transA, int transB, int m, int n, int k, const void* alpha,
              const void* a, int typeA, int lda, long long strideA, const void* b, int typeB,
              int ldb, long long strideB, const void* beta, void* c, int typeC, int ldc,
              long long strideC, int count, int compute, int algorithm) = nullptr;
  // Of f64 alone; arrays of pointers lie on the device, as does what they point to.
  int (*trsm)(BlasHandle* handle, int side, int triangle, int trans, int diagonal, int m, int n,
              const double* alpha, const double* a, int lda, double* b, int ldb) = nullptr;
  int (*trsmBatched)(BlasHandle* handle, int side, int triangle, int trans, int diagonal, int m,
                     int n, const double* alpha, const double* const* a, int lda, double* const* b,
                     int ldb, int count) = nullptr;
  int (*getrfBatched)(BlasHandle* handle, int n, double* const* a, int lda, int* pivots, int* info,
                      int count) = nullptr;
  /// `info` is the host's.
  int (*getrsBatched)(BlasHandle* handle, int trans, int n, int columns, const double* const* a,
                      int lda, const int* pivots, double* const* b, int ldb, int* info,
                      int count) = nullptr;
};

/// Null, with why, where there is none. On the simulated device: a simulated one.
const Blas* findBlas(std::string& why);

const Blas& simulatedBlas();

/// Calls `use` with the one handle, ready for the current stream; one thread at a time.
void withBlas(const std::function<void(const Blas& blas, BlasHandle* handle)>& use);
void checkBlas(int status, const char* call);

/// A float's cudaDataType, and the cublasComputeType_t of sums of its products.
int blasTypeOf(DType dtype);
int blasSumOf(DType dtype);

/// Whether f32 products may round their operands to TF32, 10 bits of mantissa; false unless
/// the environment has DIPTYCH_CUDA_TF32=1.
bool allowsTf32();
void setAllowsTf32(bool on);

} // namespace diptych::runtime::cuda
