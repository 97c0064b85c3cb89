// An emitter whose values may carry a batch: code written for one example computes B of them on the
// emitter inside. Knows no derivative and, but for the table of batching rules, no operator.
#pragma once

#include "autodiff/Sweep.h"

namespace diptych::autodiff {

/// Batched values are made by wrapBatched and by operators that have a batched operand; every other
/// value, whoever made it, is plain: the same in every example. So the values of a program need no
/// wrapping to be used under a BatchEmitter.
class BatchEmitter : public Emitter {
public:
  BatchEmitter(Emitter& inner, int64_t batch);

  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override;
  Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) override;
  Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const std::function<Seeds(std::span<const TensorType>)>& seeds) override;
  Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const Seeds& tangents) override;
  Values custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) override;
  Values checkpoint(const Function& f, ValueSpan inputs) override;
  Values control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) override;

  /// `inner`, whose axis 0 is the batch, as a value of one example's type. Null stays null.
  Value wrapBatched(const Value& inner) const;
  /// The inner emitter's value with the batch as axis 0; a plain value is repeated along it. Null
  /// stays null.
  Value unwrap(const Value& value) const;
  bool isBatched(const Value& value) const;

private:
  BatchEmitter(Emitter& inner, int64_t batch, int64_t level);
  /// The inner emitter's value: with a batch axis if batched, else the value itself.
  Value innerOf(const Value& value) const;
  Function onInner(const Function& f, std::vector<bool> marked) const;
  Function kept(const Function& f, const std::vector<bool>& marked) const;
  Seeds seedsOnInner(const Seeds& seeds) const;
  Derivatives wrapDerivatives(Derivatives inner, bool seedAxis) const;
  Values bothBranches(const ControlFlow& cond, ValueSpan operands);

  Emitter& inner_;
  const int64_t batch_;
  const int64_t level_; // tells its values from those of the emitters around it
};

/// tangentSweep with `batch` tangents at once: those given and those returned have a leading axis
/// of that size.
Values batchedTangentSweep(Nodes nodes, ValueSpan wrt, ValueSpan tangents, ValueSpan outputs,
                           int64_t batch);
/// reverseSweep with `batch` cotangents at once: those given and those returned have a leading axis
/// of that size.
Values batchedReverseSweep(Nodes nodes, ValueSpan outputs, ValueSpan cotangents, ValueSpan wrt,
                           int64_t batch);

} // namespace diptych::autodiff
