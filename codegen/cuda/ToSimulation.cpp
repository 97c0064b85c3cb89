// Every nvvm operation that the emitters use as a call of runtime/cuda/Simulator. One it does not
// know is an Error: nothing passes unsimulated.
#include "codegen/cuda/GpuModule.h"

#include <diptych/Error.h>

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace diptych::codegen::cuda {

using namespace mlir;

namespace {

class Rewriter {
public:
  explicit Rewriter(ModuleOp module) : module_(module), b_(module.getContext()) {}

  void run() {
    SmallVector<Operation*> found;
    module_.walk([&](Operation* op) {
      if (isa<LLVM::AddressOfOp>(op) || isa_and_nonnull<NVVM::NVVMDialect>(op->getDialect()))
        found.push_back(op);
    });
    for (Operation* op : found)
      rewrite(op);
    for (auto global : llvm::make_early_inc_range(module_.getOps<LLVM::GlobalOp>()))
      global.erase();
    const SmallVector<func::FuncOp> functions(module_.getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (function->hasAttr(kThreadsAttr))
        addEntry(function);
  }

private:
  void rewrite(Operation* op) {
    b_.setInsertionPoint(op);
    Type i32 = b_.getI32Type();
    if (isa<NVVM::ThreadIdXOp>(op))
      return replace(op, call("diptych_sim_thread", {}, i32));
    if (isa<NVVM::BlockIdXOp>(op))
      return replace(op, call("diptych_sim_block", {}, i32));
    if (isa<NVVM::Barrier0Op>(op)) {
      call("diptych_sim_barrier", {}, {});
      return op->erase();
    }
    if (isa<NVVM::ClusterArriveOp>(op))
      return op->erase(); // waiting is where they meet
    if (isa<NVVM::ClusterWaitOp>(op)) {
      call("diptych_sim_cluster_barrier", {}, {});
      return op->erase();
    }
    if (auto peer = dyn_cast<NVVM::MapaOp>(op))
      return replace(op, call("diptych_sim_peer", peer->getOperands(), pointer()));
    if (auto shuffle = dyn_cast<NVVM::ShflOp>(op);
        shuffle && shuffle.getKind() == NVVM::ShflKind::down)
      return replace(
          op, call("diptych_sim_shuffle_down", {shuffle.getVal(), shuffle.getOffset()}, i32));
    if (auto vote = dyn_cast<NVVM::VoteSyncOp>(op);
        vote && vote.getKind() == NVVM::VoteSyncKind::ballot)
      return replace(op, call("diptych_sim_ballot", {vote.getPred()}, i32));
    if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
      return sharedMemory(address);
    throw Error("internal: the simulator knows no " + op->getName().getStringRef().str());
  }

  // A global of the GPU's shared memory is the block's own.
  void sharedMemory(LLVM::AddressOfOp address) {
    auto global = module_.lookupSymbol<LLVM::GlobalOp>(address.getGlobalName());
    auto bytes = cast<LLVM::LLVMArrayType>(global.getType()).getNumElements();
    Value size = arith::ConstantOp::create(b_, address.getLoc(),
                                           b_.getI64IntegerAttr(static_cast<int64_t>(bytes)));
    Value memory = call("diptych_sim_shared", {size}, pointer())->getResult(0);
    for (Operation* user : llvm::make_early_inc_range(address->getUsers())) {
      user->getResult(0).replaceAllUsesWith(memory);
      user->erase();
    }
    address->erase();
  }

  // `name_simulated(ptr params)` takes arguments as cuLaunchKernel does: pointers to their values.
  void addEntry(func::FuncOp kernel) {
    kernel->removeAttr(kThreadsAttr);
    kernel->removeAttr(kClusterAttr);
    b_.setInsertionPointToEnd(module_.getBody());
    auto entry = func::FuncOp::create(b_, kernel.getLoc(), (kernel.getName() + "_simulated").str(),
                                      b_.getFunctionType({pointer()}, {}));
    Block* block = entry.addEntryBlock();
    b_.setInsertionPointToStart(block);
    SmallVector<Value> arguments;
    for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
      Value place =
          LLVM::GEPOp::create(b_, kernel.getLoc(), pointer(), pointer(), block->getArgument(0),
                              ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)});
      place = LLVM::LoadOp::create(b_, kernel.getLoc(), pointer(), place);
      arguments.push_back(LLVM::LoadOp::create(b_, kernel.getLoc(), type, place));
    }
    func::CallOp::create(b_, kernel.getLoc(), kernel, arguments);
    func::ReturnOp::create(b_, kernel.getLoc());
  }

  Type pointer() { return LLVM::LLVMPointerType::get(b_.getContext()); }

  void replace(Operation* op, func::CallOp call) {
    op->getResult(0).replaceAllUsesWith(call.getResult(0));
    op->erase();
  }

  func::CallOp call(StringRef name, ValueRange operands, TypeRange results) {
    auto function = module_.lookupSymbol<func::FuncOp>(name);
    if (!function) {
      OpBuilder::InsertionGuard guard(b_);
      b_.setInsertionPointToStart(module_.getBody());
      function = func::FuncOp::create(b_, module_.getLoc(), name,
                                      b_.getFunctionType(operands.getTypes(), results));
      function.setPrivate();
    }
    return func::CallOp::create(b_, module_.getLoc(), function, operands);
  }

  ModuleOp module_;
  OpBuilder b_;
};

} // namespace

void toSimulation(ModuleOp module) { Rewriter(module).run(); }

} // namespace diptych::codegen::cuda
