// Traced functions in files: written once, loaded without the C++ that made them, called like
// jitted functions, derivatives of any order included. docs/saved.md describes the file.
// Needs libdiptych-compiler, as jit does.
#pragma once

#include <memory>
#include <optional>

#include <diptych/Numerics.h>
#include <diptych/Transforms.h>

namespace diptych {

struct SaveOptions {
  /// How the program is to be compiled where it is loaded, unless that asks for something else.
  Numerics numerics = Numerics::standard;
  /// Tensors that the function captures are its weights: in the file, or in a safetensors file
  /// beside it (model.diptych and model.safetensors), whose values may be replaced later.
  enum class Weights : uint8_t { embedded, beside } weights = Weights::embedded;
};

/// Where the file is, and the line that asked for it. Use it only as a parameter.
struct FilePath {
  FilePath(std::string text, SourceLocation where = std::source_location::current())
      : text(std::move(text)), where(where) {}
  FilePath(const char* text, SourceLocation where = std::source_location::current())
      : text(text), where(where) {}
  std::string text;
  SourceLocation where;
};

namespace detail {

class SavedProgram;

void saveProgram(const FilePath& path, const Function& f, ValueSpan inputs,
                 const SaveOptions& options);
std::shared_ptr<SavedProgram> loadProgram(const FilePath& path, std::optional<Numerics> numerics);
/// Compiled and run; inside a trace or a batch, replayed where it is.
Values callProgram(const SavedProgram& program, ValueSpan inputs);
const std::vector<TensorType>& inputTypes(const SavedProgram& program);
const std::vector<TensorType>& outputTypes(const SavedProgram& program);
const Values& weightsOf(const SavedProgram& program);
Numerics numericsOf(const SavedProgram& program);
std::string textOf(const SavedProgram& program, const std::string& stage);
[[noreturn]] void badResultType(size_t expected, int got, const SourceLocation& where);

} // namespace detail

/// Traces f for arguments like these (shapes, dtypes, structure, numbers; no element is looked at)
/// and writes the program. The file is written beside and renamed when it is complete. Error where
/// f can't be traced or the file can't be written.
template <detail::Callable F, class... Args>
void save_function(const FilePath& path, F&& f, const SaveOptions& options, Args&&... arguments) {
  detail::Call<std::remove_reference_t<F>, std::remove_reference_t<Args>...> call(f, arguments...);
  detail::saveProgram(path, call.function(), call.inputs(), options);
}
template <detail::Callable F, class... Args>
  requires(!(std::is_same_v<std::decay_t<Args>, SaveOptions> || ...))
void save_function(const FilePath& path, F&& f, Args&&... arguments) {
  save_function(path, std::forward<F>(f), SaveOptions{}, std::forward<Args>(arguments)...);
}

/// What load_function returns. Copies share the program. Result is a Tensor, or a pair, tuple or
/// array of such trees, or a vector of all the tensors that were returned, in their order.
template <TreeLike Result = std::vector<Tensor>> class SavedFunction {
public:
  SavedFunction(std::shared_ptr<detail::SavedProgram> program, const SourceLocation& where)
      : program_(std::move(program)) {
    const size_t count = detail::outputTypes(*program_).size();
    if constexpr (!std::is_same_v<Result, std::vector<Tensor>>)
      if (const int tensors = countLeaves(Result{}); static_cast<size_t>(tensors) != count)
        detail::badResultType(count, tensors, where);
  }

  /// The tensors and trees that the function took, in its order; numbers among its arguments are in
  /// the program and left out. Error if the types are not those of inputs(). If an input or a
  /// weight requires grad, the call is one node of the tape.
  template <class... Args> Result operator()(const Args&... arguments) const {
    static_assert((detail::holdsTensors<Args> && ...),
                  "a saved function takes tensors: numbers are part of the program");
    Values inputs;
    (append(inputs, arguments), ...);
    const Values outputs = detail::callProgram(*program_, inputs);
    Result result{};
    if constexpr (std::is_same_v<Result, std::vector<Tensor>>)
      result.resize(outputs.size());
    return unflattenTree(result, outputs);
  }

  const std::vector<TensorType>& inputs() const { return detail::inputTypes(*program_); }
  const std::vector<TensorType>& outputs() const { return detail::outputTypes(*program_); }
  Numerics numerics() const { return detail::numericsOf(*program_); }
  /// The captured tensors. With requires_grad_() on one, calls are differentiable in it.
  std::vector<Tensor> weights() const {
    std::vector<Tensor> tensors;
    for (const Value& weight : detail::weightsOf(*program_))
      tensors.emplace_back(weight);
    return tensors;
  }
  /// As JitFunction::ir.
  std::string ir(const std::string& stage = "traced") const {
    return detail::textOf(*program_, stage);
  }

private:
  template <class A> static void append(Values& inputs, const A& argument) {
    if constexpr (TreeLike<A>)
      flattenTree(argument, inputs);
    else
      inputs.push_back(Tensor(argument).value());
  }

  std::shared_ptr<detail::SavedProgram> program_;
};

/// Reads what save_function wrote, now or in an earlier version. Error, and nothing worse, for a
/// file that is missing, cut off, damaged, of a later version, or whose weights are not beside it.
template <TreeLike Result = std::vector<Tensor>>
SavedFunction<Result> load_function(const FilePath& path, std::optional<Numerics> numerics = {}) {
  return {detail::loadProgram(path, numerics), path.where};
}

} // namespace diptych
