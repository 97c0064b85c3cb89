// Checks before code is made, so that a header that C refuses is never written.
#include "aot/Names.h"

#include "aot/Build.h"

#include <algorithm>
#include <set>

namespace diptych::aot {

static const char* const kKeywords[] = {"alignas",
                                        "alignof",
                                        "and",
                                        "and_eq",
                                        "asm",
                                        "auto",
                                        "bitand",
                                        "bitor",
                                        "bool",
                                        "break",
                                        "case",
                                        "catch",
                                        "char",
                                        "class",
                                        "co_await",
                                        "co_return",
                                        "co_yield",
                                        "compl",
                                        "concept",
                                        "const",
                                        "const_cast",
                                        "consteval",
                                        "constexpr",
                                        "constinit",
                                        "continue",
                                        "decltype",
                                        "default",
                                        "delete",
                                        "do",
                                        "double",
                                        "dynamic_cast",
                                        "else",
                                        "enum",
                                        "explicit",
                                        "export",
                                        "extern",
                                        "false",
                                        "float",
                                        "for",
                                        "friend",
                                        "goto",
                                        "if",
                                        "inline",
                                        "int",
                                        "int32_t",
                                        "int64_t",
                                        "long",
                                        "mutable",
                                        "namespace",
                                        "new",
                                        "noexcept",
                                        "not",
                                        "not_eq",
                                        "nullptr",
                                        "operator",
                                        "or",
                                        "or_eq",
                                        "private",
                                        "protected",
                                        "public",
                                        "register",
                                        "reinterpret_cast",
                                        "requires",
                                        "restrict",
                                        "return",
                                        "short",
                                        "signed",
                                        "sizeof",
                                        "size_t",
                                        "static",
                                        "static_assert",
                                        "static_cast",
                                        "struct",
                                        "switch",
                                        "template",
                                        "this",
                                        "thread_local",
                                        "throw",
                                        "true",
                                        "try",
                                        "typedef",
                                        "typeid",
                                        "typename",
                                        "typeof",
                                        "uint8_t",
                                        "union",
                                        "unsigned",
                                        "using",
                                        "virtual",
                                        "void",
                                        "volatile",
                                        "wchar_t",
                                        "while",
                                        "xor",
                                        "xor_eq",
                                        "diptych_tensor",
                                        "diptych_threads",
                                        "diptych_weights"};

bool isIdentifier(const std::string& text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto part = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), part) &&
         std::find(std::begin(kKeywords), std::end(kKeywords), text) == std::end(kKeywords);
}

static void require(const std::string& what, const std::string& name) {
  if (!isIdentifier(name))
    throw Error("aot: expected a C identifier as the name of " + what + ", got '" + name + "'");
}

void checkOptions(const Options& options) {
  require("the artefact (Options::name)", options.name);
  for (const std::string& name : options.arguments)
    require("an argument", name);
  if (options.targets.empty())
    throw Error("aot: expected at least one target, such as native or x86-64-v3, got none");
  if (options.threads < 1 || options.threads > kMostThreads)
    throw Error("aot: expected threads from 1 to " + std::to_string(kMostThreads) + ", got " +
                std::to_string(options.threads));
  if (options.numerics == Numerics::fast)
    throw Error("aot: expected numerics strict or standard, got fast");
}

namespace {
class Taken {
public:
  explicit Taken(std::string what) : what_(std::move(what)) {}
  void add(const std::string& name) {
    if (!names_.insert(name).second)
      throw Error("aot: two " + what_ + " would be called " + name +
                  "; rename an entry or argument");
  }

private:
  std::string what_;
  std::set<std::string> names_;
};
} // namespace

static std::string upper(std::string text) {
  for (char& c : text)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

void checkNames(const Model& model) {
  if (model.entries.empty())
    throw Error("aot: expected at least one entry, got none");
  Taken symbols("symbols"), macros("macros");
  for (const char* fixed :
       {"about", "version", "model_hash", "numerics", "targets", "error_message", "error_position",
        "check_cpu", "open_weights", "close_weights", "pool_bytes", "start_pool", "stop_pool"})
    symbols.add(model.options.name + "_" + fixed);
  for (const char* fixed : {"VERSION", "MODEL_HASH", "NUMERICS", "ALIGNMENT", "MOST_THREADS", "OK",
                            "ERROR_NULL", "ERROR_WORKSPACE", "ERROR_CPU", "ERROR_SIZE",
                            "ERROR_WEIGHTS", "ERROR_FILE", "ERROR_OTHER_FILE", "ERROR_THREADS"})
    macros.add(fixed);
  for (const EntryInfo& entry : model.entries) {
    require("an entry", entry.name);
    for (const char* end : {"", "_inputs", "_outputs", "_workspace_bytes"})
      symbols.add(entry.symbol + end);
    macros.add(upper(entry.name) + "_WORKSPACE_BYTES");
    Taken parameters("parameters of " + entry.symbol);
    parameters.add("workspace");
    parameters.add("threads");
    parameters.add("weights");
    for (const Dim& dim : entry.dims) {
      require("a size", dim.name);
      parameters.add(dim.name);
    }
    for (const auto* list : {&entry.inputs, &entry.outputs})
      for (const TensorInfo& info : *list) {
        require("an argument", info.name);
        parameters.add(info.name);
        macros.add(upper(entry.name + "_" + info.name) + "_ELEMENTS");
      }
  }
}

static void requireAtMost(size_t count, size_t names, const std::string& entry) {
  if (names > count)
    throw Error("aot: expected names of the " + std::to_string(count) + " arguments of entry " +
                entry + ", got " + std::to_string(names));
}

void checkArguments(const std::vector<detail::EntryRequest>& entries,
                    const std::vector<std::string>& shared) {
  const detail::EntryRequest* longest = nullptr;
  for (const detail::EntryRequest& entry : entries) {
    requireAtMost(entry.ranges.size(), entry.arguments.size(), entry.name);
    if (entry.arguments.empty() && (!longest || entry.ranges.size() > longest->ranges.size()))
      longest = &entry;
  }
  if (longest)
    requireAtMost(longest->ranges.size(), shared.size(), longest->name);
}

std::vector<std::string> inputNames(const std::vector<std::string>& names,
                                    const std::vector<diptych::detail::LeafRange>& ranges) {
  std::vector<std::string> all;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const std::string name = i < names.size() ? names[i] : "in" + std::to_string(i);
    const int count = ranges[i].end - ranges[i].begin;
    for (int leaf = 0; leaf < count; ++leaf)
      all.push_back(count == 1 ? name : name + "_" + std::to_string(leaf));
  }
  return all;
}

std::vector<std::string> outputNames(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i)
    names.push_back(count == 1 ? "out" : "out" + std::to_string(i));
  return names;
}

} // namespace diptych::aot
