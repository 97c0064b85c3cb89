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

PlanBody::PlanBody(PlanContext& context, const Schedule& schedule, const PlanNumbers& numbers,
                   llvm::Function* function, bool threaded)
    : context_(context), schedule_(schedule), numbers_(numbers), function_(function),
      threaded_(threaded), b_(function->getContext()), entry_(function->getContext()) {
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
  load(inputs_, schedule_.inputs.size() + numbers_.open, inputPointers_);
  load(outputs_, schedule_.outputs.size(), outputPointers_);
  if (numbers_.open) {
    table_ = inputPointers_.back();
    inputPointers_.pop_back();
  }
  size_t group = 0;
  for (size_t i = 0; i < schedule_.calls.size(); ++i) {
    if (group < schedule_.rowGroups.size() && i == schedule_.rowGroups[group].first) {
      rows(group);
      i += schedule_.rowGroups[group++].count - 1;
    } else if (schedule_.calls[i].control) {
      control(i);
    } else {
      step(i);
    }
  }
  endSerial();
  if (since_ != Since::nothing)
    meet();
  b_.CreateRet(b_.getInt32(kDone));
}

// A status of a library kernel, whatever else it said.
static constexpr uint64_t kExhausted = ~uint64_t{0};

// What is not known is decided at the call.
static bool worthThreads(const Size& range, const Size& grain) {
  return range.isDynamic() || grain.isDynamic() || range.value >= 2 * grain.value;
}

void PlanBody::step(size_t index) {
  const ScheduledCall& call = schedule_.calls[index];
  const Size &range = numbers_.calls[index].range, &grain = numbers_.calls[index].grain;
  const bool parallel = threaded_ && worthThreads(range, grain);
  const bool fails = call.status || call.scratchBytes;
  const auto run = [&](Value* args, Value* lo, Value* hi) {
    call.library ? callLibrary(index, args, lo, hi, parallel) : callKernel(index, args, lo, hi);
  };
  if (fails || !parallel)
    beginSerial();
  if (fails)
    b_.CreateStore(b_.getInt64(0), status(index));
  if (parallel) {
    beginParallel();
    Value* args = storeArgs(index);
    pieces(range, grain, [&](Value* lo, Value* hi) { run(args, lo, hi); });
  } else {
    run(storeArgs(index), number(0), number(range));
  }
  if (fails)
    returnIfFailed(index);
}

