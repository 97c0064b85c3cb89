// The few functions of an artefact that no model decides: threads that meet, and asking the CPU.
#pragma once

#include "codegen/Target.h"

#include "llvm/IR/Module.h"

namespace diptych::aot {

/// Adds diptych_meet(team, threads), and i32 diptych_run(plan, inputs, outputs, workspace,
/// threads), which runs a threaded plan; `threads`: the header's diptych_threads, or null.
void addThreads(llvm::Module& module);

/// Adds i1 name(): whether the CPU, and the system, have all that code for `target` may use. False
/// where there is nothing to ask: nothing is added then.
bool addCpuCheck(llvm::Module& module, const codegen::Target& target, const std::string& name);

} // namespace diptych::aot
