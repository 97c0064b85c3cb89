// Emits one loop for each case, dtype and width, and compiles them with the JIT.
#include "MathKernels.h"

#include "codegen/Ldexp.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

namespace diptych::mathtest {

namespace arith = mlir::arith;
namespace LLVM = mlir::LLVM;

static std::string kernelName(const Case& test, bool wide, int width) {
  return std::string(test.name) + (wide ? "64x" : "32x") + std::to_string(width);
}

/// void kernel(const T* x, const T* y, T* out, int64_t n): n is a multiple of the width.
static void emitKernel(mlir::ModuleOp module, const Case& test, bool wide, int width) {
  mlir::OpBuilder builder(module.getContext());
  builder.setInsertionPointToEnd(module.getBody());
  mlir::Location loc = builder.getUnknownLoc();
  mlir::Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
  mlir::Type i64 = builder.getI64Type();
  mlir::Type element = wide ? mlir::Type(builder.getF64Type()) : mlir::Type(builder.getF32Type());
  mlir::Type type = width == 1 ? element : mlir::VectorType::get({width}, element);
  auto signature = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                               {pointer, pointer, pointer, i64});
  auto function = LLVM::LLVMFuncOp::create(builder, loc, kernelName(test, wide, width), signature);
  mlir::Block* body = function.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);
  auto constant = [&](int64_t value) -> mlir::Value {
    return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
  };
  auto loop =
      mlir::scf::ForOp::create(builder, loc, constant(0), body->getArgument(3), constant(width));
  LLVM::ReturnOp::create(builder, loc, mlir::ValueRange());
  builder.setInsertionPointToStart(loop.getBody());
  auto at = [&](int argument) -> mlir::Value {
    return LLVM::GEPOp::create(builder, loc, pointer, element, body->getArgument(argument),
                               mlir::ValueRange{loop.getInductionVar()});
  };
  unsigned alignment = wide ? 8 : 4;
  mlir::Value x = LLVM::LoadOp::create(builder, loc, type, at(0), alignment);
  mlir::Value y = LLVM::LoadOp::create(builder, loc, type, at(1), alignment);
  MathBuilder math(builder, loc);
  LLVM::StoreOp::create(builder, loc, test.expand(math, x, y), at(2), alignment);
}

static void lower(mlir::ModuleOp module) {
  mlir::MLIRContext* context = module.getContext();
  mlir::LLVMTypeConverter converter(context);
  mlir::RewritePatternSet patterns(context);
  mlir::populateSCFToControlFlowConversionPatterns(patterns);
  mlir::cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  mlir::arith::populateArithToLLVMConversionPatterns(converter, patterns);
  mlir::populateMathToLLVMConversionPatterns(converter, patterns);
  mlir::populateVectorToLLVMConversionPatterns(converter, patterns);
  mlir::LLVMConversionTarget target(*context);
  target.addLegalOp<mlir::ModuleOp>();
  ASSERT_TRUE(mlir::succeeded(mlir::applyFullConversion(module, target, std::move(patterns))));
}

static std::unique_ptr<llvm::TargetMachine> targetMachine(const std::string& cpu,
                                                          llvm::FPOpFusion::FPOpFusionMode fusion) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::Triple triple(llvm::sys::getProcessTriple());
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = fusion;
  return std::unique_ptr<llvm::TargetMachine>(
      target->createTargetMachine(triple, cpu, "", options, llvm::Reloc::PIC_, std::nullopt,
                                  llvm::CodeGenOptLevel::Default, true));
}

Kernels::Kernels(llvm::ArrayRef<Case> cases, const std::string& cpu, llvm::ArrayRef<int> widths,
                 llvm::FPOpFusion::FPOpFusionMode fusion) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context
      .loadDialect<arith::ArithDialect, mlir::math::MathDialect, mlir::scf::SCFDialect,
                   mlir::cf::ControlFlowDialect, mlir::vector::VectorDialect, LLVM::LLVMDialect>();
  mlir::registerBuiltinDialectTranslation(context);
  mlir::registerLLVMDialectTranslation(context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  for (const Case& test : cases)
    for (bool wide : {true, false})
      for (int width : widths)
        emitKernel(*module, test, wide, width);
  lower(*module);
  llvm::LLVMContext llvmContext;
  auto translated = mlir::translateModuleToLLVMIR(*module, llvmContext);
  auto machine = targetMachine(cpu, fusion);
  translated->setDataLayout(machine->createDataLayout());
  translated->setTargetTriple(machine->getTargetTriple());
  codegen::expandLdexp(*translated, *machine);
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  llvm::MCContext* unused;
  machine->addPassesToEmitMC(passes, unused, stream, true);
  passes.run(*translated);
  jit_ = llvm::cantFail(llvm::orc::LLJITBuilder().create());
  llvm::cantFail(jit_->addObjectFile(
      std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), "math", false)));
}

llvm::orc::ExecutorAddr Kernels::address(const Case& test, bool wide, int width) const {
  return llvm::cantFail(jit_->lookup(kernelName(test, wide, width)));
}

const Kernels& native() {
  static const Kernels kernels(allCases(), llvm::sys::getHostCPUName().str(), {1, 2, 4, 8, 16});
  return kernels;
}

} // namespace diptych::mathtest
