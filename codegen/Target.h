// From a module of emitted kernels to machine code for one CPU. Knows LLVM; knows no kernel.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/PassManager.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class MemoryBuffer;
class Module;
class PassBuilder;
class TargetMachine;
} // namespace llvm

namespace diptych::codegen {

/// Seconds spent in each stage of code generation.
struct CodegenTimes {
  double lower = 0, translate = 0, codegen = 0;
};

/// A CPU to generate code for: "native", a name LLVM knows for this machine's family
/// ("x86-64-v3"), or "aarch64" and "x86-64", the least CPU of another family under Linux.
class Target {
public:
  /// Throws Error for a CPU that LLVM does not know.
  explicit Target(const std::string& cpu);

  ~Target();

  /// The code generator of compile thread `worker`; made once, since that takes a millisecond. To
  /// be called before the threads start.
  llvm::TargetMachine& machine(size_t worker = 0) const;
  /// Bytes of a vector register: 64, 32 or 16.
  int vectorBytes() const { return vectorBytes_; }
  /// Whether a vector of 64 bytes takes two turns. There a number that is broadcast to two vectors
  /// had better be loaded with each product than once: alone it takes a shuffle's place.
  bool splitsVectors() const { return cpu_ == "znver4"; }
  /// CPU and features, for cache keys and reports.
  std::string text() const { return cpu_ + " " + features_; }
  const std::string& cpu() const { return cpu_; }
  const std::string& features() const { return features_; }
  const std::string& triple() const { return triple_; }

private:
  std::string triple_, cpu_, features_;
  int vectorBytes_ = 16;
  mutable std::vector<std::unique_ptr<llvm::TargetMachine>> machines_;
};

/// Registers what translation to LLVM IR needs; call once for each context.
void prepareContext(mlir::MLIRContext& context);

/// An object file of emitted kernels, through which nothing is thrown; or of LLVM IR.
std::unique_ptr<llvm::MemoryBuffer>
compileObject(mlir::ModuleOp module, llvm::TargetMachine& machine, CodegenTimes& times);
std::unique_ptr<llvm::MemoryBuffer> compileObject(llvm::Module& module,
                                                  llvm::TargetMachine& machine);

/// Runs what `pipeline` makes of a PassBuilder for this machine, or for none.
void runPasses(llvm::Module& module, llvm::TargetMachine* machine,
               llvm::function_ref<llvm::ModulePassManager(llvm::PassBuilder&)> pipeline);

/// LLVM IR of a module of emitted kernels.
std::unique_ptr<llvm::Module> translate(mlir::ModuleOp module, llvm::LLVMContext& context,
                                        const Target& target);
/// An object file, or assembly as text, of a module that is cleaned up on the way.
std::string machineCode(llvm::Module& module, const Target& target, bool assembly);

/// LLVM IR or assembly of emitted kernels, as text.
std::string printLLVM(mlir::ModuleOp module, const Target& target);
std::string printAssembly(mlir::ModuleOp module, const Target& target);

} // namespace diptych::codegen
