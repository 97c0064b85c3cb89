// What we say of NVIDIA's interfaces without their headers is what the headers say, where the
// toolkit is there to be asked.
#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/Driver.h"

#include <gtest/gtest.h>

#if __has_include(<cublasLt.h>) && __has_include(<cuda.h>)
#include <cublasLt.h>
#include <cuda.h>

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
  EXPECT_EQ(lt::kReal32, CUDA_R_32F);
  EXPECT_EQ(lt::kReal64, CUDA_R_64F);
  EXPECT_EQ(lt::kCompute32, CUBLAS_COMPUTE_32F);
  EXPECT_EQ(lt::kCompute32Tf32, CUBLAS_COMPUTE_32F_FAST_TF32);
  EXPECT_EQ(lt::kCompute64, CUBLAS_COMPUTE_64F);
  EXPECT_EQ(lt::kTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
  EXPECT_EQ(lt::kTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
  EXPECT_EQ(lt::kEpilogue, CUBLASLT_MATMUL_DESC_EPILOGUE);
  EXPECT_EQ(lt::kBiasPointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER);
  EXPECT_EQ(lt::kBias, CUBLASLT_EPILOGUE_BIAS);
  EXPECT_EQ(lt::kMostWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  EXPECT_EQ(sizeof(LtHeuristic), sizeof(cublasLtMatmulHeuristicResult_t));
  EXPECT_EQ(offsetof(LtHeuristic, workspaceBytes),
            offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
  EXPECT_EQ(offsetof(LtHeuristic, state), offsetof(cublasLtMatmulHeuristicResult_t, state));
}

} // namespace
} // namespace diptych::runtime::cuda
#else
TEST(CudaApi, NumbersAreTheToolkits) {
  GTEST_SKIP() << "the CUDA toolkit's headers were not found";
}
#endif
