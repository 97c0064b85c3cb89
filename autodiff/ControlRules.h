// Derivatives of loops and branches: loops and branches again, whose bodies are derivatives of the
// bodies. Written against the current emitter, so one rule serves the tape and the compiler, to any
// order. Knows no operator.
#pragma once

#include "autodiff/Rules.h"

namespace diptych::autodiff {

/// The same loop, ready to be swept back: a scan also gives the carry that each step began with
/// (further ys, which a caller does not see), a while loop of at most n steps is a scan over n
/// conditional steps. Anything else is left as it is.
std::shared_ptr<const ControlFlow> forReverse(const std::shared_ptr<const ControlFlow>& flow);

/// Contribution of the results' cotangents (null: none) to each wanted operand; null: none. Where
/// the node's loop has not kept its carries, it runs once more.
Values pullControl(const Node& node, ValueSpan cotangents, const std::vector<bool>& wanted);
/// Tangents of the results; null tangents are zero.
Values pushControl(const Node& node, ValueSpan tangents);

/// Hands out the values of a list from its front.
class Deal {
public:
  explicit Deal(ValueSpan values) : rest_(values) {}
  Value next() { return take(1)[0]; }
  ValueSpan take(size_t count) {
    const ValueSpan taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  ValueSpan rest() const { return rest_; }

private:
  ValueSpan rest_;
};

inline void append(Values& values, ValueSpan more) {
  values.insert(values.end(), more.begin(), more.end());
}
inline void append(std::vector<TensorType>& types, std::span<const TensorType> more) {
  types.insert(types.end(), more.begin(), more.end());
}

} // namespace diptych::autodiff
