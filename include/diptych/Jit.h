// jit: a function traced once for each kind of argument, compiled, and called like the original.
// A template shell; the compiler behind it is in libdiptych-compiler.
#pragma once

#include <any>
#include <typeindex>

#include <diptych/Numerics.h>
#include <diptych/Transforms.h>

namespace diptych {

struct JitOptions {
  /// What may happen to the numbers. `standard` is the default; `strict` gives eager's bits.
  Numerics numerics = Numerics::standard;
  /// Compiled variants one jitted function may hold; one more is an Error, which names the reasons
  /// of all recompilations. Guards against a function that is compiled anew at every call.
  int maxVariants = 64;
  /// Keep machine code on disk, and look there before compiling. Keyed by the kernels, the CPU's
  /// features and the version; docs/performance.md says where it lies and how it is bounded.
  bool diskCache = true;
  /// Numbers of arguments, counted from 0, that the caller gives away, as a training step does with
  /// parameters and the optimiser's state: where types fit, a result is written into an argument's
  /// memory as that is read for the last time. The argument's tensors can't be used any more; to do
  /// so is an Error that names this line. What somebody else still holds (another handle, a view, a
  /// module), and what the tape needs, stays as it is, and the result gets memory of its own:
  /// JitStats counts both. In a trace, and in derivatives of the function, nothing is given away.
  std::vector<int> donate = {};
  /// Most bytes that a program, or one derived from it, may use with its arguments and results; 0:
  /// any. A plan that needs more computes arrays again instead of keeping them, those that free
  /// most for longest at the least cost first; no bit changes. Where that does not suffice, Error
  /// says what lies in memory at the peak, and which lines made it. Loops and library operators
  /// stay. Where a pool has got more threads since, they do not get memory beyond the limit.
  int64_t memoryLimit = 0;
};

/// What a jitted function has cost so far. Times are in milliseconds, summed over compilations.
struct JitStats {
  double trace = 0, differentiate = 0, simplify = 0, fuse = 0, schedule = 0;
  double emit = 0, lower = 0, translate = 0, codegen = 0, link = 0;
  double load = 0;     // reading and writing the cache on disk
  double firstRun = 0; // the first execution, after compiling
  int64_t calls = 0, cacheHits = 0, compilations = 0;
  /// By LLVM; known to this process already; from the cache on disk.
  int64_t kernelsCompiled = 0, kernelsReused = 0, kernelsLoaded = 0;
  int64_t objectBytes = 0;
  int64_t kernelCalls = 0; // in one execution of the latest program
  int64_t arenaBytes = 0;  // planned temporaries of the latest program
  /// Most memory that the latest program uses, arguments and results in it; known before it runs.
  /// Arguments whose memory results take count once.
  int64_t peakBytes = 0;
  /// Of all calls: bytes of donated arguments that results took over, and how many donated tensors
  /// could not be given away although a result would have fitted.
  int64_t donatedBytes = 0, donationsKept = 0;
  double flops = 0; // of one execution of the latest program, by the cost table
  /// Why each compilation after the first was needed.
  std::vector<std::string> recompilations;

