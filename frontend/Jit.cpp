// The cache behind a jitted function: which program serves a call, and why one had to be made.
#include <diptych/Factories.h>
#include <diptych/Jit.h>

#include "frontend/JitPipeline.h"
#include "frontend/JitProgram.h"
#include "frontend/TensorImpl.h"

#include <algorithm>

namespace diptych::detail {

namespace {

struct Entry {
  std::shared_ptr<JitProgram> program;
  Values captures;
  std::any structure; // of the result
  std::string types;  // for messages: "f64[3], f64[2,2]"
  JitKind kind;
  DType dtype; // the default one, under which it was traced
  bool onDevice;
};

std::string typesOf(ValueSpan inputs) {
  std::string types;
  for (const Value& input : inputs)
    types += (types.empty() ? "" : ", ") + input.type().str();
  return types;
}

} // namespace

class JitCache {
public:
  JitCache(const JitOptions& options, const SourceLocation& where)
      : options(options), where(where), shared(std::make_shared<SharedStats>()) {}

  Entry& entryFor(const Function& f, ValueSpan inputs, const JitKind& kind,
                  const std::function<std::any()>& structure) {
    std::lock_guard lock(traceMutex());
    const std::string types = typesOf(inputs);
    const DType dtype = default_dtype();
    const bool onDevice = std::any_of(inputs.begin(), inputs.end(), [](const Value& input) {
      return eagerTensor(input).isOnDevice();
    });
    const std::string key = types + '|' + kind.structure + '|' + name(dtype) + '|' +
                            (onDevice ? "cuda|" : "cpu|") + kind.numbers;
    auto found = entries_.find(key);
    {
      std::lock_guard statsLock(shared->mutex);
      ++shared->stats.calls;
      shared->stats.cacheHits += found != entries_.end();
    }
    if (found != entries_.end())
      return *(latest_ = found->second.get());
    checkVariants(types);
    auto entry = makeEntry(f, inputs, onDevice);
    entry->structure = structure();
    entry->types = types;
    entry->kind = kind;
    entry->dtype = dtype;
    entry->onDevice = onDevice;
    noteCompilation(*entry);
    return *(latest_ = (entries_[key] = std::move(entry)).get());
  }

  JitProgram& latest() const {
    std::lock_guard lock(traceMutex());
    if (!latest_)
      throw Error(where, "jit: nothing has been compiled yet; call the function first");
    return *latest_->program;
  }

  const JitOptions options;
  const SourceLocation where;
  const std::shared_ptr<SharedStats> shared;

private:
  // Inserted by the caller only when this has succeeded.
  std::unique_ptr<Entry> makeEntry(const Function& f, ValueSpan inputs, bool onDevice) {
    std::vector<TensorType> types;
    for (const Value& input : inputs)
      types.push_back(input.type());
    const double start = milliseconds();
    TracedModule traced = traceFunction(f, types);
    const double took = milliseconds() - start;
    auto entry = std::make_unique<Entry>();
    entry->captures = std::move(traced.captures);
    entry->program = std::make_shared<JitProgram>(std::move(traced.module), options, shared);
    entry->program->prepare(onDevice);
    std::lock_guard lock(shared->mutex);
    shared->stats.trace += took;
    return entry;
  }

  void noteCompilation(const Entry& entry) {
    std::lock_guard lock(shared->mutex);
    ++shared->stats.compilations;
    if (!latest_)
      return;
    std::string reason = "other numbers among the arguments";
    if (entry.types != latest_->types)
      reason = "arguments of types (" + entry.types + ") after (" + latest_->types + ")";
    else if (entry.kind.structure != latest_->kind.structure)
      reason = "arguments of another structure";
    else if (entry.onDevice != latest_->onDevice)
      reason = entry.onDevice ? "arguments on cuda after cpu" : "arguments on cpu after cuda";
    else if (entry.dtype != latest_->dtype)
      reason =
          std::string("the default dtype ") + name(entry.dtype) + " after " + name(latest_->dtype);
    shared->stats.recompilations.push_back(reason);
  }

  void checkVariants(const std::string& types) const {
    if (entries_.size() < static_cast<size_t>(options.maxVariants))
      return;
    std::string reasons;
    {
      std::lock_guard lock(shared->mutex);
      for (const std::string& reason : shared->stats.recompilations)
        reasons += (reasons.empty() ? "" : "; ") + reason;
    }
    throw Error(where, "jit: expected at most " + std::to_string(options.maxVariants) +
                           " kinds of arguments, got one more: (" + types + ")" +
                           (reasons.empty() ? "" : ", recompiled so far for " + reasons) +
                           "; pass changing numbers as tensors, pad changing shapes, or raise "
                           "JitOptions::maxVariants");
  }

  std::map<std::string, std::unique_ptr<Entry>> entries_;
  Entry* latest_ = nullptr;
};

std::shared_ptr<JitCache> makeJitCache(const JitOptions& options, const SourceLocation& where) {
  return std::make_shared<JitCache>(options, where);
}

// Ends a jitted function that calls itself before the stack does.
class InlineCall {
public:
  explicit InlineCall(const SourceLocation& where) {
    if (depth >= kMost)
      throw Error(where, "jit: expected at most " + std::to_string(kMost) +
                             " calls of jitted functions inside one another, got one more; a "
                             "function that calls itself must end by a C++ condition on a shape or "
                             "a number");
    ++depth;
  }
  ~InlineCall() { --depth; }
  InlineCall(const InlineCall&) = delete;
  InlineCall& operator=(const InlineCall&) = delete;

private:
  static constexpr int kMost = 1000;
  static thread_local int depth;
};
thread_local int InlineCall::depth = 0;

JitCall callJit(JitCache& cache, const Function& f, ValueSpan inputs, const JitKind& kind,
                const std::function<std::any()>& structure) {
  // Traced in line: the outer program is what gets compiled.
  if (&currentEmitter() != &eagerEmitter()) {
    const InlineCall call(cache.where);
    return {f(inputs), nullptr};
  }
  Entry& entry = cache.entryFor(f, inputs, kind, structure);
  Values all(inputs.begin(), inputs.end());
  all.insert(all.end(), entry.captures.begin(), entry.captures.end());
  return {eagerEmitter().call(entry.program, all), &entry.structure};
}

JitStats jitStats(const JitCache& cache) {
  std::lock_guard lock(cache.shared->mutex);
  return cache.shared->stats;
}

std::string jitText(const JitCache& cache, const std::string& stage) {
  return cache.latest().text(stage);
}

} // namespace diptych::detail
