// A second, plainest meaning of the operators: loops over doubles, no kernels, every step recorded.
// For the tests of rules and sweeps, which it lets run without runtime, tape and compiler.
#pragma once

#include <deque>

#include "autodiff/Sweep.h"

namespace diptych::reference {

class ReferenceValue : public ValueImpl {
public:
  ReferenceValue(const TensorType& type, std::vector<double> data)
      : ValueImpl(type), data(std::move(data)) {}
  const std::vector<double> data;
};

Value tensor(const TensorType& type, const std::vector<double>& data);
inline Value tensor(const Shape& shape, const std::vector<double>& data) {
  return tensor({DType::f64, shape}, data);
}
const std::vector<double>& dataOf(const Value& value);

class ReferenceEmitter : public Emitter {
public:
  Value emit(OpCode code, ValueSpan operands, const Attrs& attrs) override;
  Values call(const std::shared_ptr<Callee>& callee, ValueSpan inputs) override;
  Derivatives vjp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const std::function<Seeds(std::span<const TensorType>)>& seeds) override;
  Derivatives jvp(const Function& f, ValueSpan inputs, std::span<const int> wrt,
                  const Seeds& tangents) override;

  /// Everything emitted since node `begin`.
  std::vector<const autodiff::Node*> nodes(size_t begin = 0) const;
  size_t size() const { return steps_.size(); }

private:
  struct Step {
    Values operands, results;
    Attrs attrs;
    autodiff::Node node;
  };
  void record(OpCode code, ValueSpan operands, Values results, const Attrs& attrs,
              std::shared_ptr<Callee> callee);
  std::deque<Step> steps_; // a deque: nodes stay in place while rules emit
};

} // namespace diptych::reference
