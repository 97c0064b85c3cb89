// Finding cuBLAS, its one handle, and products in its column-major terms.
#include "runtime/cuda/Blas.h"

#include "runtime/cuda/BlasLt.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/OpenLibrary.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <atomic>
#include <cstdlib>
#include <mutex>

namespace diptych::runtime::cuda {

namespace {

constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;

bool open(Blas& table, std::string& why) {
  return openLibrary({"libcublas.so.13", "libcublas.so.12", "libcublas.so"},
                     {{"cublasCreate_v2", table.create},
                      {"cublasSetStream_v2", table.setStream},
                      {"cublasSetWorkspace_v2", table.setWorkspace},
                      {"cublasSetMathMode", table.setMathMode},
                      {"cublasGemmStridedBatchedEx", table.gemm},
                      {"cublasDtrsm_v2", table.trsm},
                      {"cublasDtrsmBatched", table.trsmBatched},
                      {"cublasDgetrfBatched", table.getrfBatched},
                      {"cublasDgetrsBatched", table.getrsBatched}},
                     "12", why);
}

struct Found : OpenedLibrary<Blas> {
  Found() : OpenedLibrary(simulatedBlas(), open) {}

  BlasHandle* handle = nullptr;
  Buffer workspace;
};

Found& found() {
  static auto* made = new Found; // never destroyed, as the context
  return *made;
}

// The stream first: setting it takes the workspace away.
void prepare(Found& all) {
  const Blas& blas = *all.functions;
  if (!all.handle) {
    checkBlas(blas.create(&all.handle), "cublasCreate");
    all.workspace = allocateOnDevice(kWorkspaceBytes);
  }
  checkBlas(blas.setStream(all.handle, currentStream()), "cublasSetStream");
  checkBlas(blas.setWorkspace(all.handle, all.workspace.data(), kWorkspaceBytes),
            "cublasSetWorkspace");
  checkBlas(blas.setMathMode(all.handle, (allowsTf32() ? blas::kTf32Math : blas::kDefaultMath) |
                                             blas::kWholeSums),
            "cublasSetMathMode");
}

std::atomic<bool>& tf32() {
  static std::atomic<bool> on{[] {
    const char* text = std::getenv("DIPTYCH_CUDA_TF32");
    return text && std::string(text) == "1";
  }()};
  return on;
}

const void* at(void* const* pointers, int arg, DType dtype, int64_t offset) {
  return static_cast<const std::byte*>(pointers[arg]) + offset * sizeOf(dtype);
}

} // namespace

const Blas* findBlas(std::string& why) {
  if (isSwitchedOff("DIPTYCH_CUDA_BLAS", why))
    return nullptr;
  why = found().why;
  return found().functions;
}

void checkBlas(int status, const char* call) { checkLibrary(status, call, "DIPTYCH_CUDA_BLAS"); }

void withBlas(const std::function<void(const Blas& blas, BlasHandle* handle)>& use) {
  Found& all = found();
  const std::lock_guard lock(all.mutex);
  prepare(all);
  use(*all.functions, all.handle);
}

int blasTypeOf(DType dtype) {
  switch (dtype) {
  case DType::f64: return blas::kReal64;
  case DType::bf16: return blas::kBrain16;
  case DType::f16: return blas::kReal16;
  default: return blas::kReal32;
  }
}
int blasSumOf(DType dtype) { return dtype == DType::f64 ? blas::kCompute64 : blas::kCompute32; }

bool Gemm::enqueue(void* const* pointers) const {
  if (epilogue && enqueueWithEpilogue(*this, pointers))
    return true;
  ++counters().libraryCalls;
  const double one = 1, zero = 0;
  const float one32 = 1, zero32 = 0;
  const bool wide = dtype == DType::f64;
  const auto narrow = [](int64_t value) { return static_cast<int>(value); };
  const int type = blasTypeOf(dtype);
  // Row-major C = A B is column-major C' = B' A'.
  withBlas([&](const Blas& blas, BlasHandle* handle) {
    const int status = blas.gemm(
        handle, b.transposed, a.transposed, narrow(n), narrow(m), narrow(k),
        wide ? static_cast<const void*>(&one) : &one32, at(pointers, arg[1], dtype, b.offset), type,
        narrow(b.leading), b.batch, at(pointers, arg[0], dtype, a.offset), type, narrow(a.leading),
        a.batch, wide ? static_cast<const void*>(&zero) : &zero32,
        const_cast<void*>(at(pointers, arg[2], result, c.offset)), blasTypeOf(result),
        narrow(c.leading), c.batch, narrow(count), blasSumOf(dtype), blas::kDefaultAlgorithm);
    checkBlas(status, "cublasGemmStridedBatchedEx");
  });
  return !epilogue;
}

bool allowsTf32() { return tf32(); }
void setAllowsTf32(bool on) { tf32() = on; }

} // namespace diptych::runtime::cuda
