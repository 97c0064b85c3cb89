// NAME.h: plain C99, also for C++. Says all that a caller needs to know.
#include "aot/Model.h"

#include <algorithm>
#include <set>

namespace diptych::aot {

namespace {

std::string upper(std::string text) {
  for (char& c : text)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

const char* cTypeOf(DType dtype) {
  switch (dtype) {
  case DType::f32: return "float";
  case DType::f64: return "double";
  case DType::i32: return "int32_t";
  case DType::i64: return "int64_t";
  case DType::boolean: return "uint8_t";
  case DType::bf16: return "diptych_bf16";
  case DType::f16: return "diptych_f16";
  }
  return "void";
}

const char* const kTypes = R"(#ifndef DIPTYCH_ARTEFACT_TYPES
#define DIPTYCH_ARTEFACT_TYPES
/* The bits of numbers of two bytes: bf16 is the upper half of a float, f16 IEEE 754's binary16. */
typedef uint16_t diptych_bf16, diptych_f16;

/* A tensor as a function takes or gives it: row-major and contiguous. */
typedef struct {
  const char *name;
  const char *dtype; /* f32, f64, i32, i64, bf16, f16, boolean (a byte, 0 or 1) */
  int64_t rank;
  int64_t elements; /* -1: it depends on a size that is chosen at the call */
  int64_t bytes;    /* likewise */
  int64_t shape[8]; /* the first `rank` of them; -1: chosen at the call */
} diptych_tensor;

/* Threads for one call. With run == NULL the call creates and ends them itself; _start_pool gives
   some that last. Else run must call task(context, i) for every i from 0 to count - 1, all at the
   same time, each on a thread of its own (they wait for one another), and return when all have
   returned. */
typedef struct {
  int count;
  void (*run)(void *pool, int count, void (*task)(void *context, int index), void *context);
  void *pool; /* passed to run */
} diptych_threads;

/* Weights in a file that is mapped into memory. */
typedef struct {
  const void *data;
  size_t bytes;
} diptych_weights;
#endif
)";

class HeaderText {
public:
  explicit HeaderText(const Model& model)
      : model_(model), name_(model.options.name), upper_(upper(name_)) {}

  std::string make() {
    opening();
    constants();
    for (size_t i = 0; i < model_.entries.size(); ++i)
      entry(i);
    text_ += "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
    return text_;
  }

private:
  void line(const std::string& text) { text_ += text + "\n"; }
  void define(const std::string& what, const std::string& value) {
    line("#define " + upper_ + "_" + what + " " + value);
  }

