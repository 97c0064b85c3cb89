// Runs every operator at once and records it on the tape where a gradient is wanted.
#pragma once

#include "frontend/Tape.h"

namespace diptych {

class EagerEmitter final : public Emitter {
public:
  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override;
  Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) override;
  Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const std::function<Seeds(std::span<const TensorType>)>& seeds) override;
  Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const Seeds& tangents) override;
  Values custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) override;
  Values checkpoint(const Function& f, ValueSpan inputs) override;
  Values control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) override;
  /// One kernel, where nothing is recorded and the host does the work.
  Values fused(Fused code, ValueSpan operands, int64_t axis) override;
  /// Likewise; the zeros need not be in memory then.
  Value convolution(const Value& x, const Attrs& pad, const Value& w, const Attrs& attrs) override;
};

namespace eager {

/// An operator that is a view, a strided copy or a new tensor rather than one kernel. Operands are
/// eager and fit; the result is a fresh tensor of type `type`.
using Handler = Value (*)(const TensorType& type, ValueSpan operands, const Attrs& attrs);
/// The operands on the device where one of them is there; those that may join it are copied, any
/// other throws Error. See TensorImpl::isHomeless.
Values onOneDevice(const char* op, ValueSpan operands);
/// Results made from numbers alone join the device of the operands: with a history they could not.
void joinDeviceOf(ValueSpan operands, Values& results);

/// Null where kernels do the work.
Handler handlerOf(OpCode code);

} // namespace eager
} // namespace diptych
