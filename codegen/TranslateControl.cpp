// Functions, loops and branches as blocks of LLVM IR.
#include "codegen/Translate.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "llvm/IR/IRBuilder.h"

namespace diptych::codegen {

namespace func = mlir::func;
namespace scf = mlir::scf;

namespace {

using Values = llvm::SmallVector<llvm::Value*>;

/// One operation's blocks, written where the builder stands.
class Control {
public:
  Control(llvm::IRBuilderBase& builder, mlir::LLVM::ModuleTranslation& state)
      : b_(builder), state_(state) {}

  mlir::LogicalResult function(func::FuncOp op) {
    Values arguments;
    llvm::SmallVector<llvm::Type*> types;
    for (mlir::Type type : op.getArgumentTypes())
      types.push_back(state_.convertType(type));
    llvm::Type* result = op.getNumResults() ? state_.convertType(op.getResultTypes().front())
                                            : llvm::Type::getVoidTy(state_.getLLVMContext());
    auto* function = llvm::Function::Create(
        llvm::FunctionType::get(result, types, /*isVarArg=*/false), llvm::Function::ExternalLinkage,
        op.getName(), state_.getLLVMModule());
    for (unsigned i = 0; i < op.getNumArguments(); ++i)
      if (op.getArgAttr(i, mlir::LLVM::LLVMDialect::getNoAliasAttrName()))
        function->addParamAttr(i, llvm::Attribute::NoAlias);
    state_.mapFunction(op.getName(), function);
    if (op.isDeclaration())
      return mlir::success();
    for (llvm::Argument& argument : function->args())
      arguments.push_back(&argument);
    b_.SetInsertPoint(llvm::BasicBlock::Create(function->getContext(), "", function));
    return run(op.front(), arguments);
  }

  mlir::LogicalResult call(func::CallOp op) {
    llvm::Value* result =
        b_.CreateCall(state_.lookupFunction(op.getCallee()), state_.lookupValues(op.getOperands()));
    if (op.getNumResults())
      state_.mapValue(op.getResult(0), result);
    return mlir::success();
  }

  mlir::LogicalResult giveBack(func::ReturnOp op) {
    if (op.getNumOperands())
      b_.CreateRet(state_.lookupValue(op.getOperand(0)));
    else
      b_.CreateRetVoid();
    return mlir::success();
  }

  mlir::LogicalResult loop(scf::ForOp op) {
    llvm::BasicBlock* header = enter();
    llvm::SmallVector<mlir::Value> first{op.getLowerBound()};
    llvm::append_range(first, op.getInitArgs());
    const Values state = phis(first);
    llvm::BranchInst* branch =
        branchIf(b_.CreateICmpSLT(state.front(), state_.lookupValue(op.getUpperBound())));
    open(branch, 0);
    if (mlir::failed(run(*op.getBody(), state)))
      return mlir::failure();
    Values next{b_.CreateAdd(state.front(), state_.lookupValue(op.getStep()))};
    llvm::append_range(next, state_.lookupValues(op.getBody()->getTerminator()->getOperands()));
    again(header, state, next);
    open(branch, 1);
    return give(op, llvm::ArrayRef(state).drop_front());
  }

  mlir::LogicalResult loop(scf::WhileOp op) {
    llvm::BasicBlock* header = enter();
    const Values state = phis(op.getInits());
    if (mlir::failed(run(*op.getBeforeBody(), state)))
      return mlir::failure();
    scf::ConditionOp condition = op.getConditionOp();
    const Values carried = state_.lookupValues(condition.getArgs());
    llvm::BranchInst* branch = branchIf(state_.lookupValue(condition.getCondition()));
    open(branch, 0);
    if (mlir::failed(run(*op.getAfterBody(), carried)))
      return mlir::failure();
    again(header, state, state_.lookupValues(op.getYieldOp().getOperands()));
    open(branch, 1);
    return give(op, carried);
  }

  mlir::LogicalResult branch(scf::IfOp op) {
    llvm::Value* condition = state_.lookupValue(op.getCondition());
    // One that comes from elsewhere has no register of its type: a long block before would have to
    // be legalised for it, and simplified once more.
    if (auto* made = llvm::dyn_cast<llvm::Instruction>(condition);
        made && made->getParent() != b_.GetInsertBlock())
      enter();
    llvm::BranchInst* branch = branchIf(condition);
    open(branch, 0);
    if (mlir::failed(run(*op.thenBlock(), {})))
      return mlir::failure();
    llvm::BranchInst* then = leave();
    if (!op.elseBlock()) {
      open(branch, 1);
      then->setSuccessor(0, b_.GetInsertBlock());
      return mlir::success();
    }
    open(branch, 1);
    if (mlir::failed(run(*op.elseBlock(), {})))
      return mlir::failure();
    llvm::BranchInst* otherwise = leave();
    open(then, 0);
    otherwise->setSuccessor(0, b_.GetInsertBlock());
    const Values a = state_.lookupValues(op.thenYield().getOperands());
    const Values b = state_.lookupValues(op.elseYield().getOperands());
    for (auto [result, x, y] : llvm::zip_equal(op.getResults(), a, b)) {
      llvm::PHINode* phi = b_.CreatePHI(x->getType(), 2);
      phi->addIncoming(x, then->getParent());
      phi->addIncoming(y, otherwise->getParent());
      state_.mapValue(result, phi);
    }
    return mlir::success();
  }

private:
  llvm::BasicBlock* append() {
    return llvm::BasicBlock::Create(b_.getContext(), "", b_.GetInsertBlock()->getParent());
  }

