// Kernels of the device by their text, and programs made of them.
#include "frontend/JitDevice.h"

#include "codegen/cuda/DeviceCode.h"
#include "codegen/cuda/GpuLibrary.h"
#include "frontend/JitPipeline.h"
#include "runtime/cuda/Blas.h"
#include "runtime/cuda/Context.h"
#include "runtime/cuda/SimulatedDriver.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace diptych {

namespace {

using codegen::cuda::GpuRequest;
using runtime::cuda::DeviceKernel;
using runtime::cuda::LoadedModule;
using KernelPtr = std::shared_ptr<const DeviceKernel>;

KernelPtr simulated(const codegen::cuda::SimulatedKernel& kernel) {
  // Lives as long as the kernels, which is as long as the process.
  auto* image = new runtime::cuda::SimulatedImage;
  const auto& spec = kernel.spec;
  const auto parameters = static_cast<size_t>(spec.pointers + spec.takesScratch() + spec.params);
  for (size_t i = 0; i < spec.launches.size(); ++i)
    image->kernels.push_back(
        runtime::cuda::simulatedKernel(spec.launches[i], parameters, kernel.functions[i]));
  return std::make_shared<DeviceKernel>(spec, std::make_shared<LoadedModule>(image));
}

/// The process's kernels of the device.
class Kernels {
public:
  static Kernels& instance() {
    static auto* kernels = new Kernels;
    return *kernels;
  }

  std::vector<KernelPtr> compile(const std::vector<GpuRequest>& requests, bool persistent,
                                 codegen::KernelTimes& times) {
    const std::lock_guard lock(mutex_);
    std::vector<GpuRequest> fresh;
    std::vector<KernelPtr*> slots, made;
    for (const GpuRequest& request : requests) {
      const auto [at, isNew] = known_.try_emplace(codegen::cuda::textOf(request));
      slots.push_back(&at->second);
      if (at->second) {
        ++times.reused;
      } else if (std::find(made.begin(), made.end(), &at->second) == made.end()) {
        fresh.push_back(request);
        made.push_back(&at->second);
      }
    }
    if (!fresh.empty())
      compileFresh(fresh, made, persistent, times);
    std::vector<KernelPtr> kernels;
    for (const KernelPtr* slot : slots)
      kernels.push_back(*slot);
    return kernels;
  }

private:
  static void compileFresh(const std::vector<GpuRequest>& fresh,
                           const std::vector<KernelPtr*>& slots, bool persistent,
                           codegen::KernelTimes& times) {
    const runtime::cuda::Context& device = runtime::cuda::context();
    if (device.driver.isSimulated) {
      const double start = milliseconds();
      const auto kernels = codegen::cuda::compileSimulated(fresh);
      for (size_t i = 0; i < kernels.size(); ++i)
        *slots[i] = simulated(*kernels[i]);
      times.compiled += static_cast<int64_t>(fresh.size());
      times.codegen += 1e-3 * (milliseconds() - start);
      return;
    }
    const codegen::cuda::DeviceCode code =
        codegen::cuda::deviceCode(fresh, "sm_" + std::to_string(device.capability),
                                  persistent ? &codegen::ObjectCache::shared() : nullptr, times);
    const double start = milliseconds();
    const auto loaded = load(code);
    for (size_t i = 0; i < code.kernels.size(); ++i)
      *slots[i] = std::make_shared<DeviceKernel>(code.kernels[i], loaded);
    times.objectBytes +=
        static_cast<int64_t>(code.cubin.empty() ? code.ptx.size() : code.cubin.size());
    times.link += 1e-3 * (milliseconds() - start);
  }

  // An older driver may not take machine code of a newer nvJitLink, but its PTX.
  static std::shared_ptr<const LoadedModule> load(const codegen::cuda::DeviceCode& code) {
    if (!code.cubin.empty()) {
      try {
        return std::make_shared<LoadedModule>(code.cubin.data());
      } catch (const Error&) {
      }
    }
    return std::make_shared<LoadedModule>(code.ptx.c_str());
  }

  std::mutex mutex_;
  std::map<std::string, KernelPtr> known_;
};

} // namespace

namespace {

KernelPtr blasKernel(const GpuRequest& request) {
  const auto gemm = codegen::cuda::libraryProductOf(*request.spec);
  if (!gemm)
    return nullptr;
  auto kernel = std::make_shared<DeviceKernel>();
  kernel->gemm = gemm;
  kernel->spec.pointers = codegen::cuda::pointersOf(*request.spec);
  return kernel;
}

KernelPtr joinedKernel(const codegen::ScheduledCall& call, KernelPtr next) {
  auto kernel = std::make_shared<DeviceKernel>();
  kernel->gemm = call.product->gemm;
  kernel->otherwise = std::move(next);
  kernel->firstOtherwise = call.product->first;
  kernel->spec.pointers = static_cast<int>(call.buffers.size());
  return kernel;
}

KernelPtr solverKernel(const codegen::ScheduledCall& call) {
  auto kernel = std::make_shared<DeviceKernel>();
  kernel->solver = call.solver;
  kernel->spec.pointers = static_cast<int>(call.buffers.size());
  return kernel;
}

} // namespace

std::unique_ptr<runtime::cuda::DeviceProgram> compileForDevice(const codegen::Schedule& schedule,
                                                               bool usesBlas, bool persistent,
                                                               codegen::KernelTimes& times) {
  std::vector<GpuRequest> requests;
  codegen::cuda::appendRequests(schedule, requests);
  std::string why;
  usesBlas = usesBlas && runtime::cuda::findBlas(why);
  std::vector<KernelPtr> blas;
  std::vector<GpuRequest> own;
  for (const GpuRequest& request : requests) {
    blas.push_back(usesBlas ? blasKernel(request) : nullptr);
    if (!blas.back())
      own.push_back(request);
  }
  const std::vector<KernelPtr> kernels = Kernels::instance().compile(own, persistent, times);
  auto next = kernels.begin();
  auto library = blas.begin();
  const auto program = codegen::assembleWith(
      schedule, [&](const codegen::ScheduledCall& scheduled, runtime::ProgramStep& step) {
        if (scheduled.solver) {
          step.device = solverKernel(scheduled);
          return;
        }
        const KernelPtr& call = *library++;
        step.device = call ? call : *next++;
        if (scheduled.product)
          step.device = joinedKernel(scheduled, step.device);
        step.range = step.grain = 1;
      });
  return std::make_unique<runtime::cuda::DeviceProgram>(program);
}

} // namespace diptych
