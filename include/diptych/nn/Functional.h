// Modules as functions of their state: for transforms and jit, which differentiate and compile
// functions of tensors.
#pragma once

#include <utility>

#include <diptych/nn/Module.h>

namespace diptych::nn {

/// While it lives, the module's parameters and buffers named in `state` are those of `state`; then
/// the old ones are back, whatever was thrown. Nests. Use functional_call, which keeps to this.
class Substitution {
public:
  /// Error for a name the module has not, and for another shape or dtype.
  Substitution(const Module& module, const State& state, bool collectsBuffers,
               const SourceLocation& where);
  ~Substitution();
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

  /// The buffers of `state` as they are now.
  State buffers() const;

  /// How a layer in training writes a buffer: at once if the module is used directly, into what
  /// functional_call_with_buffers returns if there is such a call. Error inside functional_call,
  /// where the new value would be lost, and in a trace, where it would outlive the trace.
  static void update(const Buffer& buffer, const Tensor& value, const char* kind);

private:
  struct Entry {
    std::string name;
    std::shared_ptr<Tensor> slot;
    Tensor old;
    bool isBuffer;
  };
  bool covers(const Buffer& buffer) const;
  std::vector<Entry> entries_;
  bool collectsBuffers_;
  Substitution* outer_;
};

/// A state and the line it was passed on. A parameter type: it refers to the state.
struct StateArgument {
  StateArgument(const State& state, SourceLocation where = std::source_location::current())
      : state(state), where(where) {}
  const State& state;
  SourceLocation where;
};

/// module.forward(arguments...) with the parameters and buffers named in `state` in the place of
/// the module's own, which stay as they are. As PyTorch's torch.func.functional_call: what `state`
/// does not name is the module's own; in a jitted function that is an input captured when it was
/// traced, so name all that changes. Error for a name the module has not.
///   auto loss = [&](const nn::State& p, const Tensor& x, const Tensor& y) {
///     return nn::mse_loss(nn::functional_call(model, p, x), y);
///   };
///   auto [value, gradients] = dt::jit(dt::value_and_grad(loss))(model.parameter_dict(), x, y);
template <class M, class... Args>
auto functional_call(M&& module, const StateArgument& state, Args&&... arguments) {
  const Substitution substitution(module, state.state, false, state.where);
  return module.forward(std::forward<Args>(arguments)...);
}

/// The same for modules that write buffers in training (BatchNorm1d): std::pair(result, the buffers
/// of `state` after the call). State in, state out; the module itself does not change.
template <class M, class... Args>
auto functional_call_with_buffers(M&& module, const StateArgument& state, Args&&... arguments) {
  const Substitution substitution(module, state.state, true, state.where);
  auto result = module.forward(std::forward<Args>(arguments)...);
  return std::pair(std::move(result), substitution.buffers());
}

/// Both maps in one: parameters and buffers for functional_call. Error for a name in both.
State merged(const State& a, const State& b,
             SourceLocation where = std::source_location::current());

} // namespace diptych::nn
