// Ahead of time: traced functions become an object file, an archive or a shared library with a
// plain C header, which need neither Diptych nor LLVM. See docs/aot.md. In libdiptych-compiler.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <variant>

#include <diptych/Numerics.h>
#include <diptych/TransformCall.h>

namespace diptych {

/// A size that the caller of an artefact chooses at each call, within bounds that are checked.
struct Dim {
  std::string name; // of the C parameter
  int64_t least = 0, most = std::numeric_limits<int64_t>::max();
};
inline Dim dim(std::string name, int64_t least = 0,
               int64_t most = std::numeric_limits<int64_t>::max()) {
  return {std::move(name), least, most};
}

} // namespace diptych

namespace diptych::aot {

/// What is written beside NAME.h: NAME.o, libNAME.a or libNAME.so. A shared library needs a linker
/// on this machine (cc, gcc, clang or lld); the others need none.
enum class Kind : uint8_t { object, archive, shared };

/// Where the tensors that a function captures are: in the artefact's read-only data; or further
/// arguments of the C functions, after the inputs; or in NAME.safetensors, written beside, which
/// NAME_open_weights maps into memory and whose values may be replaced later.
enum class Weights : uint8_t { embedded, passed, file };

struct Options {
  /// Begins every symbol, and names the files: a C identifier.
  std::string name;
  std::string directory = "."; // that there is
  Kind kind = Kind::object;
  /// As jit's: the artefact gives the bits of a jitted function with the same numerics.
  Numerics numerics = Numerics::standard;
  /// The CPU: "native", "x86-64-v3", "x86-64-v4", another x86 that LLVM knows, or "aarch64". With
  /// several of x86, best first, the artefact holds code for each and takes the first that the
  /// machine can run. On a machine that can run none, every function returns an error code.
  std::vector<std::string> targets = {"native"};
  /// The most threads a call may use, up to 256. With 1 the functions have no argument for it and
  /// nothing refers to threads. The bits are the same for any number.
  int threads = 1;
  Weights weights = Weights::embedded;
  /// Names of the arguments, in the header; where there are none left: in0, in1, ... An argument
  /// of several tensors gives names such as w_0, w_1.
  std::vector<std::string> arguments = {};
  /// Inputs with sizes that are chosen at each call, by the names they have in the header:
  ///   .shapes = {{"X", {dim("days", 1), 300, 8}}, {"r", {dim("days"), 300}}}
  /// A name means one size wherever it stands. Numbers must be those of the example, whose other
  /// sizes are taken as typical: the code is right for all and laid out for such.
  std::map<std::string, std::vector<std::variant<int64_t, Dim>>> shapes = {};
};

/// A size as it follows from those that are chosen at the call: a sum of products of them.
class Extent {
public:
  Extent(int64_t number = 0);
  /// Number `dim` of the entry's dims.
  static Extent of(int dim);

  bool isFixed() const { return terms_.empty() || (terms_.size() == 1 && terms_.count({})); }
  int64_t at(std::span<const int64_t> sizes) const;
  /// "300", "days", "2*days*stocks - 1"
  std::string str(std::span<const Dim> dims) const;
  /// Factor of each product; a product is its dims in ascending order, a square names one twice.
  const std::map<std::vector<int>, int64_t>& terms() const { return terms_; }

