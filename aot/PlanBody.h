// One plan in the making: where instructions go, who runs them, when threads meet.
#pragma once

#include "aot/Plan.h"

#include "llvm/IR/IRBuilder.h"

namespace diptych::aot {

class PlanBody {
public:
  PlanBody(PlanContext& context, const codegen::Schedule& schedule, const PlanNumbers& numbers,
           llvm::Function* function, bool threaded);
  void emit();

private:
  using Value = llvm::Value;
  /// What has run since all threads met.
  enum class Since : uint8_t { nothing, serial, parallel };

  void step(size_t index);
  void rows(size_t index);
  /// Runs `body(lo, hi)` on this thread's part of [0, range), or on all of it.
  void pieces(const Size& range, const Size& grain, llvm::function_ref<void(Value*, Value*)> body);
  void callKernel(size_t index, Value* args, Value* lo, Value* hi);
  /// Of runtime/library, with memory of this thread's if others run it too.
  void callLibrary(size_t index, Value* args, Value* lo, Value* hi, bool parallel);
  Value* status(size_t index);
  void returnIfFailed(size_t index);

  // Numbers.
  Value* number(int64_t n) { return b_.getInt64(static_cast<uint64_t>(n)); }
  Value* number(const Size& size);
  /// Address of a slot of the table.
  Value* slot(int index);

  // Threads: what follows is for the first one alone, or for all.
  void beginSerial();
  void endSerial();
  void beginParallel();
  void meet();

  // Memory.
  Value* address(size_t call, size_t arg);
  /// Stores the addresses of a call's args from slot `first` on; returns where.
  Value* storeArgs(size_t call, size_t first = 0);
  Value* pointers(size_t count); // an array of so many, on the stack
  void storePointer(Value* array, size_t i, Value* pointer);
  Value* offset(Value* pointer, Value* bytes);
  Value* offset(Value* pointer, int64_t bytes) { return offset(pointer, Size(bytes)); }
  Value* offset(Value* pointer, const Size& bytes);
  void copy(Value* to, Value* from, const Size& bytes);

  // Control flow of the function.
  llvm::BasicBlock* block(const char* name);
  void enter(llvm::BasicBlock* block);
  void returnIf(Value* condition, Value* code);
  void when(Value* condition, llvm::function_ref<void()> body);

  // Loops and branches (PlanControl.cpp).
  struct Part;
  struct Control;
  void control(size_t index);
  void scan(Control& control);
  void whileLoop(Control& control);
  void cond(Control& control);
  void run(Control& control, const Part& part);
  void copyBack(Control& control, llvm::ArrayRef<Value*> carry);
  Part part(const codegen::Schedule& schedule, const PlanNumbers& numbers, const char* name,
            bool threaded);

  PlanContext& context_;
  const codegen::Schedule& schedule_;
  const PlanNumbers& numbers_;
  llvm::Function* function_;
  bool threaded_;
  llvm::IRBuilder<> b_, entry_; // entry_: at the end of what runs first
  Value *inputs_, *outputs_, *arena_, *team_, *me_, *threads_;
  Value* table_ = nullptr; // of sizes
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
