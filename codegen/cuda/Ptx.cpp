// LLVM's part for NVPTX: translate, optimise, print.
#include "codegen/cuda/GpuModule.h"

#include "codegen/Ldexp.h"
#include "codegen/Target.h"
#include "codegen/Translate.h"

#include <diptych/Error.h>

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

#include <charconv>
#include <mutex>

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

namespace diptych::codegen::cuda {

void registerGpuDialects(mlir::DialectRegistry& registry) {
  registry.insert<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                  mlir::scf::SCFDialect, mlir::vector::VectorDialect, mlir::LLVM::LLVMDialect,
                  mlir::NVVM::NVVMDialect>();
  registerKernelTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
}

void prepareGpuContext(mlir::MLIRContext& context) {
  mlir::DialectRegistry registry;
  registerGpuDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

namespace {

const char* const kTriple = "nvptx64-nvidia-cuda";

// The oldest version of PTX that knows the architecture and what we ask of it.
std::string featuresFor(const std::string& architecture) {
  int number = 0;
  if (architecture.starts_with("sm_"))
    std::from_chars(architecture.data() + 3, architecture.data() + architecture.size(), number);
  if (number < 80)
    throw Error("expected a GPU architecture from sm_80 on, got '" + architecture + "'");
  return number < 100 ? "+ptx80" : number < 120 ? "+ptx86" : "+ptx87";
}

std::unique_ptr<llvm::TargetMachine> makeMachine(const std::string& architecture) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  std::string message;
  const llvm::Triple triple(kTriple);
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!target)
    throw Error("this LLVM has no code generator for CUDA: " + message);
  llvm::TargetOptions options;
  // Only operations that carry the `contract` flag may fuse, as on the CPU; the others are written
  // with an explicit rounding, which keeps ptxas from fusing them.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, architecture, featuresFor(architecture), options,
                                  std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine->getMCSubtargetInfo()->isCPUStringValid(architecture))
    throw Error("expected a GPU architecture that LLVM knows, got '" + architecture + "'");
  return machine;
}

// Unlike on the CPU, where kernels come out of the emitter as they should be: a thread's code is
// scalar, and unrolling gives its loads something to overlap with.
void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  runPasses(module, &machine, [](llvm::PassBuilder& builder) {
    return builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2);
  });
}

// What the emitter wrote beside its functions, as LLVM wants it of kernels.
void markKernels(mlir::ModuleOp module, llvm::Module& translated) {
  for (auto function : module.getOps<mlir::func::FuncOp>())
    if (auto threads = function->getAttrOfType<mlir::IntegerAttr>(kThreadsAttr)) {
      llvm::Function& kernel = *translated.getFunction(function.getName());
      kernel.setCallingConv(llvm::CallingConv::PTX_Kernel);
      kernel.addFnAttr("nvvm.reqntid", llvm::itostr(threads.getInt()));
      if (auto blocks = function->getAttrOfType<mlir::IntegerAttr>(kClusterAttr))
        kernel.addFnAttr("nvvm.cluster_dim", llvm::itostr(blocks.getInt()));
    }
}

} // namespace

std::string ptxOf(mlir::ModuleOp module, const std::string& architecture) {
  const auto machine = makeMachine(architecture);
  llvm::LLVMContext context;
  auto translated = mlir::translateModuleToLLVMIR(module, context, "kernels",
                                                  /*disableVerification=*/true);
  if (!translated)
    throw Error("internal: GPU kernels do not translate to LLVM IR");
  markKernels(module, *translated);
  translated->setDataLayout(machine->createDataLayout());
  translated->setTargetTriple(machine->getTargetTriple());
  expandLdexp(*translated, *machine);
  optimize(*translated, *machine);
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  passes.add(new llvm::TargetLibraryInfoWrapperPass(
      llvm::TargetLibraryInfoImpl(translated->getTargetTriple())));
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile,
                                   /*DisableVerify=*/true))
    throw Error("internal: no PTX can be printed");
  passes.run(*translated);
  return std::string(code.begin(), code.end());
}

} // namespace diptych::codegen::cuda
