// Emits what nobody has asked for before; PTX as text, simulation through ORC.
#include "codegen/cuda/GpuCompiler.h"

#include "codegen/KernelCompiler.h"
#include "codegen/Target.h"
#include "codegen/cuda/GpuModule.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"

#include <map>
#include <mutex>
#include <unordered_map>

namespace diptych::codegen::cuda {

using runtime::cuda::LaunchSpec;
using runtime::cuda::SimulatedFn;

GpuLimits limitsOf(int capability) {
  constexpr int64_t kib = 1024;
  GpuLimits limits;
  if (capability >= 80) {
    const bool large = capability == 90 || (capability >= 100 && capability < 120);
    const int64_t all = large ? 228 : capability == 80 || capability == 87 ? 164 : 100;
    limits.multiprocessor = all * kib;
    limits.block = (all - 1) * kib;
  }
  if (capability >= 90)
    limits.cluster = 8;
  return limits;
}

int capabilityOf(const std::string& architecture) {
  return architecture.starts_with("sm_") ? std::atoi(architecture.c_str() + 3) : 0;
}

ScheduleOptions gpuScheduleOptions(bool contract, int capability) {
  ScheduleOptions options;
  options.contract = contract;
  options.gpu = limitsOf(capability);
  return options;
}

GpuRequest requestOf(const ScheduledCall& call) { return {&call.kernel}; }

void appendRequests(const Schedule& schedule, std::vector<GpuRequest>& requests) {
  for (const ScheduledCall& call : schedule.calls) {
    if (call.control) {
      appendRequests(call.control->body, requests);
      appendRequests(call.control->other, requests);
    } else if (call.product) {
      requests.push_back({&call.product->next});
    } else if (call.isKernel()) {
      requests.push_back(requestOf(call));
    }
  }
}

std::string textOf(const GpuRequest& request) {
  std::string text = request.spec->text();
  if (request.params)
    text += " range " + std::to_string(request.range.value) + " slot " +
            std::to_string(request.range.slot) + " params " + std::to_string(request.params);
  return text;
}

PtxModule compilePtx(std::span<const GpuRequest> requests, const std::string& architecture,
                     const std::string& prefix) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  prepareGpuContext(context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  PtxModule made;
  std::unordered_map<std::string, size_t> known;
  for (const GpuRequest& request : requests) {
    const auto [at, fresh] = known.emplace(textOf(request), made.kernels.size());
    if (fresh)
      made.kernels.push_back(
          emitGpuKernel(*module, prefix + std::to_string(known.size() - 1), request));
    else
      made.kernels.push_back(made.kernels[at->second]);
  }
  made.ptx = ptxOf(*module, architecture);
  return made;
}

namespace {

template <class T> T orThrow(llvm::Expected<T> expected) {
  if (!expected)
    throw Error("internal: " + llvm::toString(expected.takeError()));
  return std::move(*expected);
}
void orThrow(llvm::Error error) {
  if (error)
    throw Error("internal: " + llvm::toString(std::move(error)));
}

// The process's simulated kernels, by their text.
class Simulation {
public:
  static Simulation& instance() {
    static auto* simulation = new Simulation(); // code lives as long as the process
    return *simulation;
  }

  std::vector<const SimulatedKernel*> compile(std::span<const GpuRequest> requests) {
    std::lock_guard lock(mutex_);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context_));
    std::vector<SimulatedKernel*> fresh, all;
    for (const GpuRequest& request : requests) {
      auto [at, isNew] = kernels_.try_emplace(textOf(request));
      if (isNew) {
        at->second.spec =
            emitGpuKernel(*module, "simulated_" + std::to_string(kernels_.size()), request);
        fresh.push_back(&at->second);
      }
      all.push_back(&at->second);
    }
    if (!fresh.empty())
      link(*module, fresh);
    return {all.begin(), all.end()};
  }

private:
  Simulation() {
    prepareGpuContext(context_);
    jit_ = orThrow(llvm::orc::LLJITBuilder()
                       .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                       .setNumCompileThreads(0)
                       .create());
    llvm::orc::SymbolMap symbols;
    const auto add = [&](const char* name, auto function) {
      symbols[jit_->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                              llvm::JITSymbolFlags::Exported};
    };
    add("diptych_sim_thread", &diptych_sim_thread);
    add("diptych_sim_block", &diptych_sim_block);
    add("diptych_sim_barrier", &diptych_sim_barrier);
    add("diptych_sim_cluster_barrier", &diptych_sim_cluster_barrier);
    add("diptych_sim_shared", &diptych_sim_shared);
    add("diptych_sim_peer", &diptych_sim_peer);
    add("diptych_sim_shuffle_down", &diptych_sim_shuffle_down);
    add("diptych_sim_ballot", &diptych_sim_ballot);
    orThrow(jit_->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))));
  }

  void link(mlir::ModuleOp module, const std::vector<SimulatedKernel*>& fresh) {
    toSimulation(module);
    llvm::LLVMContext context;
    const auto translated = translate(module, context, target_);
    orThrow(jit_->addObjectFile(compileObject(*translated, target_.machine())));
    for (SimulatedKernel* kernel : fresh)
      for (const auto& launch : kernel->spec.launches)
        kernel->functions.push_back(
            orThrow(jit_->lookup(launch.name + "_simulated")).toPtr<SimulatedFn>());
  }

  std::mutex mutex_;
  Target target_{"native"};
  mlir::MLIRContext context_{mlir::MLIRContext::Threading::DISABLED};
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  std::map<std::string, SimulatedKernel> kernels_;
};

// Its only parameter is the kernel.
void runSimulated(void* const* args, const int64_t* params, int64_t, int64_t) {
  const auto& kernel = *reinterpret_cast<const SimulatedKernel*>(params[0]);
  runtime::cuda::simulate(kernel.spec, kernel.functions, args, {});
}

} // namespace

std::vector<const SimulatedKernel*> compileSimulated(std::span<const GpuRequest> requests) {
  return Simulation::instance().compile(requests);
}

std::shared_ptr<runtime::Program> assembleSimulated(const Schedule& schedule) {
  std::vector<GpuRequest> requests;
  appendRequests(schedule, requests);
  const auto kernels = compileSimulated(requests);
  auto next = kernels.begin();
  return assembleWith(schedule, [&](const ScheduledCall&, runtime::ProgramStep& step) {
    step.kernel = runSimulated;
    step.params = {reinterpret_cast<int64_t>(*next++)};
    step.range = step.grain = 1;
  });
}

} // namespace diptych::codegen::cuda
