// The C functions and the symbols of an artefact, as LLVM IR around the plans.
#pragma once

#include "aot/Plan.h"

namespace diptych::aot {

/// The plans of one target, by entry, and how the CPU is asked; no name: there is nothing to ask.
struct Version {
  std::vector<llvm::Function*> plans;
  std::vector<OpenEntry> open; // by entry
  std::string check;
  std::string cpu, features; // of every function of this version
};

/// Captured tensors, by entry; empty where they are passed.
using Embedded = std::vector<std::vector<llvm::Constant*>>;

/// NAME_<entry> for every entry, which takes the first version that the CPU can run, and
/// NAME_<entry>_workspace_bytes.
void addEntries(llvm::Module& module, const Model& model, const std::vector<Version>& versions,
                const Embedded& embedded);

/// NAME_about, NAME_version and their like, NAME_error_message, NAME_check_cpu, tables of tensors.
void addDescription(llvm::Module& module, const Model& model, const std::vector<Version>& versions);

/// Gives a function the instructions that a version may use.
void setCpu(llvm::Function& function, const Version& version);

} // namespace diptych::aot
