// Modules: parameters and buffers under names, and modules inside modules. A module is a handle:
// copies share everything, as in PyTorch. Knows no layer and no file format.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <diptych/Tensor.h>

namespace diptych::nn {

/// Tensors by name, "layer1.weight", in the order of the names. A tree: transforms and jit take it
/// as an argument, differentiate it, and return it.
using State = std::map<std::string, Tensor>;

/// A place for a tensor that belongs to a module. Copies are the same place; *p is its tensor now.
class Parameter {
public:
  /// No place yet; using it throws Error.
  Parameter() = default;
  explicit Parameter(const Tensor& value);

  /// True if there is a place, which a Linear without bias, say, has not for its bias.
  explicit operator bool() const { return slot_ != nullptr; }
  const Tensor& operator*() const { return slot(); }
  const Tensor* operator->() const { return &slot(); }
  /// Puts another tensor of the same shape and dtype there (else Error), without its history. It
  /// requires grad if the old one did.
  void set(const Tensor& value, SourceLocation where = std::source_location::current()) const;
  /// Whether two parameters are the same place.
  friend bool operator==(const Parameter& a, const Parameter& b) { return a.slot_ == b.slot_; }

private:
  friend class Substitution;
  friend class Module;
  Tensor& slot() const;
  std::shared_ptr<Tensor> slot_;
};

using Buffer = Parameter;

namespace detail {
struct Registry;
}

/// Base of all layers and models. A model registers what it is made of in its constructor:
///   struct Net : nn::Module {
///     nn::Linear hidden{1, 64}, out{64, 1};
///     Net() : Module("Net") { register_module("hidden", hidden); register_module("out", out); }
///     Tensor forward(const Tensor& x) const { return out(tanh(hidden(x))); }
///   };
/// Not synchronised: one thread at a time uses a module. Whether it trains is part of the module,
/// not of a call: a jitted function keeps the mode it was traced in, so jit one for each mode.
class Module {
public:
  /// `kind` is what summary() prints: "Linear".
  explicit Module(const std::string& kind = "Module");
  virtual ~Module() = default;
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;

  const std::string& kind() const;

  /// The tensors on the tape themselves: after loss.backward() each has its gradient.
  State named_parameters() const;
  State named_buffers() const;
  /// The same without a history, which is what transforms and jit want as arguments: a tensor that
  /// requires grad would put every call of a jitted step on the tape.
  State parameter_dict() const;
  State buffer_dict() const;
  /// Parameters and buffers, without a history.
  State state_dict() const;
  /// Puts every tensor of `state` in its place. Error, which names everything that is wrong, and
  /// changes nothing, where a shape or dtype differs; and, if `strict`, where a name is missing or
  /// unknown.
  void load_state_dict(const State& state, bool strict = true,
                       SourceLocation where = std::source_location::current()) const;

  /// The place of a parameter or buffer, by its full name; Error if there is none.
  Parameter at(const std::string& name,
               SourceLocation where = std::source_location::current()) const;
  /// All places by their full names. One that is registered twice is there once, under the first.
  std::map<std::string, Parameter> parameter_places() const;
  std::map<std::string, Buffer> buffer_places() const;
  /// Number of elements of all parameters.
  int64_t parameter_count() const;

  /// Switches this module and all inside it; dropout and batch norm differ. A new module trains.
  void train(bool on = true) const;
  void eval() const { train(false); }
  bool is_training() const;
  /// Whether the parameters ask for gradients; false freezes them.
  void requires_grad_(bool on = true) const;
  /// Forgets the gradients of all parameters.
  void zero_grad_() const;
  /// Puts every parameter and buffer on a device, "cpu" or "cuda". A parameter that moves is a new
  /// leaf without a gradient. Error, which changes nothing, for "cuda" where there is no GPU.
  void to(const std::string& device, SourceLocation where = std::source_location::current()) const;

  /// Rounds every float parameter and buffer to a float dtype (else Error). A parameter that
  /// changes is a new leaf without a gradient. For training in bf16 or f16 see docs/nn.md: the
  /// optimiser wants f32.
  void to(DType dtype, SourceLocation where = std::source_location::current()) const;

  /// Calls visit on every module inside, then on this one. What it gets is the module as a Module:
  /// its kind(), its places by at().
  void apply(const std::function<void(Module&)>& visit) const;
  /// The modules directly inside, by name.
  std::vector<std::pair<std::string, Module>> children() const;
  /// A table: name, kind, shapes, number of elements; then the totals.
  std::string summary() const;

protected:
  // Names are not empty and hold no dot; each is used once in a module (else Error).
  Parameter register_parameter(const std::string& name, const Tensor& value);
  /// Part of the state, not trained: running statistics.
  Buffer register_buffer(const std::string& name, const Tensor& value);
  /// A place of another module, under a name of this one.
  void share_parameter(const std::string& name, const Parameter& parameter);
  void register_module(const std::string& name, const Module& module);

private:
  friend class Substitution;
  explicit Module(std::shared_ptr<detail::Registry> registry);
  std::shared_ptr<detail::Registry> registry_;
};

std::ostream& operator<<(std::ostream& os, const Module& module);

} // namespace diptych::nn
