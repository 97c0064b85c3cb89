// The call plan as code: a function of LLVM IR for each schedule, which calls kernels in order on
// addresses in its inputs, outputs and workspace. Knows no file and no C interface.
#pragma once

#include "aot/Model.h"
#include "aot/PlanNumbers.h"
#include "codegen/Target.h"

#include "llvm/IR/Module.h"

#include <map>

namespace diptych::aot {

/// Read-only data, each content once.
class Constants {
public:
  explicit Constants(llvm::Module& module) : module_(module) {}
  llvm::Constant* at(std::span<const std::byte> bytes);

private:
  llvm::Module& module_;
  std::map<std::string, llvm::Constant*> known_;
};

/// What plans of one target share.
struct PlanContext {
  llvm::Module& module;
  Model& model;
  Constants& constants;
  std::map<std::string, llvm::Function*> kernels; // by the text of their specs
  std::string suffix;                             // of the names of functions: the target's
};

/// i32 plan(ptr inputs, ptr outputs, ptr workspace, ptr team, i32 me, i32 threads): 0, or the code
/// of the step that failed. A threaded plan is run by all threads of a team at once, each taking
/// its part of every step and waiting for the others where steps depend; it ends with all of them
/// having met. One that is not runs on one thread and looks at none of the last three.
llvm::FunctionType* planType(llvm::LLVMContext& context);
llvm::Function* emitPlan(PlanContext& context, const codegen::Schedule& schedule,
                         const PlanNumbers& numbers, const std::string& name, bool threaded);

/// A plan for so many examples.
struct ChunkPlan {
  int64_t examples;
  llvm::Function* plan; // not threaded
};
/// A threaded plan (see planType) of a batch: each thread runs its share of the examples through
/// the chunks, in `workspaceBytes` of its own. The address of the size follows the last input.
/// Strides are bytes from one example to the next, 0 for what they share.
llvm::Function* emitBatchPlan(PlanContext& context, const std::vector<ChunkPlan>& chunks,
                              const std::vector<int64_t>& inputStrides,
                              const std::vector<int64_t>& outputStrides, int64_t workspaceBytes,
                              const std::string& name);

/// Whether a step of the schedule, or of its parts, is worth several threads, or can fail.
bool isParallel(const codegen::Schedule& schedule);
bool canFail(const codegen::Schedule& schedule);

/// What an entry with open shapes does before its plan runs, of one target.
struct OpenEntry {
  llvm::Function* fill = nullptr;  // void(ptr dims, ptr table); null: the entry has none
  llvm::Function* arena = nullptr; // i64(ptr dims): bytes of the workspace
  size_t slots = 0;                // of the table
};
struct OpenPlan;
OpenEntry emitOpenEntry(PlanContext& context, const OpenPlan& plan, const std::string& name);

/// Throws Error for a step whose kernel is library code, if this Diptych carries none for a target.
void checkLibrary(const codegen::Schedule& schedule, const codegen::Target& target);

} // namespace diptych::aot
