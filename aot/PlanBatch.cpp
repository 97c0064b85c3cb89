// A batch of any size from plans for fixed ones: as many of the largest as fit, then of the next.
#include "aot/PlanBody.h"

namespace diptych::aot {

namespace {

using llvm::Value;

class BatchPlan {
public:
  BatchPlan(PlanContext& context, llvm::Function* function, const std::vector<int64_t>& inputs,
            const std::vector<int64_t>& outputs)
      : context_(context), function_(function), b_(function->getContext()), inputs_(inputs),
        outputs_(outputs) {}

  void emit(const std::vector<ChunkPlan>& chunks, int64_t workspaceBytes) {
    b_.SetInsertPoint(block("entry"));
    Value *me = wide(function_->getArg(4)), *threads = wide(function_->getArg(5));
    Value* size = b_.CreateLoad(b_.getInt64Ty(), pointerAt(function_->getArg(0), inputs_.size()));
    workspace_ = b_.CreateGEP(b_.getInt8Ty(), function_->getArg(2),
                              b_.CreateMul(me, number(workspaceBytes)));
    in_ = array(inputs_.size());
    out_ = array(outputs_.size());
    // Quotient and rest, so that no product overflows.
    Value *each = b_.CreateUDiv(size, threads), *rest = b_.CreateURem(size, threads);
    const auto cut = [&](Value* i) {
      return b_.CreateAdd(b_.CreateMul(each, i),
                          b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, i, rest));
    };
    at_ = cut(me);
    end_ = cut(b_.CreateAdd(me, number(1)));
    finish_ = block("finish");
    code_ = llvm::PHINode::Create(b_.getInt32Ty(), 4, "code", finish_);
    for (const ChunkPlan& chunk : chunks)
      run(chunk);
    code_->addIncoming(b_.getInt32(kDone), b_.GetInsertBlock());
    b_.CreateBr(finish_);
    b_.SetInsertPoint(finish_);
    finish(threads);
  }

private:
  void run(const ChunkPlan& chunk) {
    llvm::BasicBlock *before = b_.GetInsertBlock(), *loop = block("loop"), *body = block("chunk"),
                     *next = block("next"), *end = block("end");
    b_.CreateBr(loop);
    b_.SetInsertPoint(loop);
    llvm::PHINode* at = b_.CreatePHI(b_.getInt64Ty(), 2);
    at->addIncoming(at_, before);
    Value* fits = b_.CreateICmpSGE(b_.CreateSub(end_, at), number(chunk.examples));
    b_.CreateCondBr(fits, body, end);
    b_.SetInsertPoint(body);
    move(function_->getArg(0), in_, inputs_, at);
    move(function_->getArg(1), out_, outputs_, at);
    Value* code = b_.CreateCall(
        chunk.plan, {in_, out_, workspace_, function_->getArg(3), b_.getInt32(0), b_.getInt32(1)});
    b_.CreateCondBr(b_.CreateICmpEQ(code, b_.getInt32(kDone)), next, finish_);
    code_->addIncoming(code, b_.GetInsertBlock());
    b_.SetInsertPoint(next);
    at->addIncoming(b_.CreateAdd(at, number(chunk.examples)), next);
    b_.CreateBr(loop);
    b_.SetInsertPoint(end);
    at_ = at;
  }

  void move(Value* from, Value* to, const std::vector<int64_t>& strides, Value* example) {
    for (size_t i = 0; i < strides.size(); ++i) {
      Value* pointer = pointerAt(from, i);
      if (strides[i])
        pointer = b_.CreateGEP(b_.getInt8Ty(), pointer, b_.CreateMul(example, number(strides[i])));
      b_.CreateStore(pointer, b_.CreateConstGEP1_64(b_.getPtrTy(), to, i));
    }
  }

  // All return one code: the greatest that a thread met. Positions are of a chunk: they go.
  void finish(Value* threads) {
    Value* code = b_.CreateAnd(code_, b_.getInt32(kMostCode));
    llvm::Function* meet = context_.module.getFunction(kMeet);
    if (!meet) {
      b_.CreateRet(code);
      return;
    }
    llvm::BasicBlock *alone = block("alone"), *several = block("several");
    b_.CreateCondBr(b_.CreateICmpEQ(threads, number(1)), alone, several);
    b_.SetInsertPoint(alone);
    b_.CreateRet(code);
    b_.SetInsertPoint(several);
    Value* shared = b_.CreateConstGEP1_64(b_.getInt8Ty(), function_->getArg(3), kTeamCode);
    b_.CreateAtomicRMW(llvm::AtomicRMWInst::UMax, shared, code, llvm::MaybeAlign(4),
                       llvm::AtomicOrdering::AcquireRelease);
    b_.CreateCall(meet, {function_->getArg(3), function_->getArg(5)});
    b_.CreateRet(b_.CreateLoad(b_.getInt32Ty(), shared));
  }

  llvm::BasicBlock* block(const char* name) {
    return llvm::BasicBlock::Create(function_->getContext(), name, function_);
  }
  Value* number(int64_t n) { return b_.getInt64(static_cast<uint64_t>(n)); }
  Value* wide(Value* i) { return b_.CreateZExt(i, b_.getInt64Ty()); }
  Value* array(size_t count) {
    return b_.CreateAlloca(b_.getPtrTy(),
                           b_.getInt32(static_cast<uint32_t>(std::max<size_t>(1, count))));
  }
  Value* pointerAt(Value* array, size_t i) {
    return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getPtrTy(), array, i));
  }

  PlanContext& context_;
  llvm::Function* function_;
  llvm::IRBuilder<> b_;
  const std::vector<int64_t>&inputs_, &outputs_;
  Value *workspace_ = nullptr, *in_ = nullptr, *out_ = nullptr, *at_ = nullptr, *end_ = nullptr;
  llvm::BasicBlock* finish_ = nullptr;
  llvm::PHINode* code_ = nullptr;
};

} // namespace

llvm::Function* emitBatchPlan(PlanContext& context, const std::vector<ChunkPlan>& chunks,
                              const std::vector<int64_t>& inputStrides,
                              const std::vector<int64_t>& outputStrides, int64_t workspaceBytes,
                              const std::string& name) {
  auto* function = llvm::Function::Create(planType(context.module.getContext()),
                                          llvm::GlobalValue::InternalLinkage, name, context.module);
  function->setDoesNotThrow();
  BatchPlan(context, function, inputStrides, outputStrides).emit(chunks, workspaceBytes);
  return function;
}

} // namespace diptych::aot
