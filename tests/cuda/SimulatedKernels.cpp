// Kernels by operator, dtypes and variant.
#include "tests/cuda/SimulatedKernels.h"

#include "codegen/cuda/EagerGpu.h"
#include "codegen/cuda/GpuCompiler.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <map>
#include <mutex>

namespace diptych::test {

namespace {

class Provider {
public:
  const runtime::cuda::DeviceKernel* find(OpCode code, DType in, DType out, uint8_t variant) {
    const std::lock_guard lock(mutex_);
    const auto [at, isNew] = made_.try_emplace(std::tuple(code, in, out, variant));
    if (isNew)
      for (const codegen::EagerKernel& kernel : kernels_)
        if (std::tuple(kernel.code, kernel.in, kernel.out, kernel.variant) == at->first)
          at->second = compile(kernel);
    return at->second.get();
  }

private:
  using KernelPtr = std::unique_ptr<runtime::cuda::DeviceKernel>;

  static KernelPtr compile(const codegen::EagerKernel& kernel) {
    const auto request = codegen::cuda::eagerRequest(kernel);
    const auto& simulated = *codegen::cuda::compileSimulated({&request, 1})[0];
    auto* image = new runtime::cuda::SimulatedImage; // lives as long as the process
    const auto& spec = simulated.spec;
    const auto count = static_cast<size_t>(spec.pointers + spec.takesScratch() + spec.params);
    for (size_t i = 0; i < spec.launches.size(); ++i)
      image->kernels.push_back(
          runtime::cuda::simulatedKernel(spec.launches[i], count, simulated.functions[i]));
    return std::make_unique<runtime::cuda::DeviceKernel>(
        spec, std::make_shared<runtime::cuda::LoadedModule>(image));
  }

  std::mutex mutex_;
  const std::vector<codegen::EagerKernel> kernels_ = codegen::eagerGpuKernels();
  std::map<std::tuple<OpCode, DType, DType, uint8_t>, KernelPtr> made_;
};

} // namespace

void provideSimulatedKernels() {
  static auto* provider = new Provider;
  runtime::cuda::provideKernels([](OpCode code, DType in, DType out, uint8_t variant) {
    return provider->find(code, in, out, variant);
  });
}

} // namespace diptych::test
