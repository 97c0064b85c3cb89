// One plan in the making: where instructions go, who runs them, when threads meet.
#pragma once

#include "aot/Plan.h"

#include "llvm/IR/IRBuilder.h"

namespace diptych::aot {

class PlanBody {
public:
  PlanBody(PlanContext& context, const codegen::Schedule& schedule, llvm::Function* function,
           bool threaded);
  void emit();

private:
  using Value = llvm::Value;
  /// What has run since all threads met.
  enum class Since : uint8_t { nothing, serial, parallel };

  void step(const codegen::ScheduledCall& call);
  void rows(const runtime::RowGroup& group);
  /// Runs `body(lo, hi)` on this thread's part of [0, range), or on all of it.
  void pieces(int64_t range, int64_t grain, llvm::function_ref<void(Value*, Value*)> body);
  void callKernel(const codegen::ScheduledCall& call, Value* args, Value* lo, Value* hi);
  /// Of runtime/library, with memory of this thread's if others run it too.
  void callLibrary(const codegen::ScheduledCall& call, Value* args, Value* lo, Value* hi,
                   bool parallel);
  Value* status(const codegen::ScheduledCall& call);
  void returnIfFailed(const codegen::ScheduledCall& call);

  // Threads: what follows is for the first one alone, or for all.
  void beginSerial();
  void endSerial();
  void beginParallel();
  void meet();

  // Memory.
  Value* address(const codegen::ScheduledCall& call, size_t arg);
  /// Stores the addresses of a call's args from slot `first` on; returns where.
  Value* storeArgs(const codegen::ScheduledCall& call, size_t first = 0);
  Value* pointers(size_t count); // an array of so many, on the stack
  void storePointer(Value* array, size_t i, Value* pointer);
  Value* offset(Value* pointer, Value* bytes);
  Value* offset(Value* pointer, int64_t bytes);
  void copy(Value* to, Value* from, int64_t bytes);

  // Control flow of the function.
  llvm::BasicBlock* block(const char* name);
  void enter(llvm::BasicBlock* block);
  void returnIf(Value* condition, Value* code);
  void when(Value* condition, llvm::function_ref<void()> body);

  // Loops and branches (PlanControl.cpp).
  struct Part;
  struct Control;
  void control(const codegen::ScheduledCall& call);
  void scan(Control& control);
  void whileLoop(Control& control);
  void cond(Control& control);
  void run(Control& control, const Part& part);
  void copyBack(Control& control, llvm::ArrayRef<Value*> carry);
  Part part(const codegen::Schedule& schedule, const char* name, bool threaded);

  PlanContext& context_;
  const codegen::Schedule& schedule_;
  llvm::Function* function_;
  bool threaded_;
  llvm::IRBuilder<> b_, entry_; // entry_: at the end of what runs first
  Value *inputs_, *outputs_, *arena_, *team_, *me_, *threads_;
  std::vector<Value*> inputPointers_, outputPointers_;
  Value* args_ = nullptr;
  llvm::BasicBlock* serialEnd_ = nullptr; // where the first thread's own part ends, if in one
  Since since_ = Since::nothing;
};

/// Names of functions that aot/Support.cpp defines.
constexpr const char* kMeet = "diptych_meet"; // void (ptr team, i32 threads)
/// Byte offset in a team of the code that the first thread tells the others.
constexpr int64_t kTeamCode = 128;

} // namespace diptych::aot
