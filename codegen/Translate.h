// From the dialects that kernels are emitted in to LLVM IR, in one step.
#pragma once

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace diptych::codegen {

/// Lets mlir::translateModuleToLLVMIR take func, scf, arith, math and vector beside llvm, as far as
/// kernels use them; of any other operation it says so and fails. Converting to the llvm dialect
/// first, by patterns, takes an eighth of all the time that compiling does.
void registerKernelTranslation(mlir::DialectRegistry& registry);

/// Conversions of bf16 become integer arithmetic. For machines without their own, which must round
/// to nearest even and keep denormals: a GPU's does, vcvtneps2bf16 of x86 does not.
void expandBfloat(mlir::ModuleOp module);

/// Two parts of the translation: what computes values, and what decides which operations run.
void registerOperationTranslation(mlir::DialectRegistry& registry);
void registerControlTranslation(mlir::DialectRegistry& registry);

} // namespace diptych::codegen
