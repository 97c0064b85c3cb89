// A function run eagerly for a transform: on fresh aliases of its inputs, with the piece of tape
// that came of it. Sweeps nothing itself.
#pragma once

#include <optional>

#include "frontend/Tape.h"

namespace diptych {

/// One run of a function on aliases of its differentiated inputs.
class Run {
public:
  Run(const char* transform, Emitter& emitter, const Function& f, ValueSpan inputs,
      std::span<const int> wrt);
  // The aliases ask for no gradient any more: a later backward finds nothing behind them.
  ~Run() {
    for (const Value& input : wrt_)
      if (auto& tensor = eagerTensor(input); tensor.isLeaf())
        tensor.setRequiresGrad(false);
  }
  Run(const Run&) = delete;

  ValueSpan wrt() const { return wrt_; }
  ValueSpan outputs() const { return outputs_; }
  const TapeSegment& tape() const { return *tape_; }
  autodiff::Nodes nodes() const { return tape_->nodes(); }
  /// Whether the derivatives have a history of their own: something else that requires grad is in
  /// the function, in the inputs, or in the seeds.
  bool isRecorded(ValueSpan seeds) const { return outerMode_ && hasHistory(seeds); }
  /// The same whatever the mode of recording: the seeds may come later.
  bool hasHistory(ValueSpan seeds) const;
  Derivatives finish(Values derivatives, bool recorded) const;

private:
  Value alias(const Value& input);

  const bool outerMode_ = GradMode::enabled();
  const uint64_t transform_ = freshTransform();
  bool recordedAlias_ = false;
  Values wrt_, outputs_;
  std::optional<TapeSegment> tape_;
};

/// Zeros in place of null, `batch` of them where it is positive.
Values zerosForNull(Values derivatives, ValueSpan values, int64_t batch);

} // namespace diptych
