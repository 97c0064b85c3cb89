// diptych-emit-kernels: what the compiler hands to LLVM, for a fixed vector width, so that tests
// read the same kernels on every machine.
#include "tools/diptych-opt/EmitKernels.h"

#include "codegen/Emit.h"
#include "codegen/Schedule.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

#include <set>

namespace diptych {

namespace {

struct EmitKernels : mlir::PassWrapper<EmitKernels, mlir::OperationPass<mlir::ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(EmitKernels)

  EmitKernels() = default;
  EmitKernels(const EmitKernels& other) : PassWrapper(other) {}

  llvm::StringRef getArgument() const override { return "diptych-emit-kernels"; }
  llvm::StringRef getDescription() const override {
    return "Replace fused functions by the kernels they call, each once: @f_0, @f_1, ...";
  }
  void getDependentDialects(mlir::DialectRegistry& registry) const override {
    registry.insert<mlir::func::FuncDialect, mlir::arith::ArithDialect, mlir::math::MathDialect,
                    mlir::scf::SCFDialect, mlir::vector::VectorDialect, mlir::LLVM::LLVMDialect>();
  }

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    const llvm::SmallVector<mlir::func::FuncOp> functions(module.getOps<mlir::func::FuncOp>());
    for (mlir::func::FuncOp function : functions) {
      codegen::ScheduleOptions options;
      options.vectorBytes = vectorBytes;
      options.splitsVectors = splitsVectors;
      options.contract = contract;
      const codegen::Schedule schedule = codegen::schedule(function, options);
      std::set<std::string> seen;
      for (const codegen::KernelSpec* kernel : codegen::kernelsOf(schedule))
        if (seen.insert(kernel->text()).second)
          codegen::emitKernel(
              module, (function.getName() + "_" + llvm::Twine(seen.size() - 1)).str(), *kernel);
      function.erase();
    }
  }

  Option<int> vectorBytes{*this, "vector-bytes", llvm::cl::init(64),
                          llvm::cl::desc("Size of a vector register: 64, 32 or 16")};
  Option<bool> splitsVectors{*this, "splits-vectors", llvm::cl::init(false),
                             llvm::cl::desc("Vectors of 64 bytes take two turns")};
  Option<bool> contract{*this, "contract", llvm::cl::init(false),
                        llvm::cl::desc("Numerics `standard`: a*b+c may become one fma")};
};

} // namespace

void registerEmitKernels() { mlir::PassRegistration<EmitKernels>(); }

} // namespace diptych
