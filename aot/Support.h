// The few functions of an artefact that no model decides: threads that meet, a file of weights,
// asking the CPU.
#pragma once

#include "aot/Model.h"
#include "codegen/Target.h"

#include "llvm/IR/Module.h"

namespace diptych::aot {

/// Adds functions written as LLVM IR: with their names for everybody, or for this module alone.
void addText(llvm::Module& module, const std::string& text, bool exported);

/// Adds diptych_meet(team, threads), and i32 diptych_run(plan, inputs, outputs, workspace,
/// threads), which runs a threaded plan; `threads`: the header's diptych_threads, or null.
void addThreads(llvm::Module& module, int most);

/// Adds NAME_open_weights and NAME_close_weights for the model's file of weights.
void addWeightFile(llvm::Module& module, const Model& model);

/// Adds i1 name(): whether the CPU, and the system, have all that code for `target` may use. False
/// where there is nothing to ask: nothing is added then.
bool addCpuCheck(llvm::Module& module, const codegen::Target& target, const std::string& name);

} // namespace diptych::aot
