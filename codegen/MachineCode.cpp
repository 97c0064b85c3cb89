// LLVM IR to machine code. Kernels need few of LLVM's passes.
#include "codegen/MachineCode.h"

#include <diptych/Error.h>

#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Pass.h"
#include "llvm/Target/TargetMachine.h"

namespace diptych::codegen {

namespace {

// What LLVM offers to move, merge, hoist or lay out stands where it should already: without these
// passes compiling takes a third less, and few kernels some percent more (docs/design.md).
constexpr llvm::StringLiteral kSpared[] = {
    "Canonicalize Freeze Instructions in Loops",
    "CodeGen Prepare",
    "Constant Hoisting",
    "Early If-Conversion",
    "Early Machine Loop Invariant Code Motion",
    "Early Tail Duplication",
    "Live Range Shrink",
    "Loop Strength Reduction",
    "Machine Common Subexpression Elimination",
    "Machine Copy Propagation Pass",
    "Machine InstCombiner",
    "Machine Instruction Scheduler",
    "Machine Late Instructions Cleanup Pass",
    "Machine Loop Invariant Code Motion",
    "Machine code sinking",
    "Peephole Optimizations",
    "Remove dead machine instructions",
    "Shrink Wrapping analysis",
    "Tail Duplication",
    "X86 Byte/Word Instruction Fixup",
    "X86 Domain Reassignment Pass",
    "X86 Execution Dependency Fix",
    "X86 Fixup SetCC",
    "X86 LEA Optimize",
    "X86 cmov Conversion",
};

// And passes for what kernels do not have: calls of C, atomics, exceptions, garbage collection,
// debug values, hooks, x87, AMX tiles, defences against other tenants of the CPU; and those that
// leave every byte of the eager kernels as it is.
constexpr llvm::StringLiteral kWithoutWork[] = {
    "Analyze Machine Code For Garbage Collection",
    "Argument Stack Rebase",
    "Check CFA info and insert CFI instructions if needed",
    "Contiguously Lay Out Funclets",
    "Detect Dead Lanes",
    "Exception handling preparation",
    "Expand Atomic instructions",
    "Expand indirectbr instructions",
    "Expand IR instructions",
    "Expand memcmp() to load/stores",
    "Fixup Statepoint Caller Saved",
    "Implement the 'patchable-function' attribute",
    "Insert fentry calls",
    "Insert KCFI indirect call checks",
    "Insert stack protectors",
    "Insert XRay ops",
    "Instrument function entry/exit with calls to e.g. mcount() (post inlining)",
    "Interleaved Access Pass",
    "Live DEBUG_VALUE analysis",
    "Local Dynamic TLS Access Clean-up",
    "Local Stack Slot Allocation",
    "Lower AMX intrinsics",
    "Lower AMX type for load/store",
    "Lower Garbage Collection Instructions",
    "Machine Sanitizer Binary Metadata",
    "Merge contiguous icmps into a memcmp",
    "Merge disjoint stack slots",
    "ObjC ARC contraction",
    "Optimize machine instruction PHIs",
    "Partially inline calls to library functions",
    "PostRA Machine Sink",
    "Pre-ISel Intrinsic Lowering",
    "Prepare callbr",
    "Pseudo Probe Inserter",
    "Register Allocation Pass Scoring",
    "Remove Loads Into Fake Uses",
    "Remove Redundant DEBUG_VALUE analysis",
    "Remove unreachable blocks from the CFG",
    "Rename Disconnected Subregister Components",
    "Replace intrinsics with calls to vector library",
    "Safe Stack instrumentation pass",
    "Shadow Stack GC Lowering",
    "Stack Frame Layout Analysis",
    "StackMap Liveness Analysis",
    "Tile Register Configure",
    "Tile Register Pre-configure",
    "Unpack machine instruction bundles",
    "X86 Atom pad short functions",
    "X86 Avoid Store Forwarding Blocks",
    "X86 DynAlloca Expander",
    "X86 FP Stackifier",
    "X86 Indirect Branch Tracking",
    "X86 Indirect Thunks",
    "X86 insert wait instruction",
    "X86 Load Value Injection (LVI) Load Hardening",
    "X86 Load Value Injection (LVI) Ret-Hardening",
    "X86 Lower Tile Copy",
    "X86 Optimize Call Frame",
    "X86 Partial Reduction",
    "X86 PIC Global Base Reg Initialization",
    "X86 Return Thunks",
    "X86 Speculative Execution Side Effect Suppression",
    "X86 speculative load hardening",
    "X86 Suppress APX features for relocation",
};

// Kernels go from here to the next such pass together: all of them through selection, then through
// the allocation of registers, then to their end. One at a time each would push LLVM's own code,
// megabytes of it, out of the caches for the next.
constexpr llvm::StringLiteral kFirstOfStage[] = {
    "Finalize ISel and expand pseudo-instructions",
    "Prologue/Epilogue Insertion & Frame Finalization",
};

// A pass over the module ends what is done to each function by itself.
struct StageEnd : llvm::ModulePass {
  static char id;
  StageEnd() : ModulePass(id) {}
  bool runOnModule(llvm::Module&) override { return false; }
  void getAnalysisUsage(llvm::AnalysisUsage& usage) const override { usage.setPreservesAll(); }
};
char StageEnd::id = 0;

// Takes the passes that LLVM would add and leaves some out: then also what they alone would have
// analysed is not.
class Selected : public llvm::legacy::PassManagerBase {
public:
  Selected(llvm::legacy::PassManager& passes, MachinePasses which) : passes_(passes) {
    if (which == MachinePasses::all)
      return;
    out_.insert_range(kSpared);
    out_.insert_range(kWithoutWork);
    stages_.insert_range(kFirstOfStage);
  }