PlanBody::Value* PlanBody::status(size_t index) {
  const ScheduledCall& call = schedule_.calls[index];
  return address(index, call.buffers.size() - (call.scratchBytes ? 2 : 1));
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

void PlanBody::returnIfFailed(size_t index) {
  const ScheduledCall& call = schedule_.calls[index];
  // Nobody goes on, and perhaps uses that memory, before all have looked.
  endSerial();
  meet();
  Value* said = b_.CreateLoad(b_.getInt64Ty(), status(index));
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
void PlanBody::rows(size_t index) {
  const runtime::RowGroup& group = schedule_.rowGroups[index];
  const GroupNumbers& numbers = numbers_.groups[index];
  const bool parallel = threaded_ && worthThreads(numbers.rows, numbers.grain);
  parallel ? beginParallel() : beginSerial();
  std::vector<Value*> args;
  size_t slot = 0;
  for (size_t i = group.first; i < group.first + group.count; ++i) {
    args.push_back(storeArgs(i, slot));
    slot += schedule_.calls[i].buffers.size();
  }
  const auto body = [&](Value* lo, Value* hi) {
    llvm::BasicBlock *before = b_.GetInsertBlock(), *loop = block("rows"), *end = block("after");
    b_.CreateBr(loop);
    enter(loop);
    llvm::PHINode* from = b_.CreatePHI(b_.getInt64Ty(), 2);
    from->addIncoming(lo, before);
    Value* next = b_.CreateAdd(from, number(numbers.chunk));
    Value* to = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, next, hi);
    for (size_t i = 0; i < group.count; ++i) {
      Value* each = number(numbers.each[i]);
      callKernel(group.first + i, args[i], b_.CreateMul(from, each), b_.CreateMul(to, each));
    }
    from->addIncoming(next, b_.GetInsertBlock());
    b_.CreateCondBr(b_.CreateICmpSLT(next, hi), loop, end);
    enter(end);
  };
  if (parallel)
    pieces(numbers.rows, numbers.grain, body);
  else
    body(number(0), number(numbers.rows));
}

void PlanBody::pieces(const Size& range, const Size& grain,
                      llvm::function_ref<void(Value*, Value*)> body) {
  const auto binary = [&](llvm::Intrinsic::ID id, Value* x, Value* y) {
    return b_.CreateBinaryIntrinsic(id, x, y);
  };
  Value* all = number(range);
  Value* most = b_.CreateUDiv(all, binary(llvm::Intrinsic::umax, number(grain), number(1)));
  most = binary(llvm::Intrinsic::umin, most, number(kMostThreads));
  // However few there are, the first thread takes them.
  most = b_.CreateTrunc(binary(llvm::Intrinsic::umax, most, number(1)), b_.getInt32Ty());
  Value* count = binary(llvm::Intrinsic::umin, threads_, most);
  when(b_.CreateICmpULT(me_, count), [&] {
    Value* wide = b_.CreateZExt(count, b_.getInt64Ty());
    Value* me = b_.CreateZExt(me_, b_.getInt64Ty());
    const auto cut = [&](Value* i) { return b_.CreateUDiv(b_.CreateMul(i, all), wide); };
    body(cut(me), cut(b_.CreateAdd(me, b_.getInt64(1))));
  });
}

void PlanBody::callKernel(size_t index, Value* args, Value* lo, Value* hi) {
  llvm::Function* kernel = context_.kernels.at(schedule_.calls[index].kernel.text());
  const int params = numbers_.calls[index].params;
  Value* null = llvm::ConstantPointerNull::get(b_.getPtrTy());
  b_.CreateCall(kernel, {args, params < 0 ? null : slot(params), lo, hi});
}

PlanBody::Value* PlanBody::slot(int index) {
  return b_.CreateConstGEP1_64(b_.getInt64Ty(), table_, static_cast<uint64_t>(index));
}

PlanBody::Value* PlanBody::number(const Size& size) {
  return size.isDynamic() ? b_.CreateLoad(b_.getInt64Ty(), slot(size.slot)) : number(size.value);
}

void PlanBody::callLibrary(size_t index, Value* args, Value* lo, Value* hi, bool parallel) {
  const ScheduledCall& call = schedule_.calls[index];
  const std::span<const int64_t> fixed(call.params);
  const int slots = numbers_.calls[index].params;
  Value* params = slots < 0 ? context_.constants.at(std::as_bytes(fixed)) : slot(slots);
  Value* bytes = number(numbers_.calls[index].scratchBytes);
  Value* scratch = address(index, call.buffers.size() - 1);
  if (parallel)
    scratch = offset(scratch, b_.CreateMul(b_.CreateZExt(me_, b_.getInt64Ty()), bytes));
  Value* exhausted = b_.CreateCall(libraryKernel(context_.module, call.libraryName),
                                   {args, params, lo, hi, scratch, bytes});
  when(b_.CreateICmpNE(exhausted, b_.getInt32(0)), [&] {
    b_.CreateAtomicRMW(llvm::AtomicRMWInst::UMax, status(index), b_.getInt64(kExhausted),
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

PlanBody::Value* PlanBody::address(size_t index, size_t arg) {
  const auto place = static_cast<size_t>(schedule_.calls[index].buffers[arg]);
  const PlannedBuffer& buffer = schedule_.buffers[place];
  const std::vector<Size>& offsets = numbers_.calls[index].offsets;
  const Size bytes = offsets.empty() ? Size(0) : offsets[arg];
  switch (buffer.kind) {
  case PlannedBuffer::Kind::Input: return offset(inputPointers_[buffer.index], bytes);
  case PlannedBuffer::Kind::Output: return offset(outputPointers_[buffer.index], bytes);
  case PlannedBuffer::Kind::Temporary: {
    Value* base = buffer.home < 0 ? arena_ : outputPointers_[buffer.home];
    return offset(offset(base, numbers_.places[place]), bytes);
  }
  case PlannedBuffer::Kind::Constant: break;
  }
  return offset(context_.constants.at(buffer.literal->bytes), bytes);
}

PlanBody::Value* PlanBody::storeArgs(size_t index, size_t first) {
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
  for (size_t i = 0; i < schedule_.calls[index].buffers.size(); ++i)
    storePointer(begin, i, address(index, i));
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
PlanBody::Value* PlanBody::offset(Value* pointer, const Size& bytes) {
  return bytes.is(0) ? pointer : offset(pointer, number(bytes));
}

void PlanBody::copy(Value* to, Value* from, const Size& bytes) {
  if (!bytes.is(0))
    b_.CreateMemCpy(to, llvm::Align(1), from, llvm::Align(1), number(bytes));
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
