// Steps and row groups. Steps too small for several threads run on the first one; threads meet only
// where one kind of step follows the other.
#include "aot/PlanBody.h"
#include "aot/LibraryCode.h"
#include "runtime/library/kernels/Status.h"

#include <diptych/Error.h>

namespace diptych::aot {

using codegen::PlannedBuffer;
using codegen::Schedule;
using codegen::ScheduledCall;

PlanBody::PlanBody(PlanContext& context, const Schedule& schedule, llvm::Function* function,
                   bool threaded)
    : context_(context), schedule_(schedule), function_(function), threaded_(threaded),
      b_(function->getContext()), entry_(function->getContext()) {
  inputs_ = function->getArg(0);
  outputs_ = function->getArg(1);
  arena_ = function->getArg(2);
  team_ = function->getArg(3);
  me_ = function->getArg(4);
  threads_ = function->getArg(5);
}

void PlanBody::emit() {
  entry_.SetInsertPoint(block("entry"));
  llvm::BasicBlock* start = block("start");
  entry_.SetInsertPoint(entry_.CreateBr(start));
  enter(start);
  const auto load = [&](Value* array, size_t count, std::vector<Value*>& list) {
    for (size_t i = 0; i < count; ++i)
      list.push_back(entry_.CreateLoad(entry_.getPtrTy(),
                                       entry_.CreateConstGEP1_64(entry_.getPtrTy(), array, i)));
  };
  load(inputs_, schedule_.inputs.size(), inputPointers_);
  load(outputs_, schedule_.outputs.size(), outputPointers_);
  auto group = schedule_.rowGroups.begin();
  for (size_t i = 0; i < schedule_.calls.size(); ++i) {
    if (group != schedule_.rowGroups.end() && i == group->first) {
      rows(*group);
      i += group->count - 1;
      ++group;
    } else if (schedule_.calls[i].control) {
      control(schedule_.calls[i]);
    } else {
      step(schedule_.calls[i]);
    }
  }
  endSerial();
  if (since_ != Since::nothing)
    meet();
  b_.CreateRet(b_.getInt32(kDone));
}

// A status of a library kernel, whatever else it said.
static constexpr uint64_t kExhausted = ~uint64_t{0};

static bool worthThreads(int64_t range, int64_t grain) { return range >= 2 * grain; }

void PlanBody::step(const ScheduledCall& call) {
  const bool parallel = threaded_ && worthThreads(call.range, call.grain);
  const bool fails = call.status || call.scratchBytes;
  const auto run = [&](Value* args, Value* lo, Value* hi) {
    call.library ? callLibrary(call, args, lo, hi, parallel) : callKernel(call, args, lo, hi);
  };
  if (fails || !parallel)
    beginSerial();
  if (fails)
    b_.CreateStore(b_.getInt64(0), status(call));
  if (parallel) {
    beginParallel();
    Value* args = storeArgs(call);
    pieces(call.range, call.grain, [&](Value* lo, Value* hi) { run(args, lo, hi); });
  } else {
    run(storeArgs(call), b_.getInt64(0), b_.getInt64(call.range));
  }
  if (fails)
    returnIfFailed(call);
}

PlanBody::Value* PlanBody::status(const ScheduledCall& call) {
  return address(call, call.buffers.size() - (call.scratchBytes ? 2 : 1));
}

/// The code with the number of the problem, which a status says in its bits from `bit` on, plus 1.
static llvm::Value* withPosition(llvm::IRBuilder<>& b, llvm::Value* code, llvm::Value* status,
                                 int bit) {
  const auto number = [&](int64_t n) { return b.getInt64(static_cast<uint64_t>(n)); };
  llvm::Value* next =
      b.CreateAdd(b.CreateLShr(b.CreateSub(status, number(1)), number(bit)), number(1));
  llvm::Value* fits = b.CreateICmpULT(next, number(1 << (31 - kCodeBits)));
  llvm::Value* high = b.CreateShl(b.CreateSelect(fits, next, number(0)), number(kCodeBits));
  return b.CreateOr(code, b.CreateTrunc(high, b.getInt32Ty()));
}

void PlanBody::returnIfFailed(const ScheduledCall& call) {
  // Nobody goes on, and perhaps uses that memory, before all have looked.
  endSerial();
  meet();
  Value* said = b_.CreateLoad(b_.getInt64Ty(), status(call));
  meet();
  const std::string line = call.where.known() ? Error(call.where, "").what() : std::string();
  const auto code = [&](const std::string& what) {
    return b_.getInt32(context_.model.codeOf(line + call.name + ": " + what));
  };
  if (call.scratchBytes)
    returnIf(b_.CreateICmpEQ(said, b_.getInt64(kExhausted)),
             code("internal: the workspace does not suffice; please report this"));
  if (call.status)
    returnIf(b_.CreateICmpNE(said, b_.getInt64(0)),
             withPosition(b_, code(call.failure), said, call.library ? runtime::kDetailBits : 0));
}

// A chunk of rows after the other, through all steps of the group.
void PlanBody::rows(const runtime::RowGroup& group) {
  const bool parallel = threaded_ && worthThreads(group.rows, group.grain);
  parallel ? beginParallel() : beginSerial();
  std::vector<Value*> args;
  size_t slot = 0;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    args.push_back(storeArgs(schedule_.calls[i], slot));
    slot += schedule_.calls[i].buffers.size();
  }
  const auto body = [&](Value* lo, Value* hi) {
    llvm::BasicBlock *before = b_.GetInsertBlock(), *loop = block("rows"), *end = block("after");
    b_.CreateBr(loop);
    enter(loop);
    llvm::PHINode* from = b_.CreatePHI(b_.getInt64Ty(), 2);
    from->addIncoming(lo, before);
    Value* next = b_.CreateAdd(from, b_.getInt64(group.chunk));
    Value* to = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, next, hi);
    for (size_t i = 0; i < group.count; ++i) {
      const ScheduledCall& call = schedule_.calls[group.first + i];
      Value* each = b_.getInt64(call.range / group.rows);
      callKernel(call, args[i], b_.CreateMul(from, each), b_.CreateMul(to, each));
    }
    from->addIncoming(next, b_.GetInsertBlock());
    b_.CreateCondBr(b_.CreateICmpSLT(next, hi), loop, end);
    enter(end);
  };
  if (parallel)
    pieces(group.rows, group.grain, body);
  else
    body(b_.getInt64(0), b_.getInt64(group.rows));
}

