// Entries are indirect functions (ELF's IFUNC): the loader asks the CPU once, and a call costs
// nothing for it. Where no version fits, the loader takes a function that returns the error code.
#include "aot/Interface.h"

#include "aot/Formula.h"

#include <diptych/Error.h>

#include "llvm/IR/IRBuilder.h"

namespace diptych::aot {

namespace {

using llvm::Value;

/// The sizes of a call: the first parameters of its function.
class Sizes {
public:
  Sizes(llvm::IRBuilder<>& b, llvm::Function* function, const EntryInfo& entry)
      : b_(b), entry_(entry), values_(parametersOf(function, entry)), formulas_(b, values_) {}

  Value* outOfBounds(const std::vector<Extent>& constraints) {
    const auto number = [&](int64_t n) { return b_.getInt64(static_cast<uint64_t>(n)); };
    Value* bad = b_.getFalse();
    for (size_t i = 0; i < values_.size(); ++i) {
      bad = b_.CreateOr(bad, b_.CreateICmpSLT(values_[i], number(entry_.dims[i].least)));
      bad = b_.CreateOr(bad, b_.CreateICmpSGT(values_[i], number(entry_.dims[i].most)));
    }
    for (const Extent& extent : constraints)
      bad = b_.CreateOr(bad, b_.CreateICmpSLT(formulas_.value(extent), number(0)));
    return bad;
  }

  Value* isEmpty(const TensorInfo& tensor) {
    Value* empty = b_.getFalse();
    for (const Extent& extent : tensor.shape)
      empty = b_.CreateOr(empty, b_.CreateICmpEQ(formulas_.value(extent), b_.getInt64(0)));
    return empty;
  }

  /// Their address.
  Value* array() {
    if (array_)
      return array_;
    array_ = b_.CreateAlloca(b_.getInt64Ty(), b_.getInt64(values_.size()));
    for (size_t i = 0; i < values_.size(); ++i)
      b_.CreateStore(values_[i], b_.CreateConstGEP1_64(b_.getInt64Ty(), array_, i));
    return array_;
  }

private:
  static std::vector<Value*> parametersOf(llvm::Function* function, const EntryInfo& entry) {
    std::vector<Value*> values;
    for (size_t i = 0; i < entry.dims.size(); ++i)
      values.push_back(function->getArg(static_cast<unsigned>(i)));
    return values;
  }

  llvm::IRBuilder<>& b_;
  const EntryInfo& entry_;
  std::vector<Value*> values_;
  FormulaWriter formulas_;
  Value* array_ = nullptr;
};

class EntryWriter {
public:
  EntryWriter(llvm::Module& module, const Model& model, size_t entry,
              const std::vector<llvm::Constant*>& embedded)
      : module_(module), model_(model), entry_(model.entries[entry]), number_(entry),
        embedded_(embedded) {
    llvm::Type* pointer = llvm::PointerType::getUnqual(module.getContext());
    const size_t count =
        entry_.inputs.size() + entry_.outputs.size() + 1 + model.weightsInFile() + model.threaded();
    std::vector<llvm::Type*> parameters(count, pointer);
    parameters.insert(parameters.begin(), entry_.dims.size(),
                      llvm::Type::getInt64Ty(module.getContext()));
    type_ = llvm::FunctionType::get(llvm::Type::getInt32Ty(module.getContext()), parameters, false);
  }

  llvm::FunctionType* type() const { return type_; }

  llvm::Function* create(const std::string& name, bool exported) {
    auto* function = llvm::Function::Create(
        type_, exported ? llvm::GlobalValue::ExternalLinkage : llvm::GlobalValue::InternalLinkage,
        name, module_);
    function->setDoesNotThrow();
    return function;
  }

