// Loops and branches of a plan: plans of their parts, called in loops. Carries lie in two buffers
// by turns, as in runtime/Execution.cpp. A loop without a step worth several threads runs on one.
#include "aot/PlanBody.h"

namespace diptych::aot {

using codegen::Schedule;
using codegen::ScheduledCall;

/// A plan that runs inside, and the arrays it is given.
struct PlanBody::Part {
  llvm::Function* plan = nullptr;
  Value *inputs = nullptr, *outputs = nullptr, *arena = nullptr;
  bool empty = true;
};

/// One loop or branch: the addresses of its args, in the order that runtime::ControlStep says.
struct PlanBody::Control {
  const codegen::ScheduledControl& what;
  const ControlNumbers& numbers;
  std::vector<Value*> args;
  bool parallel = false;
  Value* code = nullptr; // where the code of a failed part is kept; null: none can fail
  llvm::BasicBlock* done = nullptr;

  const runtime::ControlStep& step() const { return what.step; }
};

PlanBody::Part PlanBody::part(const Schedule& schedule, const PlanNumbers& numbers,
                              const char* name, bool threaded) {
  Part part;
  part.plan = emitPlan(context_, schedule, numbers, function_->getName().str() + name, threaded);
  part.inputs = pointers(schedule.inputs.size() + 1);
  if (numbers.open)
    storePointer(part.inputs, schedule.inputs.size(), table_);
  part.outputs = pointers(std::max<size_t>(1, schedule.outputs.size()));
  part.empty = schedule.calls.empty();
  return part;
}

void PlanBody::control(size_t index) {
  const ScheduledCall& call = schedule_.calls[index];
  Control control{*call.control, *numbers_.calls[index].control, {}, false, nullptr, nullptr};
  const Schedule &body = control.what.body, &other = control.what.other;
  control.parallel = threaded_ && (isParallel(body) || isParallel(other));
  const bool fails = canFail(body) || canFail(other);
  control.parallel ? beginParallel() : beginSerial();
  for (size_t i = 0; i < call.buffers.size(); ++i)
    control.args.push_back(address(index, i));
  if (fails) {
    control.code = entry_.CreateAlloca(entry_.getInt32Ty());
    b_.CreateStore(b_.getInt32(kDone), control.code);
  }
  control.done = block("done");
  switch (control.step().kind) {
  case runtime::ControlStep::Kind::scan: scan(control); break;
  case runtime::ControlStep::Kind::whileLoop: whileLoop(control); break;
  case runtime::ControlStep::Kind::cond: cond(control); break;
  }
  b_.CreateBr(control.done);
  enter(control.done);
  if (!fails)
    return;
  Value* code = b_.CreateLoad(b_.getInt32Ty(), control.code);
  if (threaded_ && !control.parallel) {
    Value* shared = offset(team_, kTeamCode);
    b_.CreateStore(code, shared);
    endSerial();
    meet();
    code = b_.CreateLoad(b_.getInt32Ty(), shared);
    meet();
  }
  returnIf(b_.CreateICmpNE(code, b_.getInt32(kDone)), code);
}

// After a part that all threads run they have met.
void PlanBody::run(Control& control, const Part& part) {
  Value* code =
      b_.CreateCall(part.plan, {part.inputs, part.outputs, part.arena, team_, me_, threads_});
  if (!control.code)
    return;
  b_.CreateStore(code, control.code);
  llvm::BasicBlock* next = block("next");
  b_.CreateCondBr(b_.CreateICmpNE(code, b_.getInt32(kDone)), control.done, next);
  enter(next);
}

void PlanBody::copyBack(Control& control, llvm::ArrayRef<Value*> carry) {
  const runtime::ControlStep& step = control.step();
  Value* const* results = control.args.data() + step.consts + step.carry + step.xs;
  if (control.parallel)
    meet();
  const auto all = [&] {
    for (size_t i = 0; i < step.carry; ++i)
      when(b_.CreateICmpNE(carry[i], results[i]),
           [&] { copy(results[i], carry[i], control.numbers.carryBytes[i]); });
  };
  if (control.parallel)
    when(b_.CreateICmpEQ(me_, b_.getInt32(0)), all);
  else
    all();
  if (control.parallel)
    meet();
}

void PlanBody::scan(Control& control) {
  const runtime::ControlStep& step = control.step();
  const size_t m = step.carry, ys = step.results - m;
  Value* const* init = control.args.data() + step.consts;
  Value* const* xs = init + m;
  Value* const* results = xs + step.xs;
  Value* const* second = results + step.results;
  const Size& length = control.numbers.length;
  if (length.is(0))
    return copyBack(control, {init, m});
  if (length.isDynamic()) {
    llvm::BasicBlock *none = block("none"), *some = block("some");
    b_.CreateCondBr(b_.CreateICmpEQ(number(length), number(0)), none, some);
    enter(none);
    copyBack(control, {init, m});
    b_.CreateBr(control.done);
    enter(some);
  }
  Part body = part(control.what.body, control.numbers.body, ".body", control.parallel);
  body.arena = second[m];
  for (size_t i = 0; i < step.consts; ++i)
    storePointer(body.inputs, i, control.args[i]);
  llvm::BasicBlock *before = b_.GetInsertBlock(), *loop = block("scan"), *end = block("end");
  b_.CreateBr(loop);
  enter(loop);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
  i->addIncoming(b_.getInt64(0), before);
  std::vector<llvm::PHINode*> carry;
  for (size_t c = 0; c < m; ++c) {
    carry.push_back(b_.CreatePHI(b_.getPtrTy(), 2));
    carry.back()->addIncoming(init[c], before);
  }
  Value* left = b_.CreateSub(b_.CreateSub(number(length), number(1)), i);
  Value* row = step.reverse ? left : i;
  Value* last = b_.CreateICmpEQ(b_.CreateAnd(left, 1), b_.getInt64(0));
  std::vector<Value*> next;
  for (size_t c = 0; c < m; ++c) {
    next.push_back(b_.CreateSelect(last, results[c], second[c]));
    storePointer(body.inputs, step.consts + c, carry[c]);
    storePointer(body.outputs, c, next[c]);
  }
  const auto rowOf = [&](Value* stack, const Size& bytes) {
    return offset(stack, b_.CreateMul(row, number(bytes)));
  };
  for (size_t x = 0; x < step.xs; ++x)
    storePointer(body.inputs, step.consts + m + x, rowOf(xs[x], control.numbers.xBytes[x]));
  for (size_t y = 0; y < ys; ++y)
    storePointer(body.outputs, m + y, rowOf(results[m + y], control.numbers.yBytes[y]));
  run(control, body);
  Value* following = b_.CreateAdd(i, b_.getInt64(1));
  i->addIncoming(following, b_.GetInsertBlock());
  for (size_t c = 0; c < m; ++c)
    carry[c]->addIncoming(next[c], b_.GetInsertBlock());
  b_.CreateCondBr(b_.CreateICmpSLT(following, number(length)), loop, end);
  enter(end);
}

void PlanBody::whileLoop(Control& control) {
  const runtime::ControlStep& step = control.step();
  const size_t m = step.carry;
  Value* const* init = control.args.data() + step.consts;
  Value* const* results = init + m;
  Value* const* second = results + m;
  Value* predicate = second[m + 2];
  Part body = part(control.what.body, control.numbers.body, ".body", control.parallel);
  Part test = part(control.what.other, control.numbers.other, ".test", control.parallel);
  body.arena = second[m];
  test.arena = second[m + 1];
  for (const Part& each : {body, test})
    for (size_t i = 0; i < step.consts; ++i)
      storePointer(each.inputs, i, control.args[i]);
  storePointer(test.outputs, 0, predicate);
  llvm::BasicBlock *before = b_.GetInsertBlock(), *loop = block("while"), *inside = block("body"),
                   *end = block("end");
  b_.CreateBr(loop);
  enter(loop);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
  i->addIncoming(b_.getInt64(0), before);
  std::vector<llvm::PHINode*> carry;
  for (size_t c = 0; c < m; ++c) {
    carry.push_back(b_.CreatePHI(b_.getPtrTy(), 2));
    carry.back()->addIncoming(init[c], before);
  }
  if (step.length >= 0) {
    llvm::BasicBlock* ask = block("ask");
    b_.CreateCondBr(b_.CreateICmpSLT(i, number(control.numbers.length)), ask, end);
    enter(ask);
  }
  for (size_t c = 0; c < m; ++c)
    storePointer(test.inputs, step.consts + c, carry[c]);
  run(control, test);
  Value* holds = b_.CreateICmpNE(b_.CreateLoad(b_.getInt8Ty(), predicate), b_.getInt8(0));
  if (control.parallel)
    meet(); // before the predicate is written again
  b_.CreateCondBr(holds, inside, end);
  enter(inside);
  Value* even = b_.CreateICmpEQ(b_.CreateAnd(i, 1), b_.getInt64(0));
  std::vector<Value*> next;
  for (size_t c = 0; c < m; ++c) {
    next.push_back(b_.CreateSelect(even, results[c], second[c]));
    storePointer(body.inputs, step.consts + c, carry[c]);
    storePointer(body.outputs, c, next[c]);
  }
  run(control, body);
  i->addIncoming(b_.CreateAdd(i, b_.getInt64(1)), b_.GetInsertBlock());
  for (size_t c = 0; c < m; ++c)
    carry[c]->addIncoming(next[c], b_.GetInsertBlock());
  b_.CreateBr(loop);
  enter(end);
  copyBack(control, std::vector<Value*>(carry.begin(), carry.end()));
}

void PlanBody::cond(Control& control) {
  const runtime::ControlStep& step = control.step();
  Value* const* operands = control.args.data() + 1;
  Value* const* results = operands + step.xs;
  Part yes = part(control.what.body, control.numbers.body, ".then", control.parallel);
  Part no = part(control.what.other, control.numbers.other, ".else", control.parallel);
  yes.arena = results[step.results];
  no.arena = results[step.results + 1];
  Value* holds = b_.CreateICmpNE(b_.CreateLoad(b_.getInt8Ty(), control.args[0]), b_.getInt8(0));
  if (control.parallel)
    meet();
  llvm::BasicBlock *then = block("then"), *otherwise = block("else"), *end = block("end");
  b_.CreateCondBr(holds, then, otherwise);
  const auto branch = [&](llvm::BasicBlock* at, const Part& part) {
    enter(at);
    for (size_t i = 0; i < step.xs; ++i)
      storePointer(part.inputs, i, operands[i]);
    for (size_t i = 0; i < step.results; ++i)
      storePointer(part.outputs, i, results[i]);
    run(control, part);
    b_.CreateBr(end);
  };
  branch(then, yes);
  branch(otherwise, no);
  enter(end);
}

} // namespace diptych::aot
