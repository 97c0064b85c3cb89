// What we say of NVIDIA's interfaces without their headers is what the headers say, where the
// toolkit is there to be asked.
#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/Driver.h"
#include "runtime/cuda/OpenLibrary.h"
#include "runtime/cuda/Solver.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace diptych::runtime::cuda {
namespace {

TEST(CudaApi, ALibraryThatIsNotThereSaysSo) {
  int (*function)() = nullptr;
  std::string why;
  EXPECT_FALSE(openLibrary({"libnothing.so.2", "libnothing.so"}, {}, "2", why));
  EXPECT_NE(why.find("libnothing.so could not be opened"), std::string::npos) << why;
  EXPECT_FALSE(openLibrary({"libc.so.6"}, {{"no_such_function", function}}, "7", why));
  EXPECT_EQ(why, "libc.so.6 has no no_such_function, which we use; install version 7 or later");
  EXPECT_TRUE(openLibrary({"libnothing.so", "libc.so.6"}, {{"rand", function}}, "7", why));
  EXPECT_NE(function, nullptr);
}

// The library can be opened without a GPU: then its functions have the names that we think.
TEST(CudaApi, CusolverHasWhatWeUse) {
  Solver solver;
  std::string why;
  if (!openSolver(solver, why) && why.find("could not be opened") != std::string::npos)
    GTEST_SKIP() << why;
  EXPECT_EQ(why, "");
}

} // namespace
} // namespace diptych::runtime::cuda

#if __has_include(<cublasLt.h>) && __has_include(<cuda.h>)
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda.h>
#if __has_include(<cusolverDn.h>)
#include <cusolverDn.h>
#endif

