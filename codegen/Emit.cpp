// Chooses the emitter of a kernel description.
#include "codegen/Emit.h"

#include "codegen/ConvolutionEmitter.h"
#include "codegen/MatmulEmitter.h"
#include "codegen/NestEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace diptych::codegen {

void loadKernelDialects(mlir::MLIRContext& context) {
  context
      .loadDialect<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                   mlir::scf::SCFDialect, mlir::vector::VectorDialect, mlir::LLVM::LLVMDialect>();
}

namespace {
struct Emit {
  KernelBuilder& kernel;
  bool contract;
  void operator()(const NestSpec& spec) { NestEmitter(kernel, spec, contract).emit(); }
  void operator()(const ArgSpec& spec) { emitArg(kernel, spec); }
  void operator()(const CumulativeSpec& spec) { emitCumulative(kernel, spec); }
  void operator()(const MatmulSpec& spec) { MatmulEmitter(kernel, spec, contract).emit(); }
  void operator()(const ConvolutionSpec& spec) {
    ConvolutionEmitter(kernel, spec, contract).emit();
  }
  void operator()(const BlockSumSpec& spec) { emitBlockSum(kernel, spec); }
  void operator()(const IndexSpec& spec) { emitIndexed(kernel, spec); }
  void operator()(const RollingSpec& spec) { refuse(info(spec.code).name); }
  void operator()(const RowsSpec&) { refuse("a kernel of rows"); }
  [[noreturn]] static void refuse(const std::string& what) {
    throw Error("internal: " + what + " is a kernel on GPUs only");
  }
};
} // namespace

void emitKernel(mlir::ModuleOp module, llvm::StringRef name, const KernelSpec& spec) {
  KernelBuilder kernel(module, name);
  std::visit(Emit{kernel, spec.contract}, spec.what);
  kernel.finish();
}

} // namespace diptych::codegen
