// Finding cuBLASLt, and one description for each shape: it is made once and lives as long as the
// process, as the handle does.
#include "runtime/cuda/BlasLt.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/OpenLibrary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>

namespace diptych::runtime::cuda {

namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;

/// All that its answer depends on.
using Question = std::array<int64_t, 18>;
struct Known {
  LtProduct* product = nullptr;
  LtLayout *a = nullptr, *b = nullptr, *c = nullptr;
  LtHeuristic chosen;
  bool refused = false;
};

bool open(BlasLt& table, std::string& why) {
  return openLibrary({"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"},
                     {{"cublasLtCreate", table.create},
                      {"cublasLtMatmulDescCreate", table.productCreate},
                      {"cublasLtMatmulDescSetAttribute", table.productSet},
                      {"cublasLtMatrixLayoutCreate", table.layoutCreate},
                      {"cublasLtMatmulPreferenceCreate", table.preferenceCreate},
                      {"cublasLtMatmulPreferenceSetAttribute", table.preferenceSet},
                      {"cublasLtMatmulAlgoGetHeuristic", table.heuristic},
                      {"cublasLtMatmul", table.matmul}},
                     "12", why);
}

struct Found : OpenedLibrary<BlasLt> {
  Found() : OpenedLibrary(simulatedBlasLt(), open) {}

  LtHandle* handle = nullptr;
  Buffer workspace;
  std::map<Question, Known> shapes;
};

Found& found() {
  static auto* made = new Found; // never destroyed, as the context
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

/// A product with its epilogue, and where its operands are.
struct Call {
  const Gemm& gemm;
  const Epilogue& epilogue;
  std::byte *a, *b, *c, *vector;

  Call(const Gemm& gemm, void* const* pointers) : gemm(gemm), epilogue(*gemm.epilogue) {
    const auto at = [&](int arg, DType dtype, int64_t offset) {
      return static_cast<std::byte*>(pointers[arg]) + offset * sizeOf(dtype);
    };
    a = at(gemm.arg[0], gemm.dtype, gemm.a.offset);
    b = at(gemm.arg[1], gemm.dtype, gemm.b.offset);
    c = at(epilogue.resultArg, epilogue.result, epilogue.c.offset);
    vector = at(epilogue.vectorArg, epilogue.result, epilogue.vectorOffset);
    if (epilogue.vector == Epilogue::Vector::none)
      vector = nullptr;
  }

  int compute() const {
    return gemm.dtype == DType::f32 && allowsTf32() ? lt::kCompute32Tf32 : blasSumOf(gemm.dtype);
  }
  int scale() const { return gemm.dtype == DType::f64 ? blas::kReal64 : blas::kReal32; }
  /// Our A, the left of row-major matrices, is its B.
  int number() const {
    constexpr int functions[] = {0, lt::kRelu, lt::kGelu};
    constexpr int vectors[] = {0, lt::kBias, lt::kSumsOfB, lt::kSumsOfA};
    return functions[static_cast<int>(epilogue.function)] |
           vectors[static_cast<int>(epilogue.vector)];
  }
  /// Of an address, as far as it matters to cuBLASLt.
  static int64_t alignment(const void* address) {
    constexpr int most = 8; // 256 bytes
    return int64_t{1} << std::min(most, std::countr_zero(reinterpret_cast<uintptr_t>(address)));
  }
  Question question() const {
    return {static_cast<int64_t>(gemm.dtype),
            static_cast<int64_t>(epilogue.result),
            compute(),
            number(),
            gemm.m,
            gemm.n,
            gemm.k,
            gemm.a.leading,
            gemm.b.leading,
            epilogue.c.leading,
            gemm.a.transposed,
            gemm.b.transposed,
            alignment(a),
            alignment(b),
            alignment(c),
            vector ? alignment(vector) : 0};
  }
};

/// Whether it says that this is not among what it does.
bool refuses(int status) { return status == blas::kNotSupported || status == blas::kInvalidValue; }

Known describe(Found& all, const Call& call) {
  const BlasLt& blas = *all.functions;
  const Gemm& gemm = call.gemm;
  Known made;
  checkLt(blas.productCreate(&made.product, call.compute(), call.scale()),
          "cublasLtMatmulDescCreate");
  set<int32_t>(blas, made.product, lt::kTransposeA, gemm.b.transposed);
  set<int32_t>(blas, made.product, lt::kTransposeB, gemm.a.transposed);
  set<int32_t>(blas, made.product, lt::kEpilogue, call.number());
  set<const void*>(blas, made.product, lt::kBiasPointer, call.vector); // for its alignment
  made.a = layoutOf(blas, blasTypeOf(gemm.dtype), gemm.b, gemm.k, gemm.n);
  made.b = layoutOf(blas, blasTypeOf(gemm.dtype), gemm.a, gemm.m, gemm.k);
  made.c = layoutOf(blas, blasTypeOf(call.epilogue.result), call.epilogue.c, gemm.m, gemm.n);
  LtPreference* preference = nullptr;
  checkLt(blas.preferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
  const auto prefer = [&](int attribute, auto value) {
    checkLt(blas.preferenceSet(preference, attribute, &value, sizeof value),
            "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(lt::kMostWorkspace, kWorkspaceBytes);
  const std::byte* matrices[] = {call.b, call.a, call.c, call.c};
  for (size_t i = 0; i < std::size(matrices); ++i)
    prefer(lt::kLeastAlignments[i], static_cast<uint32_t>(Call::alignment(matrices[i])));
  int count = 0;
  const int status = blas.heuristic(all.handle, made.product, made.a, made.b, made.c, made.c,
                                    preference, 1, &made.chosen, &count);
  if (!refuses(status))
    checkLt(status, "cublasLtMatmulAlgoGetHeuristic");
  made.refused = status != 0 || count == 0;
  return made;
}

bool multiply(Found& all, const Call& call) {
  const Question question = call.question();
  auto at = all.shapes.find(question);
  if (at == all.shapes.end())
    at = all.shapes.emplace(question, describe(all, call)).first;
  Known& known = at->second;
  if (known.refused)
    return false;
  set<const void*>(*all.functions, known.product, lt::kBiasPointer, call.vector);
  const double one = 1, zero = 0;
  const float one32 = 1, zero32 = 0;
  const bool wide = call.gemm.dtype == DType::f64;
  const void *alpha = &one32, *beta = &zero32;
  if (wide)
    alpha = &one, beta = &zero;
  const int status =
      all.functions->matmul(all.handle, known.product, alpha, call.b, known.a, call.a, known.b,
                            beta, call.c, known.c, call.c, known.c, known.chosen.algorithm,
                            all.workspace.data(), kWorkspaceBytes, currentStream());
  if (!refuses(status))
    checkLt(status, "cublasLtMatmul");
  known.refused = status != 0;
  return !known.refused;
}

} // namespace

const BlasLt* findBlasLt(std::string& why) {
  if (!findBlas(why))
    return nullptr;
  why = found().why;
  return found().functions;
}

bool enqueueWithEpilogue(const Gemm& gemm, void* const* pointers) {
  Found& all = found();
  if (!all.functions)
    return false;
  const std::lock_guard lock(all.mutex);
  if (!all.handle) {
    checkLt(all.functions->create(&all.handle), "cublasLtCreate");
    all.workspace = allocateOnDevice(static_cast<int64_t>(kWorkspaceBytes));
  }
  const bool done = multiply(all, Call(gemm, pointers));
  counters().libraryCalls += done;
  return done;
}

int64_t knownLtShapes() {
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  return static_cast<int64_t>(all.shapes.size());
}

} // namespace diptych::runtime::cuda