  /// Looks at the pointers, then runs the plan.
  void fill(llvm::Function* function, llvm::Function* plan, const OpenEntry& open) {
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(module_.getContext(), "entry", function));
    const size_t first = entry_.dims.size();
    const auto argument = [&](size_t i) {
      return function->getArg(static_cast<unsigned>(first + i));
    };
    Sizes sizes(b, function, entry_);
    if (first)
      returnIf(b, function, sizes.outOfBounds(model_.constraints[number_]), kBadSize);
    const size_t in = entry_.inputs.size(), out = entry_.outputs.size();
    Value* missing = b.getFalse();
    for (size_t i = 0; i < in + out; ++i) {
      const TensorInfo& tensor = i < in ? entry_.inputs[i] : entry_.outputs[i - in];
      if (entry_.open && isOpen(tensor))
        missing = b.CreateOr(
            missing, b.CreateAnd(b.CreateIsNull(argument(i)), b.CreateNot(sizes.isEmpty(tensor))));
      else if (tensor.type.bytes() > 0)
        missing = b.CreateOr(missing, b.CreateIsNull(argument(i)));
    }
    returnIf(b, function, missing, kNullPointer);
    Value* workspace = argument(in + out);
    if (entry_.open || entry_.workspaceBytes > 0) {
      Value* low = b.CreateAnd(b.CreatePtrToInt(workspace, b.getInt64Ty()),
                               b.getInt64(kWorkspaceAlignment - 1));
      Value* bad = b.CreateOr(b.CreateIsNull(workspace), b.CreateICmpNE(low, b.getInt64(0)));
      if (entry_.open)
        bad = b.CreateAnd(bad,
                          b.CreateICmpNE(b.CreateCall(open.arena, {sizes.array()}), b.getInt64(0)));
      returnIf(b, function, bad, kBadWorkspace);
    }
    std::vector<Value*> inputs, outputs;
    for (size_t i = 0; i < in; ++i)
      inputs.push_back(argument(i));
    if (model_.weightsInFile())
      appendFromFile(b, function, argument(in + out + 1), inputs);
    inputs.insert(inputs.end(), embedded_.begin(), embedded_.end());
    if (entry_.open) {
      inputs.push_back(b.CreateAlloca(b.getInt64Ty(), b.getInt64(open.slots)));
      b.CreateCall(open.fill, {sizes.array(), inputs.back()});
    } else if (first) {
      inputs.push_back(sizes.array());
    }
    for (size_t i = 0; i < out; ++i)
      outputs.push_back(argument(in + i));
    Value *inputArray = array(b, inputs), *outputArray = array(b, outputs);
    Value* null = llvm::ConstantPointerNull::get(b.getPtrTy());
    Value* code = nullptr;
    if (model_.threaded())
      code = b.CreateCall(
          module_.getFunction("diptych_run"),
          {plan, inputArray, outputArray, workspace, function->getArg(type_->getNumParams() - 1)});
    else
      code = b.CreateCall(plan,
                          {inputArray, outputArray, workspace, null, b.getInt32(0), b.getInt32(1)});
    b.CreateRet(code);
  }

private:
  /// Of a diptych_weights: the mapped file and its size.
  void appendFromFile(llvm::IRBuilder<>& b, llvm::Function* function, Value* weights,
                      std::vector<Value*>& inputs) {
    returnIf(b, function, b.CreateIsNull(weights), kNoWeights);
    Value* data = b.CreateLoad(b.getPtrTy(), weights);
    Value* bytes = b.CreateLoad(b.getInt64Ty(), b.CreateConstGEP1_64(b.getInt64Ty(), weights, 1));
    Value* other = b.CreateICmpNE(bytes, b.getInt64(static_cast<uint64_t>(model_.weights.bytes())));
    returnIf(b, function, b.CreateOr(b.CreateIsNull(data), other), kNoWeights);
    for (int64_t offset : model_.weights.offsets[number_])
      inputs.push_back(b.CreateConstGEP1_64(b.getInt8Ty(), data, static_cast<uint64_t>(offset)));
  }

  static void returnIf(llvm::IRBuilder<>& b, llvm::Function* function, Value* condition, int code) {
    auto* failed = llvm::BasicBlock::Create(function->getContext(), "failed", function);
    auto* next = llvm::BasicBlock::Create(function->getContext(), "next", function);
    b.CreateCondBr(condition, failed, next);
    b.SetInsertPoint(failed);
    b.CreateRet(b.getInt32(static_cast<uint32_t>(code)));
    b.SetInsertPoint(next);
  }

  static Value* array(llvm::IRBuilder<>& b, const std::vector<Value*>& pointers) {
    Value* array = b.CreateAlloca(
        b.getPtrTy(), b.getInt32(static_cast<uint32_t>(std::max<size_t>(1, pointers.size()))));
    for (size_t i = 0; i < pointers.size(); ++i)
      b.CreateStore(pointers[i], b.CreateConstGEP1_64(b.getPtrTy(), array, i));
    return array;
  }

  llvm::Module& module_;
  const Model& model_;
  const EntryInfo& entry_;
  size_t number_;
  const std::vector<llvm::Constant*>& embedded_;
  llvm::FunctionType* type_;
};

llvm::Function* constantFunction(llvm::Module& module, llvm::Function* function, Value* result) {
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  b.CreateRet(result);
  return function;
}

/// The most that a version asks for.
void workspaceFunction(llvm::Function* function, const Model& model,
                       const std::vector<Version>& versions, size_t entry) {
  llvm::LLVMContext& context = function->getContext();
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "entry", function));
  auto* wrong = llvm::BasicBlock::Create(context, "wrong", function);
  auto* right = llvm::BasicBlock::Create(context, "right", function);
  Sizes sizes(b, function, model.entries[entry]);
  b.CreateCondBr(sizes.outOfBounds(model.constraints[entry]), wrong, right);
  b.SetInsertPoint(wrong);
  b.CreateRet(b.getInt64(0));
  b.SetInsertPoint(right);
  Value* most = b.getInt64(0);
  for (const Version& version : versions)
    most = b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, most,
                                   b.CreateCall(version.open[entry].arena, {sizes.array()}));
  b.CreateRet(most);
}