namespace diptych::runtime::cuda {
namespace {

TEST(CudaApi, NumbersAreTheToolkits) {
  EXPECT_EQ(api::kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(api::kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(api::kNotReady, CUDA_ERROR_NOT_READY);
  EXPECT_EQ(api::kMultiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  EXPECT_EQ(api::kCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  EXPECT_EQ(api::kCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  EXPECT_EQ(api::kStreamNonBlocking, unsigned{CU_STREAM_NON_BLOCKING});
  EXPECT_EQ(api::kMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  EXPECT_EQ(api::kCaptureRelaxed, CU_STREAM_CAPTURE_MODE_RELAXED);
  EXPECT_EQ(api::kJitErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
}

TEST(CudaApi, CublasLtsToo) {
  EXPECT_EQ(lt::kCompute32Tf32, CUBLAS_COMPUTE_32F_FAST_TF32);
  EXPECT_EQ(lt::kTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
  EXPECT_EQ(lt::kTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
  EXPECT_EQ(lt::kEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
  EXPECT_EQ(lt::kBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  EXPECT_EQ(lt::kRelu, CUBLASLT_EPILOGUE_RELU);
  EXPECT_EQ(lt::kBias, CUBLASLT_EPILOGUE_BIAS);
  EXPECT_EQ(lt::kRelu | lt::kBias, CUBLASLT_EPILOGUE_RELU_BIAS);
  EXPECT_EQ(lt::kGelu, CUBLASLT_EPILOGUE_GELU);
  EXPECT_EQ(lt::kGelu | lt::kBias, CUBLASLT_EPILOGUE_GELU_BIAS);
  EXPECT_EQ(lt::kSumsOfA, CUBLASLT_EPILOGUE_BGRADA);
  EXPECT_EQ(lt::kSumsOfB, CUBLASLT_EPILOGUE_BGRADB);
  EXPECT_EQ(lt::kLeastAlignments[0], CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  EXPECT_EQ(lt::kLeastAlignments[1], CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
  EXPECT_EQ(lt::kLeastAlignments[2], CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
  EXPECT_EQ(lt::kLeastAlignments[3], CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
  EXPECT_EQ(blas::kInvalidValue, CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(blas::kNotSupported, CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(lt::kMostWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  EXPECT_EQ(sizeof(LtHeuristic), sizeof(cublasLtMatmulHeuristicResult_t));
  EXPECT_EQ(offsetof(LtHeuristic, workspaceBytes),
            offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
  EXPECT_EQ(offsetof(LtHeuristic, state), offsetof(cublasLtMatmulHeuristicResult_t, state));
}

/// Whether two types are passed in the same way: numbers of one size, or pointers to such or to
/// what only the library knows.
template <class A, class B> constexpr bool isPassedAs() {
  if constexpr (std::is_pointer_v<A> && std::is_pointer_v<B>) {
    using To = std::remove_cv_t<std::remove_pointer_t<A>>;
    using Other = std::remove_cv_t<std::remove_pointer_t<B>>;
    if constexpr (std::is_arithmetic_v<To> || std::is_pointer_v<To>)
      return isPassedAs<To, Other>();
    else
      return !std::is_arithmetic_v<Other>;
  } else if constexpr (std::is_enum_v<B>) {
    return std::is_same_v<A, int> && sizeof(B) == sizeof(int);
  } else {
    return std::is_same_v<A, B>;
  }
}
template <class Own, class Theirs> constexpr bool areAlike = false;
template <class... A, class Status, class... B>
  requires(sizeof...(A) == sizeof...(B))
constexpr bool areAlike<int (*)(A...), Status(B...)> = (isPassedAs<A, B>() && ...);

TEST(CudaApi, CublasToo) {
  EXPECT_EQ(blas::kReal32, CUDA_R_32F);
  EXPECT_EQ(blas::kReal64, CUDA_R_64F);
  EXPECT_EQ(blas::kReal16, CUDA_R_16F);
  EXPECT_EQ(blas::kBrain16, CUDA_R_16BF);
  EXPECT_EQ(blas::kWholeSums, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION);
  EXPECT_EQ(blas::kCompute32, CUBLAS_COMPUTE_32F);
  EXPECT_EQ(blas::kCompute64, CUBLAS_COMPUTE_64F);
  EXPECT_EQ(blas::kDefaultMath, CUBLAS_DEFAULT_MATH);
  EXPECT_EQ(blas::kTf32Math, CUBLAS_TF32_TENSOR_OP_MATH);
  EXPECT_EQ(blas::kDefaultAlgorithm, CUBLAS_GEMM_DEFAULT);
  EXPECT_EQ(blas::kRight, CUBLAS_SIDE_RIGHT);
  EXPECT_EQ(blas::kLower, CUBLAS_FILL_MODE_LOWER);
  EXPECT_EQ(blas::kUpper, CUBLAS_FILL_MODE_UPPER);
  EXPECT_EQ(blas::kAsIs, CUBLAS_OP_N);
  EXPECT_EQ(blas::kTransposed, CUBLAS_OP_T);
  EXPECT_EQ(blas::kUnit, CUBLAS_DIAG_UNIT);
  EXPECT_TRUE((areAlike<decltype(Blas::trsm), decltype(cublasDtrsm_v2)>));
  EXPECT_TRUE((areAlike<decltype(Blas::trsmBatched), decltype(cublasDtrsmBatched)>));
  EXPECT_TRUE((areAlike<decltype(Blas::getrfBatched), decltype(cublasDgetrfBatched)>));
  EXPECT_TRUE((areAlike<decltype(Blas::getrsBatched), decltype(cublasDgetrsBatched)>));
}

#if __has_include(<cusolverDn.h>)
TEST(CudaApi, CusolversToo) {
  EXPECT_EQ(kEigenvectors, CUSOLVER_EIG_MODE_VECTOR);
  EXPECT_TRUE((areAlike<decltype(Solver::potrfSize), decltype(cusolverDnDpotrf_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::potrf), decltype(cusolverDnDpotrf)>));
  EXPECT_TRUE((areAlike<decltype(Solver::potrfBatched), decltype(cusolverDnDpotrfBatched)>));
  EXPECT_TRUE((areAlike<decltype(Solver::getrfSize), decltype(cusolverDnDgetrf_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::getrf), decltype(cusolverDnDgetrf)>));
  EXPECT_TRUE((areAlike<decltype(Solver::getrs), decltype(cusolverDnDgetrs)>));
  EXPECT_TRUE((areAlike<decltype(Solver::geqrfSize), decltype(cusolverDnDgeqrf_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::geqrf), decltype(cusolverDnDgeqrf)>));
  EXPECT_TRUE((areAlike<decltype(Solver::orgqrSize), decltype(cusolverDnDorgqr_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::orgqr), decltype(cusolverDnDorgqr)>));
  EXPECT_TRUE((areAlike<decltype(Solver::syevdSize), decltype(cusolverDnDsyevd_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::syevd), decltype(cusolverDnDsyevd)>));
  EXPECT_TRUE((areAlike<decltype(Solver::jacobiCreate), decltype(cusolverDnCreateSyevjInfo)>));
  EXPECT_TRUE(
      (areAlike<decltype(Solver::syevjBatchedSize), decltype(cusolverDnDsyevjBatched_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::syevjBatched), decltype(cusolverDnDsyevjBatched)>));
  EXPECT_TRUE((areAlike<decltype(Solver::gesvdSize), decltype(cusolverDnDgesvd_bufferSize)>));
  EXPECT_TRUE((areAlike<decltype(Solver::gesvd), decltype(cusolverDnDgesvd)>));
}
#endif

} // namespace
} // namespace diptych::runtime::cuda
#else
TEST(CudaApi, NumbersAreTheToolkits) {
  GTEST_SKIP() << "the CUDA toolkit's headers were not found";
}
#endif
