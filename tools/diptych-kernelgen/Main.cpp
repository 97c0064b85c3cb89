// diptych-kernelgen: writes the eager kernels of one CPU level as an object file, with their table;
// or those of the GPU, as PTX in an object file.
#include "codegen/EagerKernels.h"
#include "codegen/Emit.h"
#include "codegen/Target.h"
#include "codegen/cuda/EagerGpu.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace diptych;
using namespace diptych::codegen;
using codegen::cuda::eagerPtxBlob;
namespace cl = llvm::cl;

static cl::opt<std::string> cpu("cpu", cl::desc("CPU level"), cl::Required);
static cl::opt<std::string> suffix("suffix", cl::desc("Suffix of symbols"));
static cl::opt<std::string> gpu("gpu", cl::desc("GPU architecture: PTX instead of kernels"));
static cl::opt<std::string> output("o", cl::desc("Object file to write"), cl::Required);

// The table: KernelEntry {u16 code, u8 in, u8 out, u8 variant, ptr function}[count], and its
// length.
static void emitTable(mlir::ModuleOp module, llvm::ArrayRef<EagerKernel> kernels) {
  mlir::OpBuilder b(module.getContext());
  mlir::Location loc = module.getLoc();
  mlir::Type i8 = b.getI8Type(), i16 = b.getI16Type(), i64 = b.getI64Type();
  auto pointer = mlir::LLVM::LLVMPointerType::get(b.getContext());
  auto entry = mlir::LLVM::LLVMStructType::getLiteral(b.getContext(), {i16, i8, i8, i8, pointer});
  auto table = mlir::LLVM::LLVMArrayType::get(entry, kernels.size());
  b.setInsertionPointToEnd(module.getBody());
  mlir::LLVM::GlobalOp::create(b, loc, i64, true, mlir::LLVM::Linkage::External,
                               "diptych_kernel_count_" + suffix,
                               b.getI64IntegerAttr(static_cast<int64_t>(kernels.size())));
  auto global = mlir::LLVM::GlobalOp::create(b, loc, table, true, mlir::LLVM::Linkage::External,
                                             "diptych_kernel_table_" + suffix, mlir::Attribute());
  b.setInsertionPointToStart(b.createBlock(&global.getInitializerRegion()));
  mlir::Value value = mlir::LLVM::UndefOp::create(b, loc, table);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const EagerKernel& kernel = kernels[i];
    const auto row = static_cast<int64_t>(i);
    const int64_t fields[] = {static_cast<int64_t>(kernel.code), static_cast<int64_t>(kernel.in),
                              static_cast<int64_t>(kernel.out), kernel.variant};
    for (int64_t f = 0; f < 4; ++f) {
      mlir::Value field = mlir::LLVM::ConstantOp::create(
          b, loc, f == 0 ? i16 : i8, b.getIntegerAttr(f == 0 ? i16 : i8, fields[f]));
      value =
          mlir::LLVM::InsertValueOp::create(b, loc, value, field, llvm::ArrayRef<int64_t>{row, f});
    }
    mlir::Value function =
        mlir::LLVM::AddressOfOp::create(b, loc, pointer, kernel.name() + "_" + suffix);
    value =
        mlir::LLVM::InsertValueOp::create(b, loc, value, function, llvm::ArrayRef<int64_t>{row, 4});
  }
  mlir::LLVM::ReturnOp::create(b, loc, value);
}

// diptych_eager_ptx[diptych_eager_ptx_bytes]: runtime/cuda/EagerPtx.h reads it.
static void emitPtx(mlir::ModuleOp module) {
  const std::string blob = eagerPtxBlob(gpu);
  mlir::OpBuilder b(module.getContext());
  mlir::Location loc = module.getLoc();
  b.setInsertionPointToEnd(module.getBody());
  mlir::LLVM::GlobalOp::create(b, loc, b.getI64Type(), true, mlir::LLVM::Linkage::External,
                               "diptych_eager_ptx_bytes",
                               b.getI64IntegerAttr(static_cast<int64_t>(blob.size())));
  auto type = mlir::LLVM::LLVMArrayType::get(b.getI8Type(), blob.size());
  mlir::LLVM::GlobalOp::create(b, loc, type, true, mlir::LLVM::Linkage::External,
                               "diptych_eager_ptx", b.getStringAttr(blob), /*alignment=*/8);
}

static void emitKernels(mlir::ModuleOp module, const Target& target) {
  const std::vector<EagerKernel> kernels = eagerKernels(target.vectorBytes());
  for (const EagerKernel& kernel : kernels)
    emitKernel(module, kernel.name() + "_" + suffix, kernel.spec);
  lowerToLLVM(module);
  emitTable(module, kernels);
}

static void generate() {
  Target target(cpu);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  prepareContext(context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  gpu.empty() ? emitKernels(*module, target) : emitPtx(*module);
  CodegenTimes times;
  const auto object = compileObject(*module, target.machine(), times);
  std::error_code error;
  llvm::raw_fd_ostream file(output, error, llvm::sys::fs::OF_None);
  if (error)
    throw Error("cannot write " + output + ": " + error.message());
  file << object->getBuffer();
}

int main(int argc, char** argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv,
                              "writes the eager kernels of one CPU level, or of the GPU\n");
  try {
    generate();
  } catch (const std::exception& error) {
    llvm::errs() << "diptych-kernelgen: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
