// diptych-kernelgen: writes the eager kernels of one CPU level as an object file, with their table;
// or those of the GPU, as PTX in an object file.
#include "codegen/EagerKernels.h"
#include "codegen/Emit.h"
#include "codegen/FusedKernels.h"
#include "codegen/Target.h"
#include "codegen/cuda/EagerGpu.h"
#include "ir/Emitter.h"

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

#include <set>

using namespace diptych;
using namespace diptych::codegen;
using codegen::cuda::eagerPtxBlob;
namespace cl = llvm::cl;

// Fused functions are written down here. What would run them is made from that.
Emitter& diptych::eagerEmitter() { throw Error("internal: nothing is run eagerly"); }

static cl::opt<std::string> cpu("cpu", cl::desc("CPU level"), cl::Required);
static cl::opt<std::string> suffix("suffix", cl::desc("Suffix of symbols"));
static cl::opt<std::string> gpu("gpu", cl::desc("GPU architecture: PTX instead of kernels"));
static cl::opt<std::string> output("o", cl::desc("Object file to write"), cl::Required);

static std::string symbolOf(const FusedPass& pass) {
  return std::string("diptych_fused_") + pass.name;
}

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
  const auto row = [&](size_t code, DType in, DType out, uint8_t variant, const std::string& name) {
    rows.push_back(llvm::ConstantStruct::get(entry, {number(i16, code), number(i8, in),
                                                     number(i8, out), number(i8, variant),
                                                     module.getFunction(name + "_" + suffix)}));
  };
  for (const EagerKernel& kernel : kernels)
    row(static_cast<size_t>(kernel.code), kernel.in, kernel.out, kernel.variant, kernel.name());
  size_t code = allOperators().size();
  for (const FusedFunction& function : allFused())
    for (const FusedPass* pass : {&function.back, &function.forth})
      row(code++, DType::f64, DType::f64, runtime::kColumns, symbolOf(*pass));
  const auto add = [&](const std::string& name, llvm::Constant* value) {
    new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true,
                             llvm::GlobalValue::ExternalLinkage, value, name + suffix);
  };
  add("diptych_kernel_count_", number(llvm::Type::getInt64Ty(context), rows.size()));
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

static void emitFused(mlir::ModuleOp module, int vectorBytes) {
  std::set<std::string> emitted;
  for (const FusedFunction& function : allFused()) {
    if (emitted.insert(function.back.name).second)
      emitKernel(module, symbolOf(function.back) + "_" + suffix,
                 passKernel(function.back, 0, vectorBytes));
    emitKernel(module, symbolOf(function.forth) + "_" + suffix,
               passKernel(function.forth, function.back.results, vectorBytes));
  }
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
  if (gpu.empty())
    emitFused(*module, target.vectorBytes());
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
