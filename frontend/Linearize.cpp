// A derivative at one point, to be applied many times: the tape of one eager run, or a new request
// each time where there is no tape.
#include <diptych/Linearize.h>

#include "frontend/EagerRun.h"
#include "frontend/Ops.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

/// Swept by whatever emitter is current: its values are plain to a batch, captured by a trace.
struct Linearization::Tape {
  Tape(const Function& f, ValueSpan inputs, std::span<const int> wrt)
      : run("linearize", currentEmitter(), f, inputs, wrt) {}
  // Recorded where the seeds, or what f was run on, have a history to continue.
  template <class Sweep> Values swept(ValueSpan seeds, const Sweep& sweep) const {
    run.tape().requireAlive();
    bool traced = false;
    for (const Value& seed : seeds)
      traced |= !isEager(seed);
    const GradModeScope mode(GradMode::enabled() && (traced || run.hasHistory(seeds)));
    return sweep();
  }
  Run run;
};

// Where a history leads on, values that the map shares with the result would get one cotangent;
// it asks anew then, as in a trace.
Linearization::Linearization(const Request& request, Function f, ValueSpan inputs,
                             const std::vector<int>& wrt)
    : request_(request), f_(withSameDraws(std::move(f))), inputs_(inputs.begin(), inputs.end()),
      wrt_(wrt) {
  requireDifferentiable(request, inputs, wrt);
  attributed(request, [&] {
    if (!emitsEagerly()) {
      outputs_ = f_(inputs);
      return;
    }
    tape_ = std::make_shared<Tape>(recording(f_), inputs, wrt_);
    const bool isRecorded = tape_->run.isRecorded({});
    outputs_ = tape_->run.finish({}, isRecorded).outputs;
    if (isRecorded)
      tape_ = nullptr;
  });
}

Values Linearization::push(ValueSpan tangents) const {
  if (tangents.size() != wrt_.size())
    refuse(request_, "one tangent for each of " + std::to_string(wrt_.size()) + " tensors",
           std::to_string(tangents.size()), "the tangent has the structure of the first argument");
  for (size_t i = 0; i < wrt_.size(); ++i)
    requireFits(request_, "tangent", inputs_[static_cast<size_t>(wrt_[i])].type(), tangents[i]);
  if (!tape_)
    return pushforward(request_, f_, inputs_, wrt_, tangents).derivatives;
  return attributed(request_, [&] {
    const LocationScope scope(request_.where);
    const Run& run = tape_->run;
    return tape_->swept(tangents, [&] {
      Values pushed = autodiff::materialize(
          autodiff::tangentSweep(run.nodes(), run.wrt(), tangents, run.outputs()), run.outputs());
      for (Value& tangent : pushed)
        tangent = presentable(tangent);
      return pushed;
    });
  });
}

Values Linearization::pull(ValueSpan cotangents) const {
  if (cotangents.size() != outputs_.size())
    refuse(request_, "one cotangent for each of " + std::to_string(outputs_.size()) + " results",
           std::to_string(cotangents.size()), "the cotangent has the structure of f's result");
  for (size_t i = 0; i < outputs_.size(); ++i)
    requireFits(request_, "cotangent", outputs_[i].type(), cotangents[i]);
  if (!tape_)
    return pullback(request_, f_, inputs_, wrt_, cotangents).derivatives;
  return attributed(request_, [&] {
    const LocationScope scope(request_.where);
    const Run& run = tape_->run;
    return tape_->swept(cotangents, [&] {
      Values pulled = autodiff::materialize(
          autodiff::reverseSweep(run.nodes(), run.outputs(), cotangents, run.wrt()), run.wrt());
      for (Value& cotangent : pulled)
        cotangent = presentable(cotangent);
      return pulled;
    });
  });
}

} // namespace diptych::detail
