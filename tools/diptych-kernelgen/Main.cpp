// diptych-kernelgen: writes the eager kernels of one CPU level as an object file, with their table;
// or those of the GPU, as PTX in an object file.
#include "codegen/EagerKernels.h"
#include "codegen/Emit.h"
#include "codegen/Target.h"
#include "codegen/cuda/EagerGpu.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
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
static void addTable(llvm::Module& module, llvm::ArrayRef<EagerKernel> kernels) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type *i8 = llvm::Type::getInt8Ty(context), *i16 = llvm::Type::getInt16Ty(context);
  auto* entry =
      llvm::StructType::get(context, {i16, i8, i8, i8, llvm::PointerType::get(context, 0)});
  const auto number = [](llvm::Type* type, auto value) {
    return llvm::ConstantInt::get(type, static_cast<uint64_t>(value));
  };
  llvm::SmallVector<llvm::Constant*> rows;
  for (const EagerKernel& kernel : kernels)
    rows.push_back(llvm::ConstantStruct::get(
        entry, {number(i16, kernel.code), number(i8, kernel.in), number(i8, kernel.out),
                number(i8, kernel.variant), module.getFunction(kernel.name() + "_" + suffix)}));
  const auto add = [&](const std::string& name, llvm::Constant* value) {
    new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                             llvm::GlobalValue::ExternalLinkage, value, name + suffix);
  };
  add("diptych_kernel_count_", number(llvm::Type::getInt64Ty(context), kernels.size()));
  add("diptych_kernel_table_",
      llvm::ConstantArray::get(llvm::ArrayType::get(entry, rows.size()), rows));
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

static void generate() {
  Target target(cpu);
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  loadKernelDialects(context);
  prepareContext(context);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  std::vector<EagerKernel> kernels;
  if (gpu.empty())
    kernels = eagerKernels(target.vectorBytes());
  else
    emitPtx(*module);
  for (const EagerKernel& kernel : kernels)
    emitKernel(*module, kernel.name() + "_" + suffix, kernel.spec);
  llvm::LLVMContext llvmContext;
  const auto translated = translate(*module, llvmContext, target);
  if (gpu.empty())
    addTable(*translated, kernels);
  const auto object = compileObject(*translated, target.machine());
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
