// The abstract emitter: whoever turns operators into values (kernels run now, or lines of IR).
// Derivative rules, batching and the DSL are written against it. Knows no kernel and no MLIR.
#pragma once

#include <diptych/Value.h>

#include "ir/ControlFlow.h"
#include "ir/Fused.h"
#include "ir/OpTable.h"

namespace diptych {

class Callee;

/// What a reverse sweep knows where it meets a callee, by input and by output.
struct Pull {
  std::vector<bool> wanted; // inputs whose cotangent is asked for
  std::vector<bool>
      begun; // of these: what arrived from later users is given, the callee's is added
  std::vector<bool> seeded; // outputs that have a cotangent
};

/// `callee` gives the derivatives that are `present`, in order; nothing flows to the others. Null
/// where there are none.
struct CalleeDerivative {
  std::shared_ptr<Callee> callee;
  std::vector<bool> present;
};

/// A compiled function seen as one operator. What derives from it is compiled too.
class Callee {
public:
  virtual ~Callee() = default;
  virtual std::vector<TensorType> outputTypes() const = 0;
  /// Runs it on eager values; records nothing.
  virtual Values run(ValueSpan inputs) = 0;
  /// Which outputs derivatives reach from the active inputs.
  virtual std::vector<bool> reached(const std::vector<bool>& active) = 0;
  /// (inputs..., cotangents of the seeded outputs..., of the begun inputs...) -> cotangents of
  /// inputs; `present` by input.
  virtual CalleeDerivative vjp(const Pull& pull) = 0;
  /// (inputs..., tangents of the active inputs...) -> tangents of outputs; `present` by output.
  virtual CalleeDerivative jvp(const std::vector<bool>& active) = 0;
  /// Marked inputs carry a leading batch axis; so does every output.
  virtual std::shared_ptr<Callee> batched(const std::vector<bool>& marked, int64_t batch) = 0;
};

/// A function with derivative rules of its own, which see floats alone: one cotangent for each
/// float output, one tangent for each float input. Rules are emitted where they are needed, so what
/// they compute is differentiable again.
struct CustomFunction {
  std::string name; // of what made it, for messages
  Function primal;  // inputs -> outputs
  Function vjp;     // inputs, outputs, cotangents -> a cotangent for each float input
  Function jvp;     // inputs, outputs, tangents -> a tangent of each float output
};

/// Seeds of a sweep; `batch` > 0: each carries a leading axis of that size.
struct Seeds {
  Values values;
  int64_t batch = 0;
};

struct Derivatives {
  Values outputs;     // of the function
  Values derivatives; // vjp: one for each input in `wrt`; jvp: one for each output
};

class Emitter {
public:
  virtual ~Emitter() = default;

  /// Throws Error where operands or attributes break the operator's type rule.
  virtual Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) = 0;
  virtual Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) = 0;

  /// f at `inputs`, and seeds(types of f's outputs) pulled back to the inputs `wrt`.
  virtual Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                          const std::function<Seeds(std::span<const TensorType>)>& seeds) = 0;
  /// f at `inputs`, and `tangents` of the inputs `wrt` pushed forward to its outputs.
  virtual Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                          const Seeds& tangents) = 0;

  /// f at `inputs`, differentiated by its own rules alone.
  virtual Values custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs);
  /// f at `inputs`; a sweep computes f's intermediate values again instead of keeping them.
  virtual Values checkpoint(const Function& f, ValueSpan inputs);
  /// The operators of a fused function, unless the emitter has something better.
  virtual Values fused(Fused code, ValueSpan operands, int64_t axis);
  /// x padded as `pad` says, and then convolved: two operators, unless the emitter has something
  /// better.
  virtual Value convolution(const Value& x, const Attrs& pad, const Value& w, const Attrs& attrs);
  /// A loop or a branch: one operation, not what it repeats.
  virtual Values control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands);
};

/// Runs operators now and records them on the tape; defined in the frontend.
Emitter& eagerEmitter();
/// The emitter of the innermost EmitterScope on this thread; eagerEmitter() outside any.
Emitter& currentEmitter();

/// Makes an emitter current for a scope.
class EmitterScope {
public:
  explicit EmitterScope(Emitter& emitter);
  ~EmitterScope();
  EmitterScope(const EmitterScope&) = delete;

private:
  Emitter* previous_;
};

/// The line of the user's program that is being run; unknown outside any LocationScope.
const SourceLocation& currentLocation();

/// Sets the user's line for a scope. The outermost wins: a composite's inner calls keep the user's.
class LocationScope {
public:
  explicit LocationScope(const SourceLocation& where);
  ~LocationScope();
  LocationScope(const LocationScope&) = delete;

private:
  bool owner_;
};

/// Replaces the current line, remembering it: sweeps give derivatives the line of the forward op.
class LocationOverride {
public:
  explicit LocationOverride(const SourceLocation& where);
  ~LocationOverride();

private:
  SourceLocation previous_;
};

} // namespace diptych
