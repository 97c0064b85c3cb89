// Finding cuBLAS, its one handle, and products in its column-major terms.
#include "runtime/cuda/Blas.h"

#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <mutex>

namespace diptych::runtime::cuda {

namespace {

constexpr int kDefaultMath = 0, kTf32Math = 3; // cublasMath_t
constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;

struct Found {
  Blas table;
  const Blas* blas = nullptr;
  std::string why;
  std::mutex mutex; // of the handle: one thread at a time
  BlasHandle* handle = nullptr;
  Buffer workspace;
};

template <class Function> bool take(void* library, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, symbol));
  return function != nullptr;
}

void open(Found& found) {
  void* library = nullptr;
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"})
    if (!library)
      library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = ::dlerror();
    found.why = std::string("libcublas.so could not be opened (") + (reason ? reason : "") + ")";
    return;
  }
  Blas& table = found.table;
  const bool complete = take(library, "cublasCreate_v2", table.create) &&
                        take(library, "cublasSetStream_v2", table.setStream) &&
                        take(library, "cublasSetWorkspace_v2", table.setWorkspace) &&
                        take(library, "cublasSetMathMode", table.setMathMode) &&
                        take(library, "cublasSgemmStridedBatched", table.sgemm) &&
                        take(library, "cublasDgemmStridedBatched", table.dgemm);
  if (complete)
    found.blas = &found.table;
  else
    found.why = "libcublas.so lacks a function that we use; install version 12 or later";
}

Found& found() {
  static auto* made = [] {
    auto* result = new Found; // never destroyed, as the context
    if (context().driver.isSimulated)
      result->blas = &simulatedBlas();
    else
      open(*result);
    return result;
  }();
  return *made;
}

void checkBlas(int status, const char* call) {
  if (status != 0)
    throw Error(std::string(currentOperator()) + ": " + call + " failed with status " +
                std::to_string(status) + "; DIPTYCH_CUDA_BLAS=0 in the environment does without");
}

// The stream first: setting it takes the workspace away.
void prepare(Found& all) {
  const Blas& blas = *all.blas;
  if (!all.handle) {
    checkBlas(blas.create(&all.handle), "cublasCreate");
    all.workspace = allocateOnDevice(kWorkspaceBytes);
  }
  checkBlas(blas.setStream(all.handle, currentStream()), "cublasSetStream");
  checkBlas(blas.setWorkspace(all.handle, all.workspace.data(), kWorkspaceBytes),
            "cublasSetWorkspace");
  checkBlas(blas.setMathMode(all.handle, allowsTf32() ? kTf32Math : kDefaultMath),
            "cublasSetMathMode");
}

std::atomic<bool>& tf32() {
  static std::atomic<bool> on{[] {
    const char* text = std::getenv("DIPTYCH_CUDA_TF32");
    return text && std::string(text) == "1";
  }()};
  return on;
}

template <class T, class Call> void multiply(const Gemm& gemm, void* const* pointers, Call call) {
  const T one = 1, zero = 0;
  const auto* a = static_cast<const T*>(pointers[gemm.arg[0]]) + gemm.a.offset;
  const auto* b = static_cast<const T*>(pointers[gemm.arg[1]]) + gemm.b.offset;
  auto* c = static_cast<T*>(pointers[gemm.arg[2]]) + gemm.c.offset;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  // Row-major C = A B is column-major C' = B' A'.
  checkBlas(call(gemm.b.transposed, gemm.a.transposed, narrow(gemm.n), narrow(gemm.m),
                 narrow(gemm.k), &one, b, narrow(gemm.b.leading), gemm.b.batch, a,
                 narrow(gemm.a.leading), gemm.a.batch, &zero, c, narrow(gemm.c.leading),
                 gemm.c.batch, narrow(gemm.count)),
            "cublasGemmStridedBatched");
}

} // namespace

const Blas* findBlas(std::string& why) {
  const char* wanted = std::getenv("DIPTYCH_CUDA_BLAS");
  if (wanted && std::string(wanted) == "0") {
    why = "the environment has DIPTYCH_CUDA_BLAS=0";
    return nullptr;
  }
  why = found().why;
  return found().blas;
}

void Gemm::enqueue(void* const* pointers) const {
  if (bias)
    return enqueueWithBias(*this, pointers);
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  prepare(all);
  ++counters().libraryCalls;
  if (dtype == DType::f32)
    multiply<float>(*this, pointers,
                    [&](auto... args) { return all.blas->sgemm(all.handle, args...); });
  else
    multiply<double>(*this, pointers,
                     [&](auto... args) { return all.blas->dgemm(all.handle, args...); });
}

bool allowsTf32() { return tf32(); }
void setAllowsTf32(bool on) { tf32() = on; }

} // namespace diptych::runtime::cuda
