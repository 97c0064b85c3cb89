// Finding cuBLASLt, and one description for each shape: it is made once and lives as long as the
// process, as the handle does.
#include "runtime/cuda/BlasLt.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/OpenLibrary.h"

#include <map>
#include <mutex>
#include <tuple>

namespace diptych::runtime::cuda {

namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;

/// What cuBLASLt asks about: type and TF32, m, n, k, three leading sizes, two transpositions.
using Shape =
    std::tuple<DType, bool, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool, bool>;
struct Known {
  LtProduct* product = nullptr;
  LtLayout *a = nullptr, *b = nullptr, *c = nullptr;
  LtHeuristic chosen;
};

struct Found {
  BlasLt table;
  const BlasLt* blas = nullptr;
  std::string why;
  std::mutex mutex; // of what follows
  LtHandle* handle = nullptr;
  Buffer workspace;
  std::map<Shape, Known> shapes;
};

void open(Found& found) {
  BlasLt& table = found.table;
  if (openLibrary({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"},
                  {{"cublasLtCreate", table.create},
                   {"cublasLtMatmulDescCreate", table.productCreate},
                   {"cublasLtMatmulDescSetAttribute", table.productSet},
                   {"cublasLtMatrixLayoutCreate", table.layoutCreate},
                   {"cublasLtMatmulPreferenceCreate", table.preferenceCreate},
                   {"cublasLtMatmulPreferenceSetAttribute", table.preferenceSet},
                   {"cublasLtMatmulAlgoGetHeuristic", table.heuristic},
                   {"cublasLtMatmul", table.matmul}},
                  "12", found.why))
    found.blas = &found.table;
}

Found& found() {
  static auto* made = [] {
    auto* result = new Found; // never destroyed, as the context
    if (context().driver.isSimulated)
      result->blas = &simulatedBlasLt();
    else
      open(*result);
    return result;
  }();
  return *made;
}

void checkLt(int status, const char* call) { checkLibrary(status, call, "DIPTYCH_CUDA_BLAS"); }

template <class T> void set(const BlasLt& blas, LtProduct* product, int attribute, T value) {
  checkLt(blas.productSet(product, attribute, &value, sizeof value),
          "cublasLtMatmulDescSetAttribute");
}

// Row-major C = A B is column-major C' = B' A': the first operand there is our B.
LtLayout* layoutOf(const BlasLt& blas, int type, const BlasMatrix& matrix, int64_t rows,
                   int64_t columns) {
  LtLayout* layout = nullptr;
  if (matrix.transposed)
    std::swap(rows, columns);
  checkLt(blas.layoutCreate(&layout, type, static_cast<uint64_t>(columns),
                            static_cast<uint64_t>(rows), matrix.leading),
          "cublasLtMatrixLayoutCreate");
  return layout;
}

Known describe(Found& all, const Gemm& gemm, const void* bias) {
  const BlasLt& blas = *all.blas;
  const bool wide = gemm.dtype == DType::f64;
  const int type = wide ? lt::kReal64 : lt::kReal32;
  const int compute = wide ? lt::kCompute64 : allowsTf32() ? lt::kCompute32Tf32 : lt::kCompute32;
  Known made;
  checkLt(blas.productCreate(&made.product, compute, type), "cublasLtMatmulDescCreate");
  set<int32_t>(blas, made.product, lt::kTransposeA, gemm.b.transposed);
  set<int32_t>(blas, made.product, lt::kTransposeB, gemm.a.transposed);
  set<int32_t>(blas, made.product, lt::kEpilogue, lt::kBias);
  set(blas, made.product, lt::kBiasPointer, bias); // for its alignment
  made.a = layoutOf(blas, type, gemm.b, gemm.k, gemm.n);
  made.b = layoutOf(blas, type, gemm.a, gemm.m, gemm.k);
  made.c = layoutOf(blas, type, gemm.c, gemm.m, gemm.n);
  LtPreference* preference = nullptr;
  checkLt(blas.preferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  checkLt(
      blas.preferenceSet(preference, lt::kMostWorkspace, &kWorkspaceBytes, sizeof kWorkspaceBytes),
      "cublasLtMatmulPreferenceSetAttribute");
  int count = 0;
  checkLt(blas.heuristic(all.handle, made.product, made.a, made.b, made.c, made.c, preference, 1,
                         &made.chosen, &count),
          "cublasLtMatmulAlgoGetHeuristic");
  if (count == 0)
    throw Error(std::string(currentOperator()) +
                ": cuBLASLt has no algorithm for this product; DIPTYCH_CUDA_BLAS=0 in the "
                "environment does without");
  return made;
}

template <class T> void multiply(Found& all, const Gemm& gemm, void* const* pointers) {
  const T one = 1, zero = 0;
  const auto* a = static_cast<const T*>(pointers[gemm.arg[0]]) + gemm.a.offset;
  const auto* b = static_cast<const T*>(pointers[gemm.arg[1]]) + gemm.b.offset;
  auto* c = static_cast<T*>(pointers[gemm.arg[2]]) + gemm.c.offset;
  const void* bias = static_cast<const T*>(pointers[*gemm.bias]) + gemm.biasOffset;
  const Shape shape{gemm.dtype,       allowsTf32(),   gemm.m,
                    gemm.n,           gemm.k,         gemm.a.leading,
                    gemm.b.leading,   gemm.c.leading, gemm.a.transposed,
                    gemm.b.transposed};
  auto at = all.shapes.find(shape);
  if (at == all.shapes.end())
    at = all.shapes.emplace(shape, describe(all, gemm, bias)).first;
  const Known& known = at->second;
  set(*all.blas, known.product, lt::kBiasPointer, bias);
  checkLt(all.blas->matmul(all.handle, known.product, &one, b, known.a, a, known.b, &zero, c,
                           known.c, c, known.c, known.chosen.algorithm, all.workspace.data(),
                           kWorkspaceBytes, currentStream()),
          "cublasLtMatmul");
}

} // namespace

const BlasLt* findBlasLt(std::string& why) {
  if (!findBlas(why))
    return nullptr;
  why = found().why;
  return found().blas;
}

void enqueueWithBias(const Gemm& gemm, void* const* pointers) {
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  if (!all.handle) {
    checkLt(all.blas->create(&all.handle), "cublasLtCreate");
    all.workspace = allocateOnDevice(static_cast<int64_t>(kWorkspaceBytes));
  }
  ++counters().libraryCalls;
  if (gemm.dtype == DType::f32)
    multiply<float>(all, gemm, pointers);
  else
    multiply<double>(all, gemm, pointers);
}

int64_t knownLtShapes() {
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  return static_cast<int64_t>(all.shapes.size());
}

} // namespace diptych::runtime::cuda
