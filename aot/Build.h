// From functions of the dialect to one LLVM module with everything an artefact holds.
#pragma once

#include "aot/Model.h"
#include "codegen/Target.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace diptych::aot {

struct Built {
  Model model;
  std::string kernels;                     // MLIR of the kernels, where asked for
  std::unique_ptr<codegen::Target> target; // that the module as a whole is compiled for
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
};

/// Throws Error for names that are no C identifiers or occur twice, for unknown targets, and what
/// runPipeline and checkLibrary throw. `keepKernels`: fill Built::kernels.
Built build(std::vector<Source>& sources, const Options& options, bool keepKernels = false);

struct Paths {
  std::string library, header, weights; // weights: used where they are in a file
};
/// Those that aot::compile writes to.
Paths pathsOf(const Options& options);

/// Writes what options.kind says and the header; see aot::compile.
Artefact write(Built& built, const Paths& paths);

/// Writes a file whole or not at all.
void writeFile(const std::string& path, const std::string& content);

/// Checks the names in `options`, before anything is traced.
void checkOptions(const Options& options);

} // namespace diptych::aot
