// The few functions of an artefact that no model decides: threads that meet, a file of weights,
// asking the CPU.
#pragma once

#include "aot/Model.h"
#include "codegen/Target.h"

#include "llvm/IR/Module.h"

namespace diptych::aot {

/// Adds functions written as LLVM IR: for this module alone, but for names that begin with
/// `exported`, if it is not empty.
void addText(llvm::Module& module, const std::string& text, const std::string& exported = "");

/// Adds diptych_meet(team, threads), and i32 diptych_run(plan, inputs, outputs, workspace,
/// threads), which runs a threaded plan; `threads`: the header's diptych_threads, or null. And
/// NAME_start_pool and its like.
void addThreads(llvm::Module& module, const Model& model);
/// Text of the functions of a pool.
std::string poolText();

/// Adds NAME_open_weights and NAME_close_weights for the model's file of weights.
void addWeightFile(llvm::Module& module, const Model& model);

/// Throws Error where functions named `prefix`... convert f16 and `target` has no instruction for
/// it: LLVM would call a runtime library that artefacts do not link with.
void checkHalves(mlir::ModuleOp kernels, const std::string& prefix, const codegen::Target& target);

/// Adds i1 name(): whether the CPU, and the system, have all that code for `target` may use. False
/// where there is nothing to ask: nothing is added then.
bool addCpuCheck(llvm::Module& module, const codegen::Target& target, const std::string& name);

} // namespace diptych::aot
