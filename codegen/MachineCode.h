// The last step of code generation, from LLVM IR to bytes.
#pragma once

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CodeGen.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace diptych::codegen {

/// Kernels are emitted in the order in which they should run; code from elsewhere (library
/// functions in artefacts) wants all that LLVM has.
enum class MachinePasses { forKernels, all };

llvm::SmallVector<char, 0> machineCode(llvm::Module& module, llvm::TargetMachine& machine,
                                       llvm::CodeGenFileType type, MachinePasses which);

} // namespace diptych::codegen
