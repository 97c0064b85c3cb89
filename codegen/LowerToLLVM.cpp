// One conversion from what kernels are emitted in to the LLVM dialect. No memref, no index: kernels
// compute addresses in i64, so nothing else needs lowering.
#include "codegen/Target.h"

#include <diptych/Error.h>

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace diptych::codegen {

using namespace mlir;

static FrozenRewritePatternSet bfloatPatterns(MLIRContext& context) {
  RewritePatternSet patterns(&context);
  arith::populateExpandBFloat16Patterns(patterns);
  return patterns;
}

static FrozenRewritePatternSet allPatterns(MLIRContext& context, LLVMTypeConverter& converter) {
  RewritePatternSet patterns(&context);
  populateSCFToControlFlowConversionPatterns(patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/false);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  return patterns;
}

LlvmLowering::LlvmLowering(MLIRContext& context, bool convertsBfloat)
    : converter_(&context, LowerToLLVMOptions(&context)),
      bfloat_(convertsBfloat ? FrozenRewritePatternSet() : bfloatPatterns(context)),
      all_(allPatterns(context, converter_)) {}

static bool hasBfloat(ModuleOp module) {
  auto is = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  return module
      .walk([&](Operation* op) {
        return llvm::any_of(op->getResultTypes(), is) ? WalkResult::interrupt()
                                                      : WalkResult::advance();
      })
      .wasInterrupted();
}

void LlvmLowering::run(ModuleOp module) const {
  if (hasBfloat(module) && failed(applyPatternsGreedily(module, bfloat_)))
    throw Error("internal: conversions of bf16 do not expand");
  ConversionTarget target(*module.getContext());
  target.addLegalOp<ModuleOp>();
  target.addLegalDialect<LLVM::LLVMDialect>();
  target.addLegalDialect<NVVM::NVVMDialect>(); // of GPU kernels: translated as it stands
  if (failed(applyFullConversion(module, target, all_)))
    throw Error("internal: a kernel does not lower to LLVM");
}

void lowerToLLVM(ModuleOp module, bool convertsBfloat) {
  LlvmLowering(*module.getContext(), convertsBfloat).run(module);
}

} // namespace diptych::codegen
