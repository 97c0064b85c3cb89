// Bitcode becomes part of an artefact's module: what is not called goes, what was a global variable
// becomes a parameter or a constant, and every name its own.
#include "aot/LibraryCode.h"

#include "aot/LibraryBitcode.h"
#include "codegen/Target.h"
#include "runtime/library/kernels/Caches.h"

#include <diptych/Error.h>

#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Intrinsics.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

#include <map>
#include <set>

namespace diptych::aot {

namespace {

constexpr llvm::StringLiteral kPrefix = "diptych_kernel_", kScratch = "diptych_scratch";

[[noreturn]] void broken(const std::string& what) { throw Error("internal: library code " + what); }

std::unique_ptr<llvm::Module> parse(std::string_view bitcode, llvm::LLVMContext& context,
                                    bool lazily) {
  const llvm::MemoryBufferRef buffer({bitcode.data(), bitcode.size()}, "library");
  auto module = lazily ? llvm::getLazyBitcodeModule(buffer, context)
                       : llvm::parseBitcodeFile(buffer, context);
  if (!module)
    broken("cannot be read: " + llvm::toString(module.takeError()));
  return std::move(*module);
}

void runPasses(llvm::Module& module, const char* text) {
  codegen::runPasses(module, nullptr, [text](llvm::PassBuilder& builder) {
    llvm::ModulePassManager pipeline;
    if (llvm::Error error = builder.parsePassPipeline(pipeline, text))
      broken(llvm::toString(std::move(error)));
    return pipeline;
  });
}

/// Makes diptych_scratch a parameter of every function that needs it, the last one. A kernel
/// stores the address of its own there first.
class ScratchParameter {
public:
  explicit ScratchParameter(llvm::Module& module) : global_(module.getGlobalVariable(kScratch)) {
    if (!global_)
      return;
    for (llvm::User* user : global_->users())
      if (auto* instruction = llvm::dyn_cast<llvm::Instruction>(user))
        need(*instruction->getFunction());
      else
        broken("takes the address of its scratch");
    for (auto& [function, scratch] : scratch_)
      scratch = isKernel(*function) ? ownOf(*function) : extended(*function);
    for (const auto& [function, scratch] : scratch_)
      replaceCalls(*function);
    while (!global_->use_empty())
      replaceAccess(*llvm::cast<llvm::Instruction>(global_->user_back()));
    for (const auto& [function, scratch] : scratch_)
      if (!isKernel(*function))
        function->eraseFromParent();
    global_->eraseFromParent();
  }

private:
  static bool isKernel(const llvm::Function& function) {
    return function.getName().starts_with(kPrefix);
  }

  void need(llvm::Function& function) {
    if (!scratch_.emplace(&function, nullptr).second || isKernel(function))
      return;
    for (llvm::User* user : function.users()) {
      auto* call = llvm::dyn_cast<llvm::CallInst>(user);
      if (!call || call->getCalledOperand() != &function)
        broken("takes the address of " + function.getName().str());
      need(*call->getFunction());
    }
  }

  llvm::Value* ownOf(llvm::Function& kernel) {
    for (llvm::User* user : global_->users())
      if (auto* store = llvm::dyn_cast<llvm::StoreInst>(user))
        if (store->getFunction() == &kernel)
          return store->getValueOperand();
    broken("has no scratch in " + kernel.getName().str());
  }

  /// The function's body moves to one with a parameter more.
  llvm::Value* extended(llvm::Function& function) {
    std::vector<llvm::Type*> parameters(function.getFunctionType()->params());
    parameters.push_back(global_->getType());
    auto* type = llvm::FunctionType::get(function.getReturnType(), parameters, false);
    auto* made = llvm::Function::Create(type, function.getLinkage(), "", function.getParent());
    made->copyAttributesFrom(&function);
    made->removeFnAttr(llvm::Attribute::Memory); // what was of a global is now of an argument
    made->takeName(&function);
    made->splice(made->begin(), &function);
    for (llvm::Argument& argument : function.args())
      argument.replaceAllUsesWith(made->getArg(argument.getArgNo()));
    extended_[&function] = made;
    return made->getArg(made->arg_size() - 1);
  }

  llvm::Value* scratchIn(llvm::Function& function) {
    for (const auto& [original, scratch] : scratch_) // few
      if (original == &function || extended_[original] == &function)
        return scratch;
    broken("has no scratch in " + function.getName().str());
  }

  void replaceCalls(llvm::Function& function) {
    while (!function.use_empty()) {
      auto* call = llvm::cast<llvm::CallInst>(function.user_back());
      std::vector<llvm::Value*> arguments(call->arg_begin(), call->arg_end());
      arguments.push_back(scratchIn(*call->getFunction()));
      auto* made =
          llvm::CallInst::Create(extended_.at(&function), arguments, "", call->getIterator());
      made->setCallingConv(call->getCallingConv());
      made->setAttributes(call->getAttributes());
      made->removeFnAttr(llvm::Attribute::Memory);
      made->copyMetadata(*call);
      made->takeName(call);
      call->replaceAllUsesWith(made);
      call->eraseFromParent();
    }
  }

  void replaceAccess(llvm::Instruction& access) {
    if (access.getType() == global_->getType())
      access.replaceAllUsesWith(scratchIn(*access.getFunction()));
    access.eraseFromParent();
  }

