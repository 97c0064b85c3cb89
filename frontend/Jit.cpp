// The cache behind a jitted function: which program serves a call, and why one had to be made.
#include <diptych/Factories.h>
#include <diptych/Jit.h>

#include "frontend/JitConvolutions.h"
#include "frontend/JitPipeline.h"
#include "frontend/JitProgram.h"
#include "frontend/Tape.h"
#include "frontend/TensorImpl.h"

#include <algorithm>
#include <atomic>

namespace diptych::detail {

namespace {

// Here, since who links a static library without jit links no compiler.
[[maybe_unused]] const bool installed = (installConvolutionCompiler(), true);

std::string typesOf(std::span<const TensorType> types) {
  std::string text;
  for (const TensorType& type : types)
    text += (text.empty() ? "" : ", ") + type.str();
  return text;
}

bool anyOnDevice(ValueSpan inputs) {
  return std::any_of(inputs.begin(), inputs.end(),
                     [](const Value& input) { return eagerTensor(input).isOnDevice(); });
}

struct Entry {
  std::vector<TensorType> types;
  JitKind kind;
  DType dtype; // the default one, under which it was traced
  bool onDevice;
  std::shared_ptr<JitProgram> program = nullptr;
  Values captures = {};
  std::any structure = {}; // of the result

  bool serves(ValueSpan inputs, const JitKind& asked, DType dtypeNow) const {
    if (inputs.size() != types.size() || dtypeNow != dtype)
      return false;
    for (size_t i = 0; i < types.size(); ++i)
      if (inputs[i].type() != types[i])
        return false;
    return asked == kind && anyOnDevice(inputs) == onDevice;
  }
};

} // namespace

class JitCache {
public:
  JitCache(const JitOptions& options, const SourceLocation& where)
      : options(options), where(where), shared(std::make_shared<SharedStats>()) {
    if (options.memoryLimit < 0)
      throw Error(where, "jit: expected memoryLimit in bytes, or 0 for none, got " +
                             std::to_string(options.memoryLimit) + "; give a number of bytes");
  }

  Entry& entryFor(const Function& f, ValueSpan inputs, const JitKind& kind,
                  const std::function<std::any()>& structure,
                  std::span<const LeafRange> arguments) {
    std::lock_guard lock(traceMutex());
    calls_.fetch_add(1, std::memory_order_relaxed);
    if (Entry* known = find(inputs, kind)) {
      hits_.fetch_add(1, std::memory_order_relaxed);
      return *(latest_ = known);
    }
    Entry asked{{}, kind, default_dtype(), anyOnDevice(inputs)};
    for (const Value& input : inputs)
      asked.types.push_back(input.type());
    checkVariants(asked);
    auto entry = makeEntry(f, std::move(asked), donatedOf(arguments));
    entry->structure = structure();
    noteCompilation(*entry);
    entries_.push_back(std::move(entry));
    return *(latest_ = entries_.back().get());
  }

  JitProgram& latest() const {
    std::lock_guard lock(traceMutex());
    if (!latest_)
      throw Error(where, "jit: nothing has been compiled yet; call the function first");
    return *latest_->program;
  }

  JitStats stats() const {
    std::lock_guard lock(shared->mutex);
    JitStats stats = shared->stats;
    stats.calls = calls_.load(std::memory_order_relaxed);
    stats.cacheHits = hits_.load(std::memory_order_relaxed);
    return stats;
  }

  const JitOptions options;
  const SourceLocation where;
  const std::shared_ptr<SharedStats> shared;

private:
  // The latest first: most functions are called with one kind of arguments.
  Entry* find(ValueSpan inputs, const JitKind& kind) const {
    const DType dtype = default_dtype();
    if (latest_ && latest_->serves(inputs, kind, dtype))
      return latest_;
    for (const auto& entry : entries_)
      if (entry->serves(inputs, kind, dtype))
        return entry.get();
    return nullptr;
  }

  /// Which inputs belong to donated arguments; empty where none does.
  std::vector<bool> donatedOf(std::span<const LeafRange> arguments) const {
    if (options.donate.empty())
      return {};
    std::vector<bool> donated(arguments.empty() ? 0 : static_cast<size_t>(arguments.back().end));
    for (int argument : options.donate) {
      if (argument < 0 || static_cast<size_t>(argument) >= arguments.size())
        throw Error(where, "jit: expected donate to name arguments from 0 to " +
                               std::to_string(static_cast<int64_t>(arguments.size()) - 1) +
                               ", got " + std::to_string(argument) +
                               "; count the arguments of the function from 0");
      const LeafRange& leaves = arguments[static_cast<size_t>(argument)];
      std::fill(donated.begin() + leaves.begin, donated.begin() + leaves.end, true);
    }
    return donated;
  }

