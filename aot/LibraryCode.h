// Kernels of runtime/library for artefacts: compiled to LLVM bitcode when Diptych was built
// (aot/library), made a part of the artefact here.
#pragma once

#include "codegen/Target.h"

#include "llvm/IR/Module.h"

namespace diptych::aot {

/// Why this Diptych has no library code for a target ("it is for x86-64 ..."); empty: it has.
std::string lackOfLibrary(const codegen::Target& target);

/// i32 kernel(ptr args, ptr params, i64 lo, i64 hi, ptr scratch, i64 bytes): 0, or 1 where the
/// scratch memory, aligned to 64, did not suffice. A declaration, by LibraryCall's name.
llvm::Function* libraryKernel(llvm::Module& module, const std::string& name);

/// Defines the kernels that the module declares. Returns whether they call libm.
bool addLibraryCode(llvm::Module& module);

} // namespace diptych::aot