void PlanBody::pieces(int64_t range, int64_t grain, llvm::function_ref<void(Value*, Value*)> body) {
  const auto most =
      static_cast<uint32_t>(std::min<int64_t>(range / std::max<int64_t>(1, grain), kMostThreads));
  Value* count = b_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, threads_, b_.getInt32(most));
  when(b_.CreateICmpULT(me_, count), [&] {
    Value* wide = b_.CreateZExt(count, b_.getInt64Ty());
    Value* me = b_.CreateZExt(me_, b_.getInt64Ty());
    const auto cut = [&](Value* i) {
      return b_.CreateUDiv(b_.CreateMul(i, b_.getInt64(range)), wide);
    };
    body(cut(me), cut(b_.CreateAdd(me, b_.getInt64(1))));
  });
}

void PlanBody::callKernel(const ScheduledCall& call, Value* args, Value* lo, Value* hi) {
  llvm::Function* kernel = context_.kernels.at(call.kernel.text());
  b_.CreateCall(kernel, {args, llvm::ConstantPointerNull::get(b_.getPtrTy()), lo, hi});
}

void PlanBody::callLibrary(const ScheduledCall& call, Value* args, Value* lo, Value* hi,
                           bool parallel) {
  const std::span<const int64_t> params(call.params);
  Value* scratch = address(call, call.buffers.size() - 1);
  if (parallel)
    scratch = offset(
        scratch, b_.CreateMul(b_.CreateZExt(me_, b_.getInt64Ty()), b_.getInt64(call.scratchBytes)));
  Value* exhausted =
      b_.CreateCall(libraryKernel(context_.module, call.libraryName),
                    {args, context_.constants.at(std::as_bytes(params)), lo, hi, scratch,
                     b_.getInt64(static_cast<uint64_t>(call.scratchBytes))});
  when(b_.CreateICmpNE(exhausted, b_.getInt32(0)), [&] {
    b_.CreateAtomicRMW(llvm::AtomicRMWInst::UMax, status(call), b_.getInt64(kExhausted),
                       llvm::MaybeAlign(8), llvm::AtomicOrdering::Monotonic);
  });
}

