// An emitter that writes a function down as steps, which run again on any emitter: how the body of
// a loop or a branch is held. Expands derivatives where they are asked for; computes nothing.
#pragma once

#include <deque>
#include <unordered_map>

#include "autodiff/Sweep.h"

namespace diptych::autodiff {

class Recorder;

/// What stands in for a function that captures: `captures` are its last inputs.
struct Recording {
  ClosedFunction function;
  Values captures;
};
using Recorded = std::function<Values(Recorder& recorder, ValueSpan inputs)>;
/// f recorded on inputs of these types.
Recording record(std::span<const TensorType> inputs, const Recorded& f);
/// The same for an f that captures nothing; anything else is an internal error.
ClosedFunction closed(std::span<const TensorType> inputs, const Recorded& f);

/// Values of this emitter are made by it; any other value that is used becomes a capture, known
/// inside as a further input.
class Recorder final : public Emitter {
public:
  explicit Recorder(std::span<const TensorType> inputs);
  ~Recorder() override;
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override;
  Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) override;
  Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const std::function<Seeds(std::span<const TensorType>)>& seeds) override;
  Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const Seeds& tangents) override;
  Values custom(const std::shared_ptr<const CustomFunction>& f, ValueSpan inputs) override;
  Values checkpoint(const Function& f, ValueSpan inputs) override;
  Values control(const std::shared_ptr<const ControlFlow>& flow, ValueSpan operands) override;

  ValueSpan inputs() const { return inputs_; }
  /// The values as this emitter's own.
  Values own(ValueSpan values);
  /// f on this emitter, its results own. `reverse`: what it records is going to be swept back, so
  /// that loops keep their carries.
  Values run(const Function& f, ValueSpan inputs, bool reverse = false);
  /// The steps so far. They stay in place while a sweep records more.
  std::vector<const Node*> nodes(size_t begin = 0) const;

  /// Captures in the order of the inputs they have become.
  const Values& captures() const { return captures_; }
  /// What was recorded, without the steps that no output needs; inputs, then captures.
  ClosedFunction finish(ValueSpan outputs);

private:
  struct CustomParts;
  struct Step;
  struct Program;
  class Body;

  Value make(const TensorType& type);
  Value own(const Value& value);
  Step& add(ValueSpan operands, std::span<const TensorType> results);
  Derivatives split(const Recording& recording, ValueSpan inputs, size_t outputs);
  static std::shared_ptr<const CustomFunction> bind(const CustomParts& parts, ValueSpan operands);

  const int64_t serial_; // tells its values from those of other recorders
  int count_ = 0;
  bool reverse_ = false;
  Values inputs_, captures_, captured_; // captured_: own values of captures_
  std::deque<Step> steps_;
  std::unordered_map<const ValueImpl*, Value> foreign_;
};

} // namespace diptych::autodiff