/// Returns choice(version) of the first version whose check holds, else `otherwise`.
void chooseVersion(llvm::Function* function, const std::vector<Version>& versions,
                   llvm::function_ref<Value*(size_t)> choice, Value* otherwise) {
  llvm::Module& module = *function->getParent();
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(module.getContext(), "entry", function));
  for (size_t v = 0; v < versions.size(); ++v) {
    if (versions[v].check.empty()) {
      b.CreateRet(choice(v));
      return;
    }
    auto* fits = llvm::BasicBlock::Create(module.getContext(), "fits", function);
    auto* next = llvm::BasicBlock::Create(module.getContext(), "next", function);
    b.CreateCondBr(b.CreateCall(module.getFunction(versions[v].check)), fits, next);
    b.SetInsertPoint(fits);
    b.CreateRet(choice(v));
    b.SetInsertPoint(next);
  }
  b.CreateRet(otherwise);
}

} // namespace

void setCpu(llvm::Function& function, const Version& version) {
  function.addFnAttr("target-cpu", version.cpu);
  if (!version.features.empty())
    function.addFnAttr("target-features", version.features);
}

void addEntries(llvm::Module& module, const Model& model, const std::vector<Version>& versions,
                const Embedded& embedded) {
  llvm::LLVMContext& context = module.getContext();
  auto* i32 = llvm::Type::getInt32Ty(context);
  auto* i64 = llvm::Type::getInt64Ty(context);
  for (size_t e = 0; e < model.entries.size(); ++e) {
    const EntryInfo& entry = model.entries[e];
    EntryWriter writer(module, model, e, embedded[e]);
    const bool direct = versions[0].check.empty();
    std::vector<llvm::Function*> bodies;
    for (size_t v = 0; v < versions.size(); ++v) {
      bodies.push_back(
          writer.create(direct ? entry.symbol : entry.symbol + "." + std::to_string(v), direct));
      setCpu(*bodies.back(), versions[v]);
      writer.fill(bodies.back(), versions[v].plans[e], versions[v].open[e]);
      if (direct)
        break;
    }
    if (!direct) {
      llvm::Function* unfit =
          constantFunction(module, writer.create(entry.symbol + ".unfit", false),
                           llvm::ConstantInt::get(i32, kWrongCpu));
      auto* resolver = llvm::Function::Create(
          llvm::FunctionType::get(llvm::PointerType::getUnqual(context), false),
          llvm::GlobalValue::InternalLinkage, entry.symbol + ".resolve", module);
      resolver->setDoesNotThrow();
      chooseVersion(resolver, versions, [&](size_t v) { return bodies[v]; }, unfit);
      llvm::GlobalIFunc::create(writer.type(), 0, llvm::GlobalValue::ExternalLinkage, entry.symbol,
                                resolver, &module);
    }
    const std::vector<llvm::Type*> sizes(entry.open ? entry.dims.size() : 0, i64);
    auto* size = llvm::Function::Create(llvm::FunctionType::get(i64, sizes, false),
                                        llvm::GlobalValue::ExternalLinkage,
                                        entry.symbol + "_workspace_bytes", module);
    size->setDoesNotThrow();
    if (entry.open)
      workspaceFunction(size, model, versions, e);
    else
      constantFunction(module, size,
                       llvm::ConstantInt::get(i64, static_cast<uint64_t>(entry.workspaceBytes)));
  }
}

namespace {

class Description {
public:
  Description(llvm::Module& module, const Model& model)
      : module_(module), context_(module.getContext()), model_(model) {}

  void text(const std::string& name, const std::string& value) {
    auto* data = llvm::ConstantDataArray::getString(context_, value, true);
    new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::ExternalLinkage,
                             data, model_.options.name + "_" + name);
  }

  llvm::Constant* hiddenText(const std::string& value) {
    auto* data = llvm::ConstantDataArray::getString(context_, value, true);
    auto* global = new llvm::GlobalVariable(module_, data->getType(), true,
                                            llvm::GlobalValue::PrivateLinkage, data, "text");
    global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
    return global;
  }

