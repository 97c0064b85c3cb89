// Emits, lowers and links the kernels nobody has compiled yet.
#include "codegen/KernelCompiler.h"

#include "codegen/Emit.h"
#include "codegen/Orc.h"
#include "codegen/Target.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/MemoryBuffer.h"

#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#ifdef __linux__
#include <sched.h>
#endif

namespace diptych::codegen {

namespace {

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

constexpr size_t kMostThreads = 4;

// As many as the calling thread has CPUs: one that is bound to a single CPU compiles alone.
size_t cpus() {
#ifdef __linux__
  cpu_set_t own;
  return sched_getaffinity(0, sizeof own, &own) == 0 ? static_cast<size_t>(CPU_COUNT(&own)) : 1;
#else
  return std::max(1u, std::thread::hardware_concurrency());
#endif
}

size_t compileThreads() { return std::min(kMostThreads, cpus()); }

// What one compile thread needs for itself. Making it takes milliseconds, so it is kept.
struct Worker {
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};

  Worker() {
    loadKernelDialects(context);
    prepareContext(context);
  }

  mlir::OwningOpRef<mlir::ModuleOp> newModule() {
    return mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  }
};

// A thread's share of the kernels that one program wants.
struct Part {
  std::vector<std::pair<std::string, const KernelSpec*>> kernels;
  std::unique_ptr<Worker>* worker = nullptr; // made where there is none yet
  llvm::TargetMachine* machine = nullptr;
  std::unique_ptr<llvm::MemoryBuffer> object;
  KernelTimes times;
  std::exception_ptr failure;

  void compile() {
    if (!*worker)
      *worker = std::make_unique<Worker>();
    const double start = seconds();
    auto module = (*worker)->newModule();
    for (const auto& [name, kernel] : kernels)
      emitKernel(*module, name, *kernel);
    times.emit = seconds() - start;
    CodegenTimes stages;
    object = compileObject(*module, *machine, stages);
    times.lower = stages.lower;
    times.translate = stages.translate;
    times.codegen = stages.codegen;
  }

  void run() {
    try {
      compile();
    } catch (...) {
      failure = std::current_exception();
    }
  }
};

} // namespace

struct KernelCompiler::State {
  std::mutex mutex;
  Target target{"native"};
  std::vector<std::unique_ptr<Worker>> workers;
  Orc linker;
  std::unordered_map<std::string, runtime::KernelFn> known;

  State() : workers(kMostThreads) { workers[0] = std::make_unique<Worker>(); }

  Objects compile(std::vector<Part>& parts, KernelTimes& times);
};

// The ledger has the calling thread's stages, and its wait for the others as code generation.
Objects KernelCompiler::State::compile(std::vector<Part>& parts, KernelTimes& times) {
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].worker = &workers[i];
    parts[i].machine = &target.machine(i);
  }
  std::vector<std::thread> threads;
  for (size_t i = 1; i < parts.size(); ++i)
    threads.emplace_back([&parts, i] { parts[i].run(); });
  parts[0].run();
  const double ready = seconds();
  for (std::thread& thread : threads)
    thread.join();
  const KernelTimes& own = parts[0].times;
  times.emit += own.emit;
  times.lower += own.lower;
  times.translate += own.translate;
  times.codegen += own.codegen + seconds() - ready;
  Objects objects;
  for (Part& part : parts) {
    if (part.failure)
      std::rethrow_exception(part.failure);
    objects.push_back(std::move(part.object));
  }
  return objects;
}

KernelCompiler::KernelCompiler() : state_(std::make_unique<State>()) {}
KernelCompiler::~KernelCompiler() = default;

KernelCompiler& KernelCompiler::native() {
  // Never destroyed: programs may run until the very end of the process.
  static auto* compiler = new KernelCompiler();
  return *compiler;
}

const Target& KernelCompiler::target() const { return state_->target; }

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
  std::vector<Part> parts(std::min(compileThreads(), kernels.size()));
  for (size_t i = 0; i < kernels.size(); ++i)
    parts[i % parts.size()].kernels.emplace_back(nameOf(texts[i]), kernels[i]);
  Objects objects = state_->compile(parts, times);
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
  Worker& worker = *state_->workers[0];
  auto module = worker.newModule();
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
  return stage == "llvm" ? printLLVM(*module, state_->target)
                         : printAssembly(*module, state_->target);
}

} // namespace diptych::codegen
