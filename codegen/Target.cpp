// The CPU, and LLVM's part of the pipeline: translate, early-cse, machine code.
#include "codegen/Target.h"

#include <diptych/Error.h>

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LegacyPassManager.h"
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
#include <exception>
#include <mutex>
#include <thread>

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
  const llvm::TargetMachine& probe = machine();
  const llvm::MCSubtargetInfo& info = *probe.getMCSubtargetInfo();
  if (probe.getTargetTriple().isX86())
    vectorBytes_ = info.checkFeatures("+avx512f") ? 64 : info.checkFeatures("+avx2") ? 32 : 16;
}

Target::~Target() = default;

llvm::TargetMachine& Target::machine(size_t worker) const {
  while (machines_.size() <= worker)
    machines_.push_back(makeMachine(triple_, cpu_, features_));
  return *machines_[worker];
}

void prepareContext(mlir::MLIRContext& context) {
  mlir::registerBuiltinDialectTranslation(context);
  mlir::registerLLVMDialectTranslation(context);
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

// What TargetMachine::addPassesToEmitFile adds, without the second scheduler: a tenth of the time,
// for an order that an out-of-order CPU finds itself.
static void addMachinePasses(llvm::legacy::PassManager& passes, llvm::TargetMachine& machine,
                             llvm::raw_pwrite_stream& stream, llvm::CodeGenFileType type) {
  llvm::TargetPassConfig* config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  config->disablePass(&llvm::PostRASchedulerID);
  auto* functions = new llvm::MachineModuleInfoWrapperPass(&machine);
  passes.add(config);
  passes.add(functions);
  bool failed = config->addISelPasses();
  if (!failed) {
    config->addMachinePasses();
    config->setInitialized();
    failed = machine.addAsmPrinter(passes, stream, nullptr, type, functions->getMMI().getContext());
  }
  if (failed)
    throw Error("internal: no machine code can be emitted for this target");
  passes.add(llvm::createFreeMachineFunctionPass());
}

static llvm::SmallVector<char, 0> machineCode(llvm::Module& module, llvm::TargetMachine& machine,
                                              llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  passes.add(new llvm::TargetLibraryInfoWrapperPass(
      llvm::TargetLibraryInfoImpl(module.getTargetTriple())));
  addMachinePasses(passes, machine, stream, type);
  passes.run(module);
  return code;
}

namespace {
// One thread's share of the kernels; LLVM contexts are not shared.
struct Part {
  mlir::OwningOpRef<mlir::ModuleOp> source;
  std::unique_ptr<llvm::LLVMContext> context = std::make_unique<llvm::LLVMContext>();
  llvm::TargetMachine* machine = nullptr;
  std::unique_ptr<llvm::Module> module;
  std::unique_ptr<llvm::MemoryBuffer> object;
  std::exception_ptr failure;

  void run() {
    try {
      optimize(*module, *machine);
      object = std::make_unique<llvm::SmallVectorMemoryBuffer>(
          machineCode(*module, *machine, llvm::CodeGenFileType::ObjectFile), "kernels",
          /*RequiresNullTerminator=*/false);
    } catch (...) {
      failure = std::current_exception();
    }
  }
};
} // namespace

std::vector<std::unique_ptr<llvm::MemoryBuffer>>
compileObjects(mlir::ModuleOp module, const Target& target, int threads, CodegenTimes& times) {
  const double start = seconds();
  std::vector<mlir::Operation*> functions;
  for (mlir::Operation& op : *module.getBody())
    functions.push_back(&op);
  const size_t count =
      std::max<size_t>(1, std::min<size_t>(static_cast<size_t>(threads), functions.size()));
  std::vector<Part> parts(count);
  for (size_t i = 0; i < count; ++i) {
    parts[i].source = mlir::ModuleOp::create(module.getLoc());
    parts[i].machine = &target.machine(i);
  }
  for (size_t i = 0; i < functions.size(); ++i) {
    functions[i]->remove();
    parts[i % count].source->getBody()->push_back(functions[i]);
  }
  for (Part& part : parts)
    part.module = translate(*part.source, *part.context, *part.machine);
  const double translated = seconds();
  std::vector<std::thread> workers;
  for (size_t i = 1; i < count; ++i)
    workers.emplace_back([&parts, i] { parts[i].run(); });
  parts[0].run();
  for (std::thread& worker : workers)
    worker.join();
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> objects;
  for (Part& part : parts) {
    if (part.failure)
      std::rethrow_exception(part.failure);
    objects.push_back(std::move(part.object));
  }
  times.translate += translated - start;
  times.codegen += seconds() - translated;
  return objects;
}

std::string printLLVM(mlir::ModuleOp lowered, const Target& target) {
  llvm::LLVMContext context;
  llvm::TargetMachine& machine = target.machine();
  std::string text;
  llvm::raw_string_ostream stream(text);
  translate(lowered, context, machine)->print(stream, nullptr);
  return text;
}

std::unique_ptr<llvm::Module> translate(mlir::ModuleOp lowered, llvm::LLVMContext& context,
                                        const Target& target) {
  return translate(lowered, context, target.machine());
}

std::string machineCode(llvm::Module& module, const Target& target, bool assembly) {
  llvm::TargetMachine& machine = target.machine();
  optimize(module, machine);
  const auto code = machineCode(module, machine,
                                assembly ? llvm::CodeGenFileType::AssemblyFile
                                         : llvm::CodeGenFileType::ObjectFile);
  return {code.begin(), code.end()};
}

std::string printAssembly(mlir::ModuleOp lowered, const Target& target) {
  llvm::LLVMContext context;
  return machineCode(*translate(lowered, context, target), target, true);
}

} // namespace diptych::codegen
