// diptych-emit-gpu: what the GPU would run, as MLIR; diptych-emit-ptx: as PTX. Neither needs a GPU.
#include "tools/diptych-opt/EmitKernels.h"

#include "codegen/cuda/GpuCompiler.h"
#include "codegen/cuda/GpuModule.h"

#include "mlir/Pass/Pass.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

namespace diptych {

namespace {

// How a kernel is launched, as a comment in the PTX.
std::string launchText(const runtime::cuda::LaunchSpec& spec) {
  std::string text;
  for (const auto& launch : spec.launches)
    text += "// launch " + launch.name + " grid " + std::to_string(launch.grid.of({})) + " block " +
            std::to_string(launch.block) + (launch.cooperative ? " cooperative" : "") +
            (launch.sharedBytes ? " shared " + std::to_string(launch.sharedBytes) : "") +
            (launch.cluster > 1 ? " cluster " + std::to_string(launch.cluster) : "") + "\n";
  if (spec.takesScratch())
    text += "// scratch " + std::to_string(spec.scratchBytes({})) + "\n";
  return text;
}

template <class Pass>
struct OnFunctions : mlir::PassWrapper<Pass, mlir::OperationPass<mlir::ModuleOp>> {
  using Base = mlir::PassWrapper<Pass, mlir::OperationPass<mlir::ModuleOp>>;
  OnFunctions() = default;
  OnFunctions(const OnFunctions& other) : Base(other) {}

  void getDependentDialects(mlir::DialectRegistry& registry) const override {
    codegen::cuda::registerGpuDialects(registry);
  }

  /// Replaces every function by its kernels, each once: @f_0, @f_1, ...; gives their launches.
  std::string emit(int capability) {
    mlir::ModuleOp module = this->getOperation();
    std::string launches;
    const llvm::SmallVector<mlir::func::FuncOp> functions(module.getOps<mlir::func::FuncOp>());
    for (mlir::func::FuncOp function : functions) {
      const codegen::Schedule schedule =
          codegen::schedule(function, codegen::cuda::gpuScheduleOptions(contract, capability));
      std::vector<codegen::cuda::GpuRequest> requests;
      codegen::cuda::appendRequests(schedule, requests);
      std::set<std::string> seen;
      for (const auto& request : requests)
        if (seen.insert(codegen::cuda::textOf(request)).second)
          launches += launchText(codegen::cuda::emitGpuKernel(
              module, function.getName().str() + "_" + std::to_string(seen.size() - 1), request));
      function.erase();
    }
    return launches;
  }

  mlir::Pass::Option<bool> contract{
      *this, "contract", llvm::cl::init(false),
      llvm::cl::desc("Numerics `standard`: a*b+c may become one fma")};
};

struct EmitGpu : OnFunctions<EmitGpu> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitGpu)
  llvm::StringRef getArgument() const override { return "diptych-emit-gpu"; }
  llvm::StringRef getDescription() const override {
    return "Replace fused functions by the GPU kernels they launch: @f_0, @f_1, ...";
  }
  void runOnOperation() override { emit(90); }
};

struct EmitPtx : OnFunctions<EmitPtx> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitPtx)
  EmitPtx() = default;
  EmitPtx(const EmitPtx& other) : OnFunctions<EmitPtx>(other) {}
  llvm::StringRef getArgument() const override { return "diptych-emit-ptx"; }
  llvm::StringRef getDescription() const override {
    return "Write the PTX of the GPU kernels of fused functions; nothing is left of the module";
  }

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    const std::string launches = emit(codegen::cuda::capabilityOf(architecture));
    const std::string ptx = codegen::cuda::ptxOf(module, architecture);
    module.getBody()->clear();
    std::error_code error;
    llvm::raw_fd_ostream file(output, error);
    if (error)
      throw Error("cannot write " + output + ": " + error.message());
    file << ptx << launches;
  }

  Option<std::string> architecture{*this, "arch", llvm::cl::init("sm_90"),
                                   llvm::cl::desc("sm_80, sm_90, sm_100, ...")};
  Option<std::string> output{*this, "output", llvm::cl::init("-"),
                             llvm::cl::desc("File to write; - is the standard output")};
};

} // namespace

void registerEmitPtx() {
  mlir::PassRegistration<EmitGpu>();
  mlir::PassRegistration<EmitPtx>();
}

} // namespace diptych
