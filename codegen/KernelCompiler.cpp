// Emits, lowers and links the kernels nobody has compiled yet.
#include "codegen/KernelCompiler.h"

#include "codegen/Emit.h"
#include "codegen/Orc.h"
#include "codegen/Target.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/MemoryBuffer.h"

#include <chrono>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace diptych::codegen {

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int compileThreads() { return static_cast<int>(std::min(4u, std::thread::hardware_concurrency())); }

} // namespace

struct KernelCompiler::State {
  std::mutex mutex;
  Target target{"native"};
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  Orc linker;
  std::unordered_map<std::string, runtime::KernelFn> known;

  State() {
    loadKernelDialects(context);
    prepareContext(context);
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

namespace {

// Equal texts have equal names, in this process and the next.
std::string nameOf(const std::string& text) {
  return "diptych_kernel_" + hexOf(digestOf(text)).substr(0, 32);
}

} // namespace

// Objects that hold kernels nobody has compiled in this process: from the disk, or made now.
Objects KernelCompiler::objectsOf(std::span<const KernelSpec* const> kernels,
                                  std::span<const std::string> texts, bool persistent,
                                  KernelTimes& times) {
  const double start = seconds();
  std::string key = state_->target.text();
  for (const std::string& text : texts)
    key += "\n" + text;
  const bool cached = persistent && !ObjectCache::shared().folder().empty();
  std::optional<Objects> found;
  if (cached) {
    found = ObjectCache::shared().find(key);
    times.load += seconds() - start;
  }
  if (found) {
    times.loaded += static_cast<int64_t>(kernels.size());
    return std::move(*found);
  }
  const double looked = seconds();
  auto module = state_->newModule();
  for (size_t i = 0; i < kernels.size(); ++i)
    emitKernel(*module, nameOf(texts[i]), *kernels[i]);
  const double emitted = seconds();
  lowerToLLVM(*module);
  times.emit += emitted - looked;
  times.lower += seconds() - emitted;
  CodegenTimes stages;
  Objects objects = compileObjects(*module, state_->target, compileThreads(), stages);
  times.translate += stages.translate;
  times.codegen += stages.codegen;
  times.compiled += static_cast<int64_t>(kernels.size());
  const double compiled = seconds();
  if (cached) {
    ObjectCache::shared().insert(key, objects);
    times.load += seconds() - compiled;
  }
  return objects;
}

void KernelCompiler::link(Objects objects, std::span<const std::string> texts, KernelTimes& times) {
  const double start = seconds();
  for (auto& object : objects) {
    times.objectBytes += static_cast<int64_t>(object->getBufferSize());
    state_->linker.add(std::move(object));
  }
  for (const std::string& text : texts)
    state_->known[text] = reinterpret_cast<runtime::KernelFn>(state_->linker.lookup(nameOf(text)));
  times.link += seconds() - start;
}

std::vector<runtime::KernelFn> KernelCompiler::compile(std::span<const KernelSpec* const> kernels,
                                                       bool persistent, KernelTimes& times) {
  std::lock_guard lock(state_->mutex);
  std::vector<std::string> texts, fresh;
  std::vector<const KernelSpec*> missing;
  std::unordered_set<std::string> seen;
  for (const KernelSpec* kernel : kernels) {
    texts.push_back(kernel->text());
    if (state_->known.count(texts.back()) || !seen.insert(texts.back()).second)
      continue;
    fresh.push_back(texts.back());
    missing.push_back(kernel);
  }
  times.reused += static_cast<int64_t>(kernels.size() - fresh.size());
  if (!fresh.empty())
    link(objectsOf(missing, fresh, persistent, times), fresh, times);
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