  // Inserted by the caller only when this has succeeded.
  std::unique_ptr<Entry> makeEntry(const Function& f, Entry asked, std::vector<bool> donated) {
    const double start = milliseconds();
    TracedModule traced = traceFunction(f, asked.types);
    const double took = milliseconds() - start;
    auto entry = std::make_unique<Entry>(std::move(asked));
    entry->captures = std::move(traced.captures);
    entry->program = std::make_shared<JitProgram>(std::move(traced.module), options, shared);
    if (!donated.empty()) {
      donated.resize(donated.size() + entry->captures.size());
      entry->program->donate(std::move(donated));
    }
    entry->program->prepare(entry->onDevice);
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
      reason = "arguments of types (" + typesOf(entry.types) + ") after (" +
               typesOf(latest_->types) + ")";
    else if (entry.kind.types != latest_->kind.types ||
             entry.kind.structure != latest_->kind.structure)
      reason = "arguments of another structure";
    else if (entry.onDevice != latest_->onDevice)
      reason = entry.onDevice ? "arguments on cuda after cpu" : "arguments on cpu after cuda";
    else if (entry.dtype != latest_->dtype)
      reason =
          std::string("the default dtype ") + name(entry.dtype) + " after " + name(latest_->dtype);
    shared->stats.recompilations.push_back(reason);
  }

  void checkVariants(const Entry& asked) const {
    if (entries_.size() < static_cast<size_t>(options.maxVariants))
      return;
    std::string reasons;
    {
      std::lock_guard lock(shared->mutex);
      for (const std::string& reason : shared->stats.recompilations)
        reasons += (reasons.empty() ? "" : "; ") + reason;
    }
    throw Error(where, "jit: expected at most " + std::to_string(options.maxVariants) +
                           " kinds of arguments, got one more: (" + typesOf(asked.types) + ")" +
                           (reasons.empty() ? "" : ", recompiled so far for " + reasons) +
                           "; pass changing numbers as tensors, pad changing shapes, or raise "
                           "JitOptions::maxVariants");
  }

  std::vector<std::unique_ptr<Entry>> entries_; // at most options.maxVariants
  Entry* latest_ = nullptr;
  std::atomic<int64_t> calls_{0}, hits_{0};
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

// `handles` on every input: the user's, those of the call, and our own.
static Values callEntry(const JitCache& cache, const Entry& entry, ValueSpan inputs, int handles) {
  if (cache.options.donate.empty())
    return eagerEmitter().call(entry.program, inputs);
  bool taped = false, together = true;
  for (const Value& input : inputs) {
    taped |= GradMode::enabled() && eagerTensor(input).requiresGrad();
    together &= eagerTensor(input).isOnDevice() == entry.onDevice;
  }
  if (!taped && together) {
    const GradModeScope recording(false);
    return entry.program->runDonated(inputs, handles, cache.where);
  }
  entry.program->keepDonations(entry.onDevice);
  return eagerEmitter().call(entry.program, inputs);
}

JitCall callJit(JitCache& cache, const Function& f, ValueSpan inputs, const JitKind& kind,
                const std::function<std::any()>& structure, std::span<const LeafRange> arguments) {
  // Traced in line: the outer program is what gets compiled.
  if (&currentEmitter() != &eagerEmitter()) {
    const InlineCall call(cache.where);
    return {f(inputs), nullptr};
  }
  Entry& entry = cache.entryFor(f, inputs, kind, structure, arguments);
  if (entry.captures.empty())
    return {callEntry(cache, entry, inputs, 3), &entry.structure};
  Values all(inputs.begin(), inputs.end());
  all.insert(all.end(), entry.captures.begin(), entry.captures.end());
  return {callEntry(cache, entry, all, 4), &entry.structure};
}

JitStats jitStats(const JitCache& cache) { return cache.stats(); }

std::string jitText(const JitCache& cache, const std::string& stage) {
  return cache.latest().text(stage);
}

JitProfile jitProfile(const JitCache& cache) { return cache.latest().profile(); }

} // namespace diptych::detail