  llvm::GlobalVariable* global_;
  std::map<llvm::Function*, llvm::Value*> scratch_; // by what was there before
  std::map<llvm::Function*, llvm::Function*> extended_;
};

/// Eigen asks the CPU for its caches once and keeps the answer in a variable: a constant here.
void fixCaches(llvm::Module& module) {
  for (llvm::GlobalVariable& global : module.globals()) {
    if (!global.getName().contains("manage_caching_sizes") || global.isConstant())
      continue;
    auto* type = global.getValueType();
    if (global.getName().starts_with("_ZGV")) { // whether it has asked
      global.setInitializer(llvm::ConstantInt::get(type, 1));
    } else {
      std::vector<llvm::Constant*> sizes;
      for (const int64_t bytes : runtime::kernels::kCaches)
        sizes.push_back(llvm::ConstantInt::get(llvm::Type::getInt64Ty(module.getContext()),
                                               static_cast<uint64_t>(bytes)));
      global.setInitializer(llvm::ConstantStruct::get(llvm::cast<llvm::StructType>(type), sizes));
    }
    global.setConstant(true);
  }
}

void check(const llvm::Module& module) {
  for (const llvm::GlobalVariable& global : module.globals())
    if (!global.isConstant())
      broken("has the variable " + global.getName().str());
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  if (llvm::verifyModule(module, &stream))
    broken("is no valid IR: " + problems);
}

/// Only what `kernels` need, nobody else's to see.
void reduce(llvm::Module& module, const std::set<std::string>& kernels) {
  for (llvm::GlobalObject& object : module.global_objects()) {
    object.setComdat(nullptr);
    if (!object.isDeclaration() && !kernels.count(object.getName().str()))
      object.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
  if (llvm::GlobalVariable* constructors = module.getGlobalVariable("llvm.global_ctors")) {
    if (llvm::cast<llvm::ArrayType>(constructors->getValueType())->getNumElements())
      broken("has constructors");
    constructors->eraseFromParent();
  }
  for (const char* name : {"llvm.module.flags", "llvm.ident"})
    if (llvm::NamedMDNode* node = module.getNamedMetadata(name))
      node->eraseFromParent();
  runPasses(module, "globaldce");
  fixCaches(module);
  // What asked for the caches is gone after this.
  runPasses(module, "function(instsimplify,simplifycfg),globaldce");
  const ScratchParameter scratch(module);
  check(module);
}

} // namespace

std::string lackOfLibrary(const codegen::Target& target) {
  if (libraryBitcode().empty())
    return "Diptych was built by another compiler than clang, which makes library code for "
           "artefacts; build it with clang";
  static const auto [triple, features] = [] {
    llvm::LLVMContext context;
    const auto module = parse(libraryBitcode().front(), context, /*lazily=*/true);
    std::string features;
    for (const llvm::Function& function : *module)
      if (function.getName().starts_with(kPrefix))
        features = function.getFnAttribute("target-features").getValueAsString().str();
    return std::pair(module->getTargetTriple(), features);
  }();
  llvm::TargetMachine& machine = target.machine();
  if (machine.getTargetTriple().getArch() != triple.getArch())
    return "its library code is for " + triple.getArchName().str();
  llvm::SmallVector<llvm::StringRef> each;
  llvm::StringRef(features).split(each, ',', -1, /*KeepEmpty=*/false);
  for (const llvm::StringRef feature : each)
    if (!machine.getMCSubtargetInfo()->checkFeatures(feature.str()))
      return "its library code needs " + feature.str() + ", which " + target.cpu() +
             " lacks; use a target from x86-64-v3 on";
  return "";
}

llvm::Function* libraryKernel(llvm::Module& module, const std::string& name) {
  llvm::LLVMContext& context = module.getContext();
  auto* pointer = llvm::PointerType::getUnqual(context);
  auto *i64 = llvm::Type::getInt64Ty(context), *i32 = llvm::Type::getInt32Ty(context);
  auto* type = llvm::FunctionType::get(i32, {pointer, pointer, i64, i64, pointer, i64}, false);
  return llvm::cast<llvm::Function>(
      module.getOrInsertFunction((kPrefix + name).str(), type).getCallee());
}

bool addLibraryCode(llvm::Module& module) {
  std::set<std::string> missing;
  for (const llvm::Function& function : module)
    if (function.isDeclaration() && function.getName().starts_with(kPrefix))
      missing.insert(function.getName().str());
  const std::set<std::string> kernels = missing;
  for (const std::string_view bitcode : libraryBitcode()) {
    std::set<std::string> here;
    const auto names = missing.empty() ? nullptr : parse(bitcode, module.getContext(), true);
    for (const std::string& name : missing)
      if (names->getFunction(name))
        here.insert(name);
    if (here.empty())
      continue;
    auto library = parse(bitcode, module.getContext(), /*lazily=*/false);
    reduce(*library, here);
    library->setDataLayout(module.getDataLayout());
    library->setTargetTriple(module.getTargetTriple());
    if (llvm::Linker::linkModules(module, std::move(library)))
      broken("does not link");
    for (const std::string& name : here)
      missing.erase(name);
  }
  if (!missing.empty())
    broken("lacks " + *missing.begin());
  for (const std::string& name : kernels)
    module.getFunction(name)->setLinkage(llvm::GlobalValue::InternalLinkage);
  return llvm::any_of(module.functions(), [](const llvm::Function& function) {
    return function.getIntrinsicID() == llvm::Intrinsic::log;
  });
}

} // namespace diptych::aot