void PlanBody::beginSerial() {
  if (!threaded_ || serialEnd_)
    return;
  if (since_ == Since::parallel)
    meet();
  llvm::BasicBlock* serial = block("serial");
  serialEnd_ = block("all");
  b_.CreateCondBr(b_.CreateICmpEQ(me_, b_.getInt32(0)), serial, serialEnd_);
  enter(serial);
  since_ = Since::serial;
}

void PlanBody::endSerial() {
  if (!serialEnd_)
    return;
  b_.CreateBr(serialEnd_);
  enter(serialEnd_);
  serialEnd_ = nullptr;
}

void PlanBody::beginParallel() {
  endSerial();
  if (since_ != Since::nothing)
    meet();
  since_ = Since::parallel;
}

void PlanBody::meet() {
  if (threaded_)
    b_.CreateCall(context_.module.getFunction(kMeet), {team_, threads_});
  since_ = Since::nothing;
}

PlanBody::Value* PlanBody::address(const ScheduledCall& call, size_t arg) {
  const PlannedBuffer& buffer = schedule_.buffers[static_cast<size_t>(call.buffers[arg])];
  const int64_t bytes = call.offsets.empty() ? 0 : call.offsets[arg];
  switch (buffer.kind) {
  case PlannedBuffer::Kind::Input: return offset(inputPointers_[buffer.index], bytes);
  case PlannedBuffer::Kind::Output: return offset(outputPointers_[buffer.index], bytes);
  case PlannedBuffer::Kind::Temporary: return offset(arena_, buffer.arenaOffset + bytes);
  case PlannedBuffer::Kind::Constant: break;
  }
  return offset(context_.constants.at(buffer.literal->bytes), bytes);
}

PlanBody::Value* PlanBody::storeArgs(const ScheduledCall& call, size_t first) {
  if (!args_) {
    size_t most = 0;
    for (const ScheduledCall& other : schedule_.calls)
      most = std::max(most, other.buffers.size());
    for (const runtime::RowGroup& group : schedule_.rowGroups) {
      size_t all = 0;
      for (size_t i = group.first; i < group.first + group.count; ++i)
        all += schedule_.calls[i].buffers.size();
      most = std::max(most, all);
    }
    args_ = pointers(most);
  }
  Value* begin = b_.CreateConstGEP1_64(b_.getPtrTy(), args_, first);
  for (size_t i = 0; i < call.buffers.size(); ++i)
    storePointer(begin, i, address(call, i));
  return begin;
}

PlanBody::Value* PlanBody::pointers(size_t count) {
  return entry_.CreateAlloca(entry_.getPtrTy(), entry_.getInt32(static_cast<uint32_t>(count)));
}

void PlanBody::storePointer(Value* array, size_t i, Value* pointer) {
  b_.CreateStore(pointer, b_.CreateConstGEP1_64(b_.getPtrTy(), array, i));
}

PlanBody::Value* PlanBody::offset(Value* pointer, Value* bytes) {
  return b_.CreateGEP(b_.getInt8Ty(), pointer, bytes);
}
PlanBody::Value* PlanBody::offset(Value* pointer, int64_t bytes) {
  return bytes ? offset(pointer, b_.getInt64(static_cast<uint64_t>(bytes))) : pointer;
}

void PlanBody::copy(Value* to, Value* from, int64_t bytes) {
  if (bytes > 0)
    b_.CreateMemCpy(to, llvm::Align(1), from, llvm::Align(1), static_cast<uint64_t>(bytes));
}

llvm::BasicBlock* PlanBody::block(const char* name) {
  return llvm::BasicBlock::Create(function_->getContext(), name, function_);
}

void PlanBody::enter(llvm::BasicBlock* block) { b_.SetInsertPoint(block); }

void PlanBody::returnIf(Value* condition, Value* code) {
  llvm::BasicBlock *failed = block("failed"), *next = block("next");
  b_.CreateCondBr(condition, failed, next);
  enter(failed);
  b_.CreateRet(code);
  enter(next);
}

void PlanBody::when(Value* condition, llvm::function_ref<void()> body) {
  llvm::BasicBlock *then = block("then"), *next = block("next");
  b_.CreateCondBr(condition, then, next);
  enter(then);
  body();
  b_.CreateBr(next);
  enter(next);
}

} // namespace diptych::aot
