// The (co)tangents a sweep has collected, by slot. The first contribution is stored, later ones are
// added to it: this order of operations is part of the strict contract.
#pragma once

#include "ir/Emitted.h"

namespace diptych::autodiff {

class Accumulator {
public:
  explicit Accumulator(int32_t count) : values_(static_cast<size_t>(count)) {}

  /// Does nothing where there is no slot or no contribution.
  void add(int32_t slot, const Value& primal, Value contribution) {
    if (slot < 0 || !contribution)
      return;
    if (!(contribution.type() == primal.type()))
      throw Error("internal: a derivative of type " + contribution.type().str() +
                  " for a value of type " + primal.type().str());
    Value& total = values_[static_cast<size_t>(slot)];
    total = total ? emitted::add(total, contribution) : std::move(contribution);
  }
  void set(int32_t slot, const Value& total) { values_[static_cast<size_t>(slot)] = total; }
  /// Null where nothing has arrived.
  const Value& at(int32_t slot) const {
    return slot < 0 ? nothing_ : values_[static_cast<size_t>(slot)];
  }
  void clear(int32_t slot) { values_[static_cast<size_t>(slot)] = {}; }

private:
  const Value nothing_;
  Values values_;
};

} // namespace diptych::autodiff