  void add(llvm::Pass* pass) override {
    if (out_.contains(pass->getPassName()))
      return delete pass;
    if (stages_.contains(pass->getPassName()))
      passes_.add(new StageEnd());
    passes_.add(pass);
  }

private:
  llvm::legacy::PassManager& passes_;
  llvm::StringSet<> out_, stages_;
};

// What TargetMachine::addPassesToEmitFile adds, without the second scheduler, whose order an
// out-of-order CPU finds itself.
void addPasses(llvm::legacy::PassManagerBase& passes, llvm::TargetMachine& machine,
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

bool isVectorFma(const llvm::Instruction& line) {
  auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&line);
  return call && call->getIntrinsicID() == llvm::Intrinsic::fma && call->getType()->isVectorTy();
}

// Each time that selection looks at a vector fma it looks for the negative of every constant in it,
// and makes that anew; and an entry of LLVM's own pool is made element by element. So what fmas
// have, but zero, stands in a table of the module's, a whole register each, to be read in place.
class ConstantTable {
public:
  explicit ConstantTable(llvm::Module& module) : module_(module), b_(module.getContext()) {}

  void use() {
    for (llvm::Function& function : module_) {
      inFront_.clear();
      for (llvm::BasicBlock& block : function)
        use(block);
    }
  }

private:
  // Sums and products share what is loaded.
  void use(llvm::BasicBlock& block) {
    llvm::DenseMap<llvm::Value*, llvm::Value*> loads;
    for (llvm::Instruction& line : block)
      if (isVectorFma(line))
        for (llvm::Value* operand : line.operands())
          if (auto* constant = llvm::dyn_cast<llvm::ConstantData>(operand);
              constant && !constant->isNullValue())
            loads[constant] = nullptr;
    for (llvm::Instruction& line : block)
      if (isVectorFma(line) || llvm::isa<llvm::BinaryOperator>(line))
        for (llvm::Use& operand : line.operands())
          if (const auto found = loads.find(operand); found != loads.end()) {
            if (!found->second)
              found->second = loadOf(llvm::cast<llvm::Constant>(operand), line);
            operand.set(found->second);
          }
  }

  // As many as leave most registers to sums and temporaries are loaded in front of all loops: to
  // load them in every turn costs Zen 4 up to a sixth of an exponential's time.
  llvm::Value* loadOf(llvm::Constant* constant, llvm::Instruction& line) {
    constexpr size_t kInFront = 8;
    if (const auto found = inFront_.find(constant); found != inFront_.end())
      return found->second;
    llvm::BasicBlock& entry = line.getFunction()->getEntryBlock();
    const bool hasRegisters = constant->getType()->getPrimitiveSizeInBits() == 512;
    if (!hasRegisters || line.getParent() == &entry || inFront_.size() == kInFront)
      return load(constant, line);
    return inFront_[constant] = load(constant, *entry.getTerminator());
  }

  llvm::Value* load(llvm::Constant* constant, llvm::Instruction& before) {
    llvm::GlobalVariable*& place = places_[constant];
    if (!place)
      place = new llvm::GlobalVariable(module_, constant->getType(), /*isConstant=*/true,
                                       llvm::GlobalValue::PrivateLinkage, constant);
    b_.SetInsertPoint(&before);
    llvm::LoadInst* made = b_.CreateLoad(constant->getType(), place);
    // In no order with the stores of kernels.
    made->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(b_.getContext(), {}));
    return made;
  }

  llvm::Module& module_;
  llvm::IRBuilder<> b_;
  llvm::DenseMap<llvm::Constant*, llvm::GlobalVariable*> places_;
  llvm::DenseMap<llvm::Constant*, llvm::Value*> inFront_; // of the function at hand
};

} // namespace

llvm::SmallVector<char, 0> machineCode(llvm::Module& module, llvm::TargetMachine& machine,
                                       llvm::CodeGenFileType type, MachinePasses which) {
  if (which == MachinePasses::forKernels)
    ConstantTable(module).use();
  llvm::SmallVector<char, 0> code;
  llvm::raw_svector_ostream stream(code);
  llvm::legacy::PassManager passes;
  Selected selected(passes, which);
  selected.add(new llvm::TargetLibraryInfoWrapperPass(
      llvm::TargetLibraryInfoImpl(module.getTargetTriple())));
  addPasses(selected, machine, stream, type);
  passes.run(module);
  return code;
}

} // namespace diptych::codegen