  void opening() {
    std::string targets;
    for (const std::string& target : model_.options.targets)
      targets += (targets.empty() ? "" : ", ") + target;
    const bool strict = model_.options.numerics == Numerics::strict;
    line("/* " + name_ + ": made by Diptych " + version() + ". Do not edit.");
    line("   CPU: " + targets + ". Numerics: " + (strict ? "strict" : "standard") + ".");
    line("");
    line("   Every function returns 0, or a code for " + name_ +
         "_error_message; outputs are then");
    line("   undefined. Inputs and outputs are row-major arrays that must not overlap; inputs are");
    line("   not changed. The workspace is memory of the caller's, aligned to " + upper_ +
         "_ALIGNMENT");
    line("   bytes; its contents matter neither before nor after a call. There is no global state");
    line("   and nothing is allocated: calls may run at the same time, on any threads, if their");
    line("   outputs and workspaces are different.");
    if (model_.needsMath)
      line("   Programs link with libm (-lm).");
    if (model_.threaded())
      line("   Results are the same bits for any number of threads. */");
    else
      line("   A call runs on the thread that makes it. */");
    line("#ifndef DIPTYCH_" + upper_ + "_H\n#define DIPTYCH_" + upper_ + "_H\n");
    line("#include <stddef.h>\n#include <stdint.h>\n");
    line("#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    line(kTypes);
  }

  void constants() {
    define("VERSION", std::string("\"") + version() + "\"");
    define("MODEL_HASH", "\"" + model_.hash + "\"");
    define("NUMERICS", model_.options.numerics == Numerics::strict ? "\"strict\"" : "\"standard\"");
    define("ALIGNMENT", std::to_string(kWorkspaceAlignment));
    if (model_.threaded())
      define("MOST_THREADS", std::to_string(std::min(model_.options.threads, kMostThreads)));
    line("");
    define("OK", std::to_string(kDone));
    define("ERROR_NULL", std::to_string(kNullPointer) + "      /* an input or output is NULL */");
    define("ERROR_WORKSPACE",
           std::to_string(kBadWorkspace) + " /* the workspace is NULL or not aligned */");
    define("ERROR_CPU", std::to_string(kWrongCpu) + "       /* this CPU lacks instructions */");
    if (model_.weightsInFile()) {
      define("ERROR_WEIGHTS", std::to_string(kNoWeights) + "    /* weights are not opened */");
      define("ERROR_FILE", std::to_string(kNoFile) + "       /* of weights: cannot be opened */");
      define("ERROR_OTHER_FILE", std::to_string(kWrongFile) + " /* of weights: holds others */");
    }
    if (model_.hasDims())
      define("ERROR_SIZE", std::to_string(kBadSize) + " /* a size is out of bounds */");
    if (model_.threaded())
      define("ERROR_THREADS", std::to_string(kNoThreads) + " /* more than the pool has */");
    for (int code : codesOf(model_))
      if (code >= kFirstFailure)
        line("/* " + std::to_string(code) + ": " + commentSafe(messageOf(model_, code)) + " */");
    line("");
    line("/* The same as symbols; about is all of it as JSON. */");
    for (const char* symbol : {"version", "model_hash", "numerics", "targets", "about"})
      line("extern const char " + name_ + "_" + symbol + "[];");
    line("");
    line("/* Never NULL. */");
    line("const char *" + name_ + "_error_message(int code);");
    line("/* Of a failed step: which of its indices, in row-major order, or which matrix of a "
         "batch, was");
    line("   one that it failed for; -1 where that is not known. The rest of the code is code & " +
         std::to_string(kMostCode) + ". */");
    line("int " + name_ + "_error_position(int code);");
    line("/* 0 if this CPU can run the functions, else " + upper_ + "_ERROR_CPU. */");
    line("int " + name_ + "_check_cpu(void);\n");
    if (model_.threaded())
      pool();
    if (!model_.weightsInFile())
      return;
    line("/* Maps the file " + name_ +
         ".safetensors. Many calls may use it at the same time, until it is");
    line("   closed. Its tensors may be given other values, but no other names, shapes or order. "
         "*/");
    line("int " + name_ + "_open_weights(const char *path, diptych_weights *weights);");
    line("void " + name_ + "_close_weights(diptych_weights *weights);\n");
  }

  void pool() {
    line("/* Threads that last: starts count - 1 of them (fewer if the system refuses some) and "
         "makes");
    line("   `threads` use them and the caller's own, in any calls, also of other artefacts. "
         "`memory`:");
    line("   that many bytes of yours, aligned to " + upper_ +
         "_ALIGNMENT, until the pool is stopped.");
    line("   Idle threads sleep. Callers of one pool take turns. Stopping waits for the call that");
    line(
        "   runs, ends the threads and leaves `threads` with one; no call may begin meanwhile. */");
    line("size_t " + name_ + "_pool_bytes(int count);");
    line("int " + name_ + "_start_pool(void *memory, int count, diptych_threads *threads);");
    line("void " + name_ + "_stop_pool(diptych_threads *threads);\n");
  }

  static std::string commentSafe(std::string text) {
    for (size_t at = 0; (at = text.find("*/", at)) != std::string::npos;)
      text.replace(at, 2, "* /");
    return text;
  }

  void entry(size_t index) {
    const EntryInfo& entry = model_.entries[index];
    line("/* " + entry.name);
    const auto describe = [&](const TensorInfo& info, const std::string& how) {
      line("     " + info.name + "  " + how + "  " + typeText(info, entry.dims));
    };
    for (const Dim& dim : entry.dims)
      line("     " + dim.name + "  size  " + boundsText(dim));
    for (const Extent& extent : model_.constraints[index])
      line("     0 <= " + extent.str(entry.dims));
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      describe(entry.inputs[i], i + model_.passed[index] >= entry.inputs.size() ? "weight" : "in");
    for (const TensorInfo& info : entry.outputs)
      describe(info, "out");
    if (entry.open)
      line("     workspace  " + entry.symbol + "_workspace_bytes(" + names(entry) + ") bytes");
    else if (entry.workspaceBytes)
      line("     workspace  " + std::to_string(entry.workspaceBytes) + " bytes");
    else
      line("     workspace  not used: may be NULL");
    if (model_.threaded())
      line("     threads  NULL: the calling thread only; more than " + upper_ +
           "_MOST_THREADS are not used");
    line("*/");
    const std::string macro = upper(entry.name);
    if (!entry.open)
      define(macro + "_WORKSPACE_BYTES", std::to_string(entry.workspaceBytes));
    for (const auto* list : {&entry.inputs, &entry.outputs})
      for (const TensorInfo& info : *list)
        elements(macro + "_" + upper(info.name) + "_ELEMENTS", info, entry);
    if (!entry.inputs.empty())
      line("extern const diptych_tensor " + entry.symbol + "_inputs[" +
           std::to_string(entry.inputs.size()) + "];");
    if (!entry.outputs.empty())
      line("extern const diptych_tensor " + entry.symbol + "_outputs[" +
           std::to_string(entry.outputs.size()) + "];");
    if (entry.open)
      line("/* 0 for sizes that are out of bounds. */");
    line("size_t " + entry.symbol + "_workspace_bytes(" + (entry.open ? sizes(entry) : "void") +
         ");");
    line("int " + entry.symbol + "(" + parameters(entry) + ");\n");
  }

  /// With open shapes: a macro of the sizes that occur in it.
  void elements(const std::string& macro, const TensorInfo& info, const EntryInfo& entry) {
    Extent all(1);
    for (const Extent& extent : info.shape)
      all = all * extent;
    std::set<int> used;
    std::string names, sum;
    for (const auto& [product, factor] : all.terms()) {
      std::string text = std::to_string(factor);
      for (int dim : product) {
        text = "(size_t)(" + entry.dims[static_cast<size_t>(dim)].name + ") * " + text;
        used.insert(dim);
      }
      sum = sum.empty() ? text : text + " + " + sum;
    }
    for (int dim : used)
      names += (names.empty() ? "" : ", ") + entry.dims[static_cast<size_t>(dim)].name;
    if (used.empty())
      define(macro, std::to_string(all.at({})));
    else
      define(macro + "(" + names + ")", "(" + sum + ")");
  }

  static std::string names(const EntryInfo& entry) {
    std::string text;
    for (const Dim& dim : entry.dims)
      text += (text.empty() ? "" : ", ") + dim.name;
    return text;
  }
  static std::string sizes(const EntryInfo& entry) {
    std::string text;
    for (const Dim& dim : entry.dims)
      text += (text.empty() ? "int64_t " : ", int64_t ") + dim.name;
    return text;
  }

  std::string parameters(const EntryInfo& entry) const {
    std::string text = sizes(entry) + (entry.dims.empty() ? "" : ", ");
    for (const TensorInfo& info : entry.inputs)
      text += std::string("const ") + cTypeOf(info.type.dtype) + " *" + info.name + ", ";
    for (const TensorInfo& info : entry.outputs)
      text += std::string(cTypeOf(info.type.dtype)) + " *" + info.name + ", ";
    text += "void *workspace";
    if (model_.weightsInFile())
      text += ", const diptych_weights *weights";
    return text + (model_.threaded() ? ", const diptych_threads *threads" : "");
  }

  const Model& model_;
  std::string name_, upper_, text_;
};

} // namespace

std::string headerText(const Model& model) { return HeaderText(model).make(); }

} // namespace diptych::aot
