// cuBLASLt, opened at run time: products with what it can do beside them. Which algorithm it takes,
// or that it has none, is asked once for each shape.
#pragma once

#include "runtime/cuda/Blas.h"

namespace diptych::runtime::cuda {

struct LtHandle;     // cublasLtContext
struct LtProduct;    // cublasLtMatmulDescOpaque_t
struct LtLayout;     // cublasLtMatrixLayoutOpaque_t
struct LtPreference; // cublasLtMatmulPreferenceOpaque_t

/// cublasLtMatmulHeuristicResult_t.
struct LtHeuristic {
  uint64_t algorithm[8] = {};
  size_t workspaceBytes = 0;
  int state = 0;
  float waves = 0;
  int reserved[4] = {};
};

// Values of the API that we name; tests/cuda compares them with the toolkit's header.
namespace lt {
constexpr int kCompute32Tf32 = 77;                                               // compute type
constexpr int kTransposeA = 3, kTransposeB = 4, kEpilogue = 7, kBiasPointer = 8; // of a product
constexpr int kRelu = 2, kBias = 4, kGelu = 32, kSumsOfA = 256, kSumsOfB = 512;  // epilogues
constexpr int kMostWorkspace = 1;                                                // preference
constexpr int kLeastAlignments[] = {5, 6, 7, 8}; // the same, of A, B, C and D
} // namespace lt

/// Functions of cuBLASLt that we use; status 0 is success.
struct BlasLt {
  int (*create)(LtHandle** handle) = nullptr;
  int (*productCreate)(LtProduct** product, int compute, int scale) = nullptr;
  int (*productSet)(LtProduct* product, int attribute, const void* value, size_t bytes) = nullptr;
  int (*layoutCreate)(LtLayout** layout, int type, uint64_t rows, uint64_t columns,
                      int64_t leading) = nullptr;
  int (*preferenceCreate)(LtPreference** preference) = nullptr;
  int (*preferenceSet)(LtPreference* preference, int attribute, const void* value,
                       size_t bytes) = nullptr;
  int (*heuristic)(LtHandle* handle, LtProduct* product, LtLayout* a, LtLayout* b, LtLayout* c,
                   LtLayout* d, LtPreference* preference, int wanted, LtHeuristic* results,
                   int* found) = nullptr;
  int (*matmul)(LtHandle* handle, LtProduct* product, const void* alpha, const void* a,
                LtLayout* aLayout, const void* b, LtLayout* bLayout, const void* beta,
                const void* c, LtLayout* cLayout, void* d, LtLayout* dLayout,
                const uint64_t* algorithm, void* workspace, size_t workspaceBytes,
                DriverStream* stream) = nullptr;
};

/// Null, with why, where there is none. On the simulated device: a simulated one.
const BlasLt* findBlasLt(std::string& why);

const BlasLt& simulatedBlasLt();

/// Enqueues a product with its epilogue. False, and nothing was done, where cuBLASLt is not there
/// or does not do it.
bool enqueueWithEpilogue(const Gemm& gemm, void* const* pointers);
/// Shapes whose algorithm has been asked for.
int64_t knownLtShapes();

namespace simulated {
/// What the simulated cuBLASLt refuses: nothing; any shape that it has not been asked about; every
/// product, when it is to be run.
enum class LtRefuses : uint8_t { nothing, shapes, products };
void setLtRefuses(LtRefuses what);
} // namespace simulated

} // namespace diptych::runtime::cuda