  /// What the block computes, from here on; it may end in another block.
  mlir::LogicalResult run(mlir::Block& block, llvm::ArrayRef<llvm::Value*> arguments) {
    for (auto [argument, value] : llvm::zip_equal(block.getArguments(), arguments))
      state_.mapValue(argument, value);
    return mlir::success(
        llvm::all_of(block, [&](mlir::Operation& op) { return mlir::succeeded(translate(op)); }));
  }

  /// Without asking for attributes of dialects, as ModuleTranslation::convertBlock would: kernels
  /// have none, and the dictionary that it makes of each operation takes a fourth of translating.
  mlir::LogicalResult translate(mlir::Operation& op) {
    using How = mlir::LLVMTranslationDialectInterface;
    const auto* how = op.getDialect() ? op.getDialect()->getRegisteredInterface<How>() : nullptr;
    return how ? how->convertOperation(&op, b_, state_)
               : op.emitOpError("has no translation to LLVM IR");
  }

  /// A new block, which the one before runs into.
  llvm::BasicBlock* enter() {
    llvm::BasicBlock* block = append();
    b_.CreateBr(block);
    b_.SetInsertPoint(block);
    return block;
  }

  /// Values of a loop, now as they were before its header.
  Values phis(mlir::ValueRange first) {
    Values all;
    llvm::BasicBlock* before = b_.GetInsertBlock()->getSinglePredecessor();
    for (llvm::Value* value : state_.lookupValues(first)) {
      llvm::PHINode* phi = b_.CreatePHI(value->getType(), 2);
      phi->addIncoming(value, before);
      all.push_back(phi);
    }
    return all;
  }

  void again(llvm::BasicBlock* header, llvm::ArrayRef<llvm::Value*> state,
             llvm::ArrayRef<llvm::Value*> next) {
    for (auto [phi, value] : llvm::zip_equal(state, next))
      llvm::cast<llvm::PHINode>(phi)->addIncoming(value, b_.GetInsertBlock());
    b_.CreateBr(header);
  }

  /// Blocks that a branch goes to are appended when they are opened, so that they stand in the
  /// order of the text; until then it goes to its own.
  llvm::BranchInst* branchIf(llvm::Value* condition) {
    return b_.CreateCondBr(condition, b_.GetInsertBlock(), b_.GetInsertBlock());
  }
  llvm::BranchInst* leave() { return b_.CreateBr(b_.GetInsertBlock()); }
  void open(llvm::BranchInst* branch, unsigned successor) {
    branch->setSuccessor(successor, append());
    b_.SetInsertPoint(branch->getSuccessor(successor));
  }

  mlir::LogicalResult give(mlir::Operation* op, llvm::ArrayRef<llvm::Value*> values) {
    for (auto [result, value] : llvm::zip_equal(op->getResults(), values))
      state_.mapValue(result, value);
    return mlir::success();
  }

  llvm::IRBuilderBase& b_;
  mlir::LLVM::ModuleTranslation& state_;
};

class FunctionTranslation : public mlir::LLVMTranslationDialectInterface {
public:
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  mlir::LogicalResult convertOperation(mlir::Operation* op, llvm::IRBuilderBase& builder,
                                       mlir::LLVM::ModuleTranslation& state) const override {
    if (auto function = mlir::dyn_cast<func::FuncOp>(op)) {
      llvm::IRBuilder<> own(builder.getContext());
      return Control(own, state).function(function);
    }
    if (auto call = mlir::dyn_cast<func::CallOp>(op))
      return Control(builder, state).call(call);
    if (auto end = mlir::dyn_cast<func::ReturnOp>(op))
      return Control(builder, state).giveBack(end);
    return op->emitOpError("has no translation to LLVM IR");
  }
};

class ControlTranslation : public mlir::LLVMTranslationDialectInterface {
public:
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  mlir::LogicalResult convertOperation(mlir::Operation* op, llvm::IRBuilderBase& builder,
                                       mlir::LLVM::ModuleTranslation& state) const override {
    Control control(builder, state);
    if (auto loop = mlir::dyn_cast<scf::ForOp>(op))
      return control.loop(loop);
    if (auto loop = mlir::dyn_cast<scf::WhileOp>(op))
      return control.loop(loop);
    if (auto branch = mlir::dyn_cast<scf::IfOp>(op))
      return control.branch(branch);
    if (mlir::isa<scf::YieldOp, scf::ConditionOp>(op))
      return mlir::success(); // read by the operation around it
    return op->emitOpError("has no translation to LLVM IR");
  }
};

} // namespace

void registerControlTranslation(mlir::DialectRegistry& registry) {
  registry.addExtension(+[](mlir::MLIRContext*, func::FuncDialect* dialect) {
    dialect->addInterfaces<FunctionTranslation>();
  });
  registry.addExtension(+[](mlir::MLIRContext*, scf::SCFDialect* dialect) {
    dialect->addInterfaces<ControlTranslation>();
  });
}

void registerKernelTranslation(mlir::DialectRegistry& registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  registerOperationTranslation(registry);
  registerControlTranslation(registry);
}

} // namespace diptych::codegen