  friend Extent operator+(const Extent& a, const Extent& b);
  friend Extent operator*(const Extent& a, const Extent& b);
  friend bool operator==(const Extent& a, const Extent& b) = default;
  friend bool operator<(const Extent& a, const Extent& b) { return a.terms_ < b.terms_; }

private:
  std::map<std::vector<int>, int64_t> terms_; // no factor is 0
};

struct TensorInfo {
  std::string name;
  TensorType type;      // of one example, where there is a batch; of the example, of open shapes
  bool batched = false; // has the entry's Dim in front
  std::vector<Extent> shape = {}; // as the C function has it
};

/// One C function of the artefact.
struct EntryInfo {
  std::string name, symbol;
  std::vector<TensorInfo> inputs, outputs; // inputs: with the passed weights
  int64_t workspaceBytes = 0;              // with open shapes: for the example's sizes
  std::vector<Dim> dims;                   // the first parameters
  bool open = false;                       // has open shapes: the workspace too depends on the dims
};

/// f for every example of a batch whose size is left open; see each().
template <class F> struct Each {
  F f;
  Dim dim;
  std::vector<bool> batched;
};

/// An entry that runs f, written for one example, for as many as its caller has: a C function with
/// one more parameter, the size, in front. The example inputs are those of one example; the
/// arguments that `batched` marks (all, if it is empty) get a leading axis, and so does every
/// result. The bits are those of vmap(f). Examples are run in chunks, so the workspace does not
/// depend on their number, and threads share them out.
///   {"predict", aot::each(dim("batch"), predict), std::tuple(x)}
template <diptych::detail::Callable F> auto each(Dim dim, F f, std::vector<bool> batched = {}) {
  return Each<F>{std::move(f), std::move(dim), std::move(batched)};
}

/// What was written.
struct Artefact {
  std::string library, header; // paths
  std::string weights;         // path, where they are in a file
  std::string hash;            // of the model: IR, weights, numerics
  int64_t bytes = 0;           // of the library file
  std::vector<EntryInfo> entries;
};

namespace detail {

using diptych::detail::Call;

/// A function of flat tensors, and examples of them.
struct EntryRequest {
  std::string name;
  Function function;
  std::vector<Value> inputs;
  std::vector<diptych::detail::LeafRange> ranges; // inputs of each argument
  std::vector<std::string> arguments;             // names
  SourceLocation where;
  std::optional<Dim> dim = {};
  std::vector<bool> batched = {}; // by argument; empty: all
};

template <class F, class... Args>
EntryRequest makeRequest(const std::string& name, const F& f, const std::tuple<Args...>& inputs,
                         const SourceLocation& where) {
  struct Held {
    F f;
    std::tuple<Args...> inputs;
    std::unique_ptr<Call<F, Args...>> call;
  };
  auto held = std::make_shared<Held>(Held{f, inputs, nullptr});
  held->call = std::apply(
      [&](Args&... arguments) { return std::make_unique<Call<F, Args...>>(held->f, arguments...); },
      held->inputs);
  const ValueSpan values = held->call->inputs();
  return {name,
          [held](ValueSpan traced) { return held->call->function()(traced); },
          {values.begin(), values.end()},
          held->call->ranges(),
          {},
          where};
}

Artefact compile(std::vector<EntryRequest> entries, const Options& options,
                 const SourceLocation& where);

} // namespace detail

/// A function with the name it has in C, NAME_<name>: any callable that jit takes, transforms too.
template <class... Args> class Entry {
public:
  template <diptych::detail::Callable F>
  Entry(std::string name, F f, std::source_location where = std::source_location::current())
      : make_([name = std::move(name), f = std::move(f),
               where = SourceLocation(where)](const std::tuple<Args...>& inputs) {
          return detail::makeRequest(name, f, inputs, where);
        }) {}
  /// With arguments of its own, and their names, such as hvp(f), which takes one more.
  template <diptych::detail::Callable F, class... Own>
  Entry(std::string name, F f, std::tuple<Own...> inputs, std::vector<std::string> arguments = {},
        std::source_location where = std::source_location::current())
      : make_([name = std::move(name), f = std::move(f), inputs = std::move(inputs),
               arguments = std::move(arguments),
               where = SourceLocation(where)](const std::tuple<Args...>&) {
          detail::EntryRequest request = detail::makeRequest(name, f, inputs, where);
          request.arguments = arguments;
          return request;
        }) {}

  /// For a batch of any size, with arguments of its own or the common ones.
  template <class F, class... Own>
  Entry(std::string name, Each<F> each, std::tuple<Own...> inputs,
        std::vector<std::string> arguments = {},
        std::source_location where = std::source_location::current())
      : Entry(std::move(name), each.f, std::move(inputs), std::move(arguments), where) {
    setDim(each.dim, each.batched);
  }
  template <class F>
  Entry(std::string name, Each<F> each,
        std::source_location where = std::source_location::current())
      : Entry(std::move(name), each.f, where) {
    setDim(each.dim, each.batched);
  }

  detail::EntryRequest request(const std::tuple<Args...>& inputs) const { return make_(inputs); }

private:
  void setDim(const Dim& dim, const std::vector<bool>& batched) {
    make_ = [make = std::move(make_), dim, batched](const std::tuple<Args...>& inputs) {
      detail::EntryRequest request = make(inputs);
      request.dim = dim;
      request.batched = batched;
      return request;
    };
  }

  std::function<detail::EntryRequest(const std::tuple<Args...>&)> make_;
};

/// Traces every entry on the example inputs, of which only shapes and dtypes matter (numbers that
/// are no tensors are built in), compiles them together, and writes the files: all or none, under
/// their names only when complete.
///   aot::compile({{"loss", loss}, {"loss_grad", value_and_grad(loss)}}, std::tuple(w, X, r),
///                {.name = "sharpe", .directory = "out", .arguments = {"w", "X", "r"}});
/// Throws Error for what jit refuses, a CPU that LLVM does not know, names that are no C
/// identifiers or occur twice, files that can't be written, a missing linker, for targets below
/// x86-64-v3 operators whose kernels are library code (sorting, decompositions), and, where shapes
/// are open, functions that do something else for some sizes, or for which no kernel of any size is
/// known.
template <class... Args>
Artefact compile(std::initializer_list<std::type_identity_t<Entry<Args...>>> entries,
                 const std::tuple<Args...>& example_inputs, const Options& options,
                 std::source_location where = std::source_location::current()) {
  std::vector<detail::EntryRequest> requests;
  for (const Entry<Args...>& entry : entries)
    requests.push_back(entry.request(example_inputs));
  return detail::compile(std::move(requests), options, where);
}

/// The main of a program that builds an artefact in somebody's build (diptych_add_model in CMake):
/// reads Options from the command line, calls `build` with them, prints what went wrong. Returns
/// the exit status.
int makerMain(int argc, char** argv, Artefact (*build)(const Options&));

} // namespace diptych::aot
