// The provider in force, and launches.
#include "runtime/cuda/EagerTable.h"

#include "ir/Emitter.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/DeviceMemory.h"

#include <mutex>

namespace diptych::runtime::cuda {

namespace {

struct Table {
  std::mutex mutex;
  KernelProvider provider;
};
Table& table() {
  static auto* made = new Table;
  return *made;
}

} // namespace

void provideKernels(KernelProvider provider) {
  const std::lock_guard lock(table().mutex);
  table().provider = std::move(provider);
}

const DeviceKernel* findKernel(OpCode code, DType in, DType out, uint8_t variant) {
  const std::lock_guard lock(table().mutex);
  return table().provider ? table().provider(code, in, out, variant) : nullptr;
}

void launchEager(const DeviceKernel& kernel, std::span<void* const> pointers,
                 std::span<const int64_t> params, int64_t range) {
  std::vector<int64_t> all(params.begin(), params.begin() + kernel.spec.params - 1);
  all.push_back(range);
  Buffer scratch;
  if (kernel.spec.takesScratch())
    scratch = allocateOnDevice(kernel.spec.scratchBytes(all));
  kernel.enqueue(pointers, all, scratch.data());
  noteLaunch(currentOperator(), currentLocation());
}

} // namespace diptych::runtime::cuda
