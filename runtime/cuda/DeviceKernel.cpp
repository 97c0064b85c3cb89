// Loading modules and launching their functions.
#include "runtime/cuda/DeviceKernel.h"

#include "runtime/cuda/Context.h"
#include "runtime/cuda/Counters.h"

#include <vector>

namespace diptych::runtime::cuda {

LoadedModule::LoadedModule(const void* image) {
  const Context& device = context();
  std::string log(4096, '\0');
  int names[] = {api::kJitErrorLogBuffer, api::kJitErrorLogBufferBytes};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())}; // NOLINT
  const Result result = device.driver.moduleLoad(&module_, image, 2, names, values);
  if (result == api::kSuccess)
    return;
  log.resize(log.find('\0') == std::string::npos ? log.size() : log.find('\0'));
  throw Error(std::string(currentOperator()) + ": expected code that " + device.name +
              " takes, got " + resultText(device.driver, result) + (log.empty() ? "" : ": " + log) +
              "; an older driver may not know this PTX: update it");
}

LoadedModule::~LoadedModule() {
  if (module_)
    context().driver.moduleUnload(module_);
}

DriverFunction* LoadedModule::function(const std::string& name) const {
  DriverFunction* found = nullptr;
  check(context().driver.moduleGetFunction(&found, module_, name.c_str()), "cuModuleGetFunction");
  return found;
}

DeviceKernel::DeviceKernel(LaunchSpec spec, std::shared_ptr<const LoadedModule> module)
    : spec(std::move(spec)), module(std::move(module)) {
  for (const Launch& launch : this->spec.launches) {
    functions.push_back(this->module->function(launch.name));
    if (launch.sharedBytes > 0)
      check(context().driver.functionSetAttribute(functions.back(), api::kMaxDynamicSharedBytes,
                                                  static_cast<int>(launch.sharedBytes)),
            "cuFuncSetAttribute");
  }
}

int64_t DeviceKernel::scratchBytes(std::span<const int64_t> params) const {
  return solver      ? solver->workspaceBytes()
         : otherwise ? otherwise->scratchBytes(params)
                     : spec.scratchBytes(params);
}

void DeviceKernel::enqueue(std::span<void* const> pointers, std::span<const int64_t> params,
                           void* scratch) const {
  const Context& device = context();
  if (static_cast<int>(pointers.size()) != spec.pointers ||
      static_cast<int>(params.size()) != spec.params)
    throw Error("internal: a kernel of the device takes " + std::to_string(spec.pointers) +
                " pointers and " + std::to_string(spec.params) + " params, got " +
                std::to_string(pointers.size()) + " and " + std::to_string(params.size()));
  if (gemm) {
    if (!gemm->enqueue(pointers.data()) && otherwise)
      otherwise->enqueue(pointers.subspan(firstOtherwise), params, scratch);
    return;
  }
  if (solver)
    return solver->enqueue(pointers.data(), scratch);
  std::vector<void*> addresses(pointers.begin(), pointers.end());
  if (spec.takesScratch())
    addresses.push_back(scratch);
  std::vector<int64_t> numbers(params.begin(), params.end());
  std::vector<void*> places;
  for (void*& address : addresses)
    places.push_back(&address);
  for (int64_t& number : numbers)
    places.push_back(&number);
  for (size_t i = 0; i < spec.launches.size(); ++i) {
    const Launch& launch = spec.launches[i];
    const int64_t blocks = launch.blocks(params);
    if (blocks <= 0)
      continue;
    if (blocks > INT32_MAX)
      throw Error(std::string(currentOperator()) + ": expected a grid of less than 2^31 blocks, " +
                  "got " + std::to_string(blocks) + "; cut the tensors into parts");
    check(device.driver.launchKernel(functions[i], static_cast<unsigned>(blocks), 1, 1,
                                     static_cast<unsigned>(launch.block), 1, 1,
                                     static_cast<unsigned>(launch.sharedBytes), currentStream(),
                                     places.data(), nullptr),
          "cuLaunchKernel");
    if (currentStream() == device.stream)
      ++counters().launches;
  }
}

} // namespace diptych::runtime::cuda