  /// diptych_tensor of the header: name, dtype, rank, elements, bytes, shape[8].
  llvm::Constant* tensor(const TensorInfo& info) {
    auto* i64 = llvm::Type::getInt64Ty(context_);
    const auto number = [&](int64_t n) {
      return llvm::ConstantInt::get(i64, static_cast<uint64_t>(n));
    };
    const size_t rank = info.shape.size();
    std::vector<llvm::Constant*> shape;
    for (size_t i = 0; i < kMaxRank; ++i)
      shape.push_back(number(i >= rank ? 0 : info.shape[i].isFixed() ? info.shape[i].at({}) : -1));
    return llvm::ConstantStruct::getAnon(
        {hiddenText(info.name), hiddenText(name(info.type.dtype)),
         number(static_cast<int64_t>(rank)), number(isOpen(info) ? -1 : info.type.numel()),
         number(isOpen(info) ? -1 : info.type.bytes()),
         llvm::ConstantArray::get(llvm::ArrayType::get(i64, kMaxRank), shape)});
  }

  void table(const std::string& symbol, const std::vector<TensorInfo>& tensors) {
    if (tensors.empty())
      return;
    std::vector<llvm::Constant*> rows;
    for (const TensorInfo& info : tensors)
      rows.push_back(tensor(info));
    auto* data =
        llvm::ConstantArray::get(llvm::ArrayType::get(rows[0]->getType(), rows.size()), rows);
    new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::ExternalLinkage,
                             data, symbol);
  }

  llvm::Function* function(const std::string& name, llvm::FunctionType* type) {
    auto* function = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                            model_.options.name + "_" + name, module_);
    function->setDoesNotThrow();
    return function;
  }

  void errorMessage() {
    auto* i32 = llvm::Type::getInt32Ty(context_);
    auto* made =
        function("error_message",
                 llvm::FunctionType::get(llvm::PointerType::getUnqual(context_), i32, false));
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(context_, "entry", made));
    auto* unknown = llvm::BasicBlock::Create(context_, "unknown", made);
    // Only codes of failed steps have something above.
    Value *given = made->getArg(0), *low = b.CreateAnd(given, b.getInt32(kMostCode));
    Value* plain = b.CreateICmpULE(given, b.getInt32(kMostCode));
    Value* placed = b.CreateAnd(b.CreateICmpSGE(given, b.getInt32(0)),
                                b.CreateICmpUGE(low, b.getInt32(kFirstFailure)));
    llvm::SwitchInst* codes = b.CreateSwitch(
        b.CreateSelect(b.CreateOr(plain, placed), low, b.getInt32(~uint32_t{0})), unknown);
    b.SetInsertPoint(unknown);
    b.CreateRet(hiddenText("unknown error code"));
    for (int code : codesOf(model_)) {
      auto* known = llvm::BasicBlock::Create(context_, "known", made);
      codes->addCase(b.getInt32(static_cast<uint32_t>(code)), known);
      b.SetInsertPoint(known);
      b.CreateRet(hiddenText(messageOf(model_, code)));
    }
  }

  void errorPosition() {
    auto* i32 = llvm::Type::getInt32Ty(context_);
    llvm::Function* made = function("error_position", llvm::FunctionType::get(i32, {i32}, false));
    llvm::IRBuilder<> b(llvm::BasicBlock::Create(context_, "entry", made));
    Value* given = made->getArg(0);
    Value* failed = b.CreateAnd(
        b.CreateICmpSGT(given, b.getInt32(kMostCode)),
        b.CreateICmpUGE(b.CreateAnd(given, b.getInt32(kMostCode)), b.getInt32(kFirstFailure)));
    Value* position = b.CreateSub(b.CreateLShr(given, b.getInt32(kCodeBits)), b.getInt32(1));
    b.CreateRet(b.CreateSelect(failed, position, b.getInt32(~uint32_t{0})));
  }

private:
  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const Model& model_;
};

} // namespace

static std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts)
    text += (text.empty() ? "" : ",") + part;
  return text;
}

void addDescription(llvm::Module& module, const Model& model,
                    const std::vector<Version>& versions) {
  Description description(module, model);
  description.text("about", aboutText(model));
  description.text("version", version());
  description.text("model_hash", model.hash);
  description.text("numerics", model.options.numerics == Numerics::strict ? "strict" : "standard");
  description.text("targets", joined(model.options.targets));
  for (const EntryInfo& entry : model.entries) {
    description.table(entry.symbol + "_inputs", entry.inputs);
    description.table(entry.symbol + "_outputs", entry.outputs);
  }
  description.errorMessage();
  description.errorPosition();
  auto* i32 = llvm::Type::getInt32Ty(module.getContext());
  const auto number = [&](int n) { return llvm::ConstantInt::get(i32, static_cast<uint64_t>(n)); };
  chooseVersion(
      description.function("check_cpu", llvm::FunctionType::get(i32, false)), versions,
      [&](size_t) { return number(kDone); }, number(kWrongCpu));
}

} // namespace diptych::aot
