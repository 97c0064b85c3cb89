// Emits, lowers and links the kernels nobody has compiled yet; drives ORC directly.
#include "codegen/KernelCompiler.h"

#include "codegen/Emit.h"
#include "codegen/Target.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace diptych::codegen {

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T> T orThrow(llvm::Expected<T> expected) {
  if (!expected)
    throw Error("internal: " + llvm::toString(expected.takeError()));
  return std::move(*expected);
}
void orThrow(llvm::Error error) {
  if (error)
    throw Error("internal: " + llvm::toString(std::move(error)));
}

int compileThreads() { return static_cast<int>(std::min(4u, std::thread::hardware_concurrency())); }

} // namespace

struct KernelCompiler::State {
  std::mutex mutex;
  Target target{"native"};
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::unordered_map<std::string, runtime::KernelFn> known;
  int64_t named = 0;

  State() {
    loadKernelDialects(context);
    prepareContext(context);
    jit = orThrow(llvm::orc::LLJITBuilder()
                      .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                      .setNumCompileThreads(0)
                      .create());
  }

  mlir::OwningOpRef<mlir::ModuleOp> newModule() {
    return mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  }
};

KernelCompiler::KernelCompiler() : state_(std::make_unique<State>()) {}
KernelCompiler::~KernelCompiler() = default;

KernelCompiler& KernelCompiler::native() {
  // Never destroyed: programs may run until the very end of the process.
  static auto* compiler = new KernelCompiler();
  return *compiler;
}

int KernelCompiler::vectorBytes() const { return state_->target.vectorBytes(); }

std::vector<runtime::KernelFn> KernelCompiler::compile(std::span<const KernelSpec* const> kernels,
                                                       KernelTimes& times) {
  std::lock_guard lock(state_->mutex);
  const double start = seconds();
  std::vector<std::string> texts, fresh;
  std::unordered_map<std::string, std::string> names;
  auto module = state_->newModule();
  for (const KernelSpec* kernel : kernels) {
    texts.push_back(kernel->text());
    if (state_->known.count(texts.back()) || names.count(texts.back()))
      continue;
    const std::string name = "diptych_kernel_" + std::to_string(state_->named++);
    emitKernel(*module, name, *kernel);
    names[texts.back()] = name;
    fresh.push_back(texts.back());
  }
  const double emitted = seconds();
  times.emit += emitted - start;
  times.compiled += static_cast<int64_t>(fresh.size());
  times.reused += static_cast<int64_t>(kernels.size() - fresh.size());
  if (!fresh.empty()) {
    lowerToLLVM(*module);
    times.lower += seconds() - emitted;
    CodegenTimes stages;
    auto objects = compileObjects(*module, state_->target, compileThreads(), stages);
    times.translate += stages.translate;
    times.codegen += stages.codegen;
    const double compiled = seconds();
    for (auto& object : objects) {
      times.objectBytes += static_cast<int64_t>(object->getBufferSize());
      orThrow(state_->jit->addObjectFile(std::move(object)));
    }
    for (const std::string& text : fresh)
      state_->known[text] = orThrow(state_->jit->lookup(names[text])).toPtr<runtime::KernelFn>();
    times.link += seconds() - compiled;
  }
  std::vector<runtime::KernelFn> functions;
  for (const std::string& text : texts)
    functions.push_back(state_->known.at(text));
  return functions;
}

std::string KernelCompiler::print(std::span<const KernelSpec* const> kernels,
                                  const std::string& stage) {
  std::lock_guard lock(state_->mutex);
  auto module = state_->newModule();
  std::unordered_map<std::string, int> seen;
  for (const KernelSpec* kernel : kernels)
    if (seen.emplace(kernel->text(), 0).second)
      emitKernel(*module, "kernel_" + std::to_string(seen.size() - 1), *kernel);
  if (stage == "kernels") {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return text;
  }
  lowerToLLVM(*module);
  return stage == "llvm" ? printLLVM(*module, state_->target)
                         : printAssembly(*module, state_->target);
}

} // namespace diptych::codegen