  /// All stages before the first execution.
  double compile() const {
    return trace + differentiate + simplify + fuse + schedule + emit + lower + translate + codegen +
           link + load;
  }
};

/// One kernel of a program, or kernels that run together row by row.
struct KernelProfile {
  std::string name; ///< operators, and file:line of the first
  double flops = 0; ///< of one run, by the cost table
  double bytes = 0; ///< of the arrays touched, each counted once
  double least = 0; ///< seconds that multipliers or memory need at least
  double took = 0;  ///< seconds: the least of several runs
};

/// What a program's kernels cost beside what the machine can do, measured at that moment: a product
/// of matrices and a read of 64 MB, each on all threads.
struct JitProfile {
  double flopRate = 0, byteRate = 0; ///< a second
  int64_t arenaBytes = 0;
  std::vector<KernelProfile> kernels; ///< in the order in which they run
};

namespace detail {

/// One entry for each kind of arguments; shared by the copies of a jitted function.
class JitCache;

std::shared_ptr<JitCache> makeJitCache(const JitOptions& options, const SourceLocation& where);

/// What a call is beside the types of its tensors; a different one is traced anew. A call with
/// tensors alone fills no text: kinds are compared at every call.
struct JitKind {
  std::type_index types; // of the arguments
  std::string structure; // sizes and keys of the trees
  std::string numbers;   // the arguments that are no tensors
  bool operator==(const JitKind&) const = default;
};

struct JitCall {
  Values outputs;
  const std::any* structure = nullptr; // of the result; null where f ran in line
};
/// Runs the entry for these inputs, making it first if there is none; `structure` is asked for the
/// result's once f has been traced. Inside a trace, or inside an eager transform's batch, f simply
/// runs where it is.
/// `arguments`: the inputs of each; the caller holds two handles on each input beside the user's.
JitCall callJit(JitCache& cache, const Function& f, ValueSpan inputs, const JitKind& kind,
                const std::function<std::any()>& structure, std::span<const LeafRange> arguments);
JitStats jitStats(const JitCache& cache);
/// Text of the latest entry at a stage; see JitFunction::ir.
std::string jitText(const JitCache& cache, const std::string& stage);
JitProfile jitProfile(const JitCache& cache);

// What a tree's own type leaves open: how many parts it has, under which keys.
template <class T> void appendStructure(std::string& text, const T& tree) {
  if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
    text.append(reinterpret_cast<const char*>(&tree), sizeof(T));
  } else if constexpr (!std::is_same_v<T, Tensor>) {
    if constexpr (requires { typename T::mapped_type; })
      for (const auto& [key, part] : tree) {
        if constexpr (std::is_convertible_v<decltype(key), std::string>)
          text += std::to_string(std::string(key).size()) + '"' + std::string(key);
        else if constexpr (std::is_arithmetic_v<std::decay_t<decltype(key)>>)
          text += std::to_string(key) + ':';
      }
    text += '(';
    Tree<T>::walk(tree, [&](const auto& part) { appendStructure(text, part); });
    text += ')';
  } else {
    text += 't';
  }
}

template <class T> void appendArgument(JitKind& kind, const T& argument) {
  if constexpr (std::is_same_v<T, Tensor>) {
    return;
  } else if constexpr (TreeLike<T>) {
    appendStructure(kind.structure, argument);
  } else if constexpr (!holdsTensors<T>) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>,
                  "an argument of a jitted function is a tensor, a tree of tensors or a number; "
                  "capture anything else in the function");
    kind.numbers.append(reinterpret_cast<const char*>(&argument), sizeof(T));
  }
}

} // namespace detail

/// What jit returns. Copies share the compiled programs. Calls from several threads are safe.
template <class F> class JitFunction {
public:
  JitFunction(F f, const JitOptions& options, const SourceLocation& where)
      : f_(std::move(f)), cache_(detail::makeJitCache(options, where)) {}

  /// As f itself. Arguments that are no tensors are numbers, and part of the kind of a call.
  /// A number inside a struct is part of it only if the struct's Tree visits it; else, like a
  /// number that f captures, it stays what it was when the program was traced. Tensors that f
  /// captures are inputs of the program: the ones captured when it was traced. If an input requires
  /// grad, the call is one node of the tape, whose derivatives are compiled too.
  template <class... Args> auto operator()(Args&&... arguments) const {
    detail::Call<F, Args...> call(f_, arguments...);
    using Result = typename detail::Call<F, Args...>::Result;
    detail::JitKind kind{typeid(std::tuple<std::remove_cvref_t<Args>...>), {}, {}};
    (detail::appendArgument<std::remove_cvref_t<Args>>(kind, arguments), ...);
    const auto structure = [&call] { return std::any(call.structure()); };
    detail::JitCall done =
        detail::callJit(*cache_, call.function(), call.inputs(), kind, structure, call.leaves());
    if (!done.structure)
      return call.result(done.outputs);
    return unflattenTree(std::any_cast<const Result&>(*done.structure), done.outputs);
  }

  JitStats stats() const { return detail::jitStats(*cache_); }
  /// The latest program as text: "traced", "differentiated", "simplified", "fused" (our dialect),
  /// "plan" (calls and buffers, with their operations and bytes), "kernels" (MLIR), "llvm" or
  /// "asm"; "profile" is profile() as a table. Error before the first call.
  std::string ir(const std::string& stage = "fused") const {
    return detail::jitText(*cache_, stage);
  }
  /// Runs the latest program, step by step, on made-up numbers about 1. Error before the first
  /// call.
  JitProfile profile() const { return detail::jitProfile(*cache_); }

private:
  mutable F f_;
  std::shared_ptr<detail::JitCache> cache_;
};

/// A compiled version of f: traced at the first call for each kind of arguments (shapes, dtypes,
/// structure, numbers), then compiled for this CPU. f must compute with tensors only: what depends
/// on an element's value in C++ throws Error while tracing, and nothing is kept of such a trace.
template <detail::Callable F>
auto jit(F&& f, JitOptions options = {},
         std::source_location where = std::source_location::current()) {
  return JitFunction<std::decay_t<F>>(std::forward<F>(f), options, where);
}

} // namespace diptych
