// The provider in force, and launches.
#include "runtime/cuda/EagerTable.h"

#include "ir/Emitter.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/DeviceMemory.h"
#include "runtime/cuda/EagerPtx.h"

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

namespace diptych::runtime::cuda {

namespace {

// The kernels that this library carries; a module is loaded when one of its kernels is first asked
// for, since the driver compiles it then.
class Carried {
public:
  const DeviceKernel* find(OpCode code, DType in, DType out, uint8_t variant) {
    const EagerPtx* ptx = embeddedEagerPtx();
    if (!ptx)
      return nullptr;
    if (places_.empty())
      for (const EagerPtxKernel& kernel : ptx->kernels)
        places_[{kernel.code, kernel.in, kernel.out, kernel.variant}] = {&kernel, nullptr};
    const auto found = places_.find({code, in, out, variant});
    if (found == places_.end())
      return nullptr;
    auto& [described, loaded] = found->second;
    if (!loaded) {
      auto& module = modules_[described->module];
      if (!module)
        module = std::make_shared<LoadedModule>(ptx->text(described->module).c_str());
      loaded = std::make_unique<DeviceKernel>(described->spec, module);
    }
    return loaded.get();
  }

private:
  using Key = std::tuple<OpCode, DType, DType, uint8_t>;
  std::map<Key, std::pair<const EagerPtxKernel*, std::unique_ptr<DeviceKernel>>> places_;
  std::map<int, std::shared_ptr<const LoadedModule>> modules_;
};

struct Table {
  std::mutex mutex;
  KernelProvider provider;
  Carried carried;
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
  if (table().provider)
    return table().provider(code, in, out, variant);
  // The simulated device takes no PTX.
  return context().driver.isSimulated ? nullptr : table().carried.find(code, in, out, variant);
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
