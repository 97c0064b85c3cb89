// diptych-opt: reads textual IR, runs passes on it, prints it. For tests and for looking around.
#include "ir/Dialect.h"
#include "passes/Passes.h"
#include "tools/diptych-opt/EmitKernels.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char** argv) {
  mlir::DialectRegistry registry;
  registry.insert<diptych::ir::DiptychDialect, mlir::func::FuncDialect>();
  diptych::passes::registerDiptychPasses();
  diptych::registerEmitKernels();
  diptych::registerEmitPtx();
  mlir::registerTransformsPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Diptych's passes on textual IR\n", registry));
}
