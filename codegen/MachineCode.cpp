// LLVM IR to machine code. Kernels need few of LLVM's passes.
#include "codegen/MachineCode.h"

#include <diptych/Error.h>

#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::codegen {

namespace {

// What LLVM offers to move, merge, hoist or lay out stands where it should already: without these
// passes compiling takes a third less, and few kernels some percent more (docs/design.md).
const llvm::AnalysisID kSpared[] = {
    &llvm::DeadMachineInstructionElimID,
    &llvm::EarlyIfConverterLegacyID,
    &llvm::EarlyMachineLICMID,
    &llvm::EarlyTailDuplicateLegacyID,
    &llvm::MachineCombinerID,
    &llvm::MachineCopyPropagationID,
    &llvm::MachineCSELegacyID,
    &llvm::MachineLICMID,
    &llvm::MachineSchedulerID,
    &llvm::MachineSinkingLegacyID,
    &llvm::PeepholeOptimizerLegacyID,
    &llvm::ShrinkWrapID,
    &llvm::TailDuplicateLegacyID,
};

// And passes for what kernels do not have: garbage collection, exceptions, debug values, hooks.
const llvm::AnalysisID kWithoutWork[] = {
    &llvm::FEntryInserterID,
    &llvm::FixupStatepointCallerSavedID,
    &llvm::FuncletLayoutID,
    &llvm::GCMachineCodeAnalysisID,
    &llvm::LiveDebugValuesID,
    &llvm::MachineSanitizerBinaryMetadataID,
    &llvm::PatchableFunctionID,
    &llvm::RemoveLoadsIntoFakeUsesID,
    &llvm::RemoveRedundantDebugValuesID,
    &llvm::StackFrameLayoutAnalysisPassID,
    &llvm::StackMapLivenessID,
    &llvm::XRayInstrumentationID,
};

// The same for passes that are added without an ID: they ask the context whether to run.
class SparedByName : public llvm::OptPassGate {
public:
  bool isEnabled() const override { return true; }
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override {
    return !names_.contains(pass);
  }

private:
  const llvm::StringSet<> names_{"Canonicalize Freeze Instructions in Loops",
                                 "Loop Strength Reduction",
                                 "codegenprepare",
                                 "consthoist",
                                 "lrshrink",
                                 "x86-cmov-conversion",
                                 "x86-domain-reassignment",
                                 "x86-optimize-leas"};
};

// What TargetMachine::addPassesToEmitFile adds, without the second scheduler, whose order an
// out-of-order CPU finds itself, and for kernels without what they do not need.
void addPasses(llvm::legacy::PassManager& passes, llvm::TargetMachine& machine,
               llvm::raw_pwrite_stream& stream, llvm::CodeGenFileType type, MachinePasses which) {
  llvm::TargetPassConfig* config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  config->disablePass(&llvm::PostRASchedulerID);
  if (which == MachinePasses::forKernels) {
    for (llvm::AnalysisID pass : kSpared)
      config->disablePass(pass);
    for (llvm::AnalysisID pass : kWithoutWork)
      config->disablePass(pass);
  }
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

} // namespace

llvm::SmallVector<char, 0> machineCode(llvm::Module& module, llvm::TargetMachine& machine,
                                       llvm::CodeGenFileType type, MachinePasses which) {
  static SparedByName spared;
  llvm::OptPassGate& before = module.getContext().getOptPassGate();
  if (which == MachinePasses::forKernels)
    module.getContext().setOptPassGate(spared);
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  passes.add(new llvm::TargetLibraryInfoWrapperPass(
      llvm::TargetLibraryInfoImpl(module.getTargetTriple())));
  addPasses(passes, machine, stream, type, which);
  passes.run(module);
  module.getContext().setOptPassGate(before);
  return code;
}

} // namespace diptych::codegen
