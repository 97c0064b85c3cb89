// The CPU, and LLVM's part of the pipeline: translate, early-cse, machine code.
#include "codegen/Target.h"

#include "codegen/Ldexp.h"
#include "codegen/MachineCode.h"
#include "codegen/RegisterVectors.h"
#include "codegen/Translate.h"

#include <diptych/Error.h>

#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"

#include <chrono>
#include <mutex>

namespace diptych::codegen {

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const llvm::Target& targetOf(const std::string& triple) {
  static std::once_flag native, all;
  if (triple == llvm::sys::getProcessTriple())
    std::call_once(native, [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
      llvm::InitializeNativeTargetAsmParser();
    });
  else
    std::call_once(all, [] {
      llvm::InitializeAllTargetInfos();
      llvm::InitializeAllTargets();
      llvm::InitializeAllTargetMCs();
      llvm::InitializeAllAsmPrinters();
      llvm::InitializeAllAsmParsers();
    });
  std::string message;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(llvm::Triple(triple), message);
  if (!target)
    throw Error("LLVM has no code generator for " + triple + ": " + message);
  return *target;
}

std::unique_ptr<llvm::TargetMachine> makeMachine(const std::string& triple, const std::string& cpu,
                                                 const std::string& features) {
  llvm::TargetOptions options;
  // Only operations that carry the `contract` flag may fuse: the numerics mode decides, not LLVM.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  // Kernels call nothing and lie beside their constants: the small code model suffices, also for
  // jit (whose default, the large one, loads every constant's address with a 10-byte move).
  return std::unique_ptr<llvm::TargetMachine>(targetOf(triple).createTargetMachine(
      llvm::Triple(triple), cpu, features, options, llvm::Reloc::PIC_, llvm::CodeModel::Small,
      llvm::CodeGenOptLevel::Default));
}

int registerBytes(const llvm::TargetMachine& machine) {
  const llvm::MCSubtargetInfo& info = *machine.getMCSubtargetInfo();
  if (!machine.getTargetTriple().isX86())
    return 16;
  return info.checkFeatures("+avx512f") ? 64 : info.checkFeatures("+avx2") ? 32 : 16;
}

} // namespace

Target::Target(const std::string& cpu) : triple_(llvm::sys::getProcessTriple()), cpu_(cpu) {
  const llvm::Triple host(triple_);
  if (cpu == "native") {
    cpu_ = llvm::sys::getHostCPUName().str();
    llvm::SubtargetFeatures features;
    for (const auto& feature : llvm::sys::getHostCPUFeatures())
      features.AddFeature(feature.first(), feature.second);
    features_ = features.getString();
  } else if (cpu == "aarch64") {
    cpu_ = "generic";
    triple_ = host.isAArch64() ? triple_ : "aarch64-unknown-linux-gnu";
  } else if (cpu.starts_with("x86-64") && !host.isX86()) {
    triple_ = "x86_64-unknown-linux-gnu";
  }
  // Asked without the CPU: LLVM prints what it thinks of an unknown one.
  const std::unique_ptr<llvm::MCSubtargetInfo> known(
      targetOf(triple_).createMCSubtargetInfo(llvm::Triple(triple_), "", ""));
  if (!known->isCPUStringValid(cpu_))
    throw Error("expected a CPU that LLVM knows, got '" + cpu +
                "'; try native, x86-64-v3, x86-64-v4 or aarch64");
  vectorBytes_ = registerBytes(machine());
}

Target::~Target() = default;

llvm::TargetMachine& Target::machine(size_t worker) const {
  while (machines_.size() <= worker)
    machines_.push_back(makeMachine(triple_, cpu_, features_));
  return *machines_[worker];
}

void prepareContext(mlir::MLIRContext& context) {
  mlir::DialectRegistry registry;
  registerKernelTranslation(registry);
  context.appendDialectRegistry(registry);
}

static std::unique_ptr<llvm::Module> translate(mlir::ModuleOp module, llvm::LLVMContext& context,
                                               const llvm::TargetMachine& machine) {
  auto translated = mlir::translateModuleToLLVMIR(module, context, "kernels",
                                                  /*disableVerification=*/true);
  if (!translated)
    throw Error("internal: kernels do not translate to LLVM IR");
  translated->setDataLayout(machine.createDataLayout());
  translated->setTargetTriple(machine.getTargetTriple());
  return translated;
}

void runPasses(llvm::Module& module, llvm::TargetMachine* machine,
               llvm::function_ref<llvm::ModulePassManager(llvm::PassBuilder&)> pipeline) {
  llvm::PassBuilder builder(machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  pipeline(builder).run(module, modules);
}

// Kernels come out of the emitter vectorised and hoisted; early-cse cleans addresses. The default
// O2 pipeline costs ten times as much and gains under 3 %.
static void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  runPasses(module, &machine, [](llvm::PassBuilder& builder) {
    llvm::ModulePassManager pipeline;
    if (llvm::Error error = builder.parsePassPipeline(pipeline, "function(early-cse)"))
      throw Error("internal: " + llvm::toString(std::move(error)));
    return pipeline;
  });
}

static llvm::SmallVector<char, 0> cleanCode(llvm::Module& module, llvm::TargetMachine& machine,
                                            llvm::CodeGenFileType type, MachinePasses passes) {
  optimize(module, machine);
  if (passes == MachinePasses::forKernels)
    for (llvm::Function& function : module)
      if (!function.isDeclaration())
        cutVectors(function, registerBytes(machine));
  expandLdexp(module, machine);
  return machineCode(module, machine, type, passes);
}

std::unique_ptr<llvm::MemoryBuffer> compileObject(llvm::Module& module,
                                                  llvm::TargetMachine& machine) {
  return std::make_unique<llvm::SmallVectorMemoryBuffer>(
      cleanCode(module, machine, llvm::CodeGenFileType::ObjectFile, MachinePasses::forKernels),
      "kernels", /*RequiresNullTerminator=*/false);
}

std::unique_ptr<llvm::MemoryBuffer>
compileObject(mlir::ModuleOp module, llvm::TargetMachine& machine, CodegenTimes& times) {
  const double start = seconds();
  expandBfloat(module);
  const double expanded = seconds();
  llvm::LLVMContext context;
  const auto translated = translate(module, context, machine);
  // Kernels call nothing, so nobody unwinds through them, and they need no tables for that.
  for (llvm::Function& function : *translated)
    function.setDoesNotThrow();
  const double begun = seconds();
  auto object = compileObject(*translated, machine);
  times.lower += expanded - start;
  times.translate += begun - expanded;
  times.codegen += seconds() - begun;
  return object;
}

std::unique_ptr<llvm::Module> translate(mlir::ModuleOp module, llvm::LLVMContext& context,
                                        const Target& target) {
  expandBfloat(module);
  return translate(module, context, target.machine());
}

std::string printLLVM(mlir::ModuleOp module, const Target& target) {
  llvm::LLVMContext context;
  std::string text;
  llvm::raw_string_ostream stream(text);
  translate(module, context, target)->print(stream, nullptr);
  return text;
}

std::string machineCode(llvm::Module& module, const Target& target, bool assembly) {
  const auto code =
      cleanCode(module, target.machine(),
                assembly ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile,
                MachinePasses::all);
  return {code.begin(), code.end()};
}

std::string printAssembly(mlir::ModuleOp module, const Target& target) {
  llvm::LLVMContext context;
  const auto code = cleanCode(*translate(module, context, target), target.machine(),
                              llvm::CodeGenFileType::AssemblyFile, MachinePasses::forKernels);
  return {code.begin(), code.end()};
}

} // namespace diptych::codegen
