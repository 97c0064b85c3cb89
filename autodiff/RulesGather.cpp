// Derivatives of indexing. Gather and scatter_add are each other's transposes; both are linear in
// their float operands, and indices carry no derivative.
#include "autodiff/Rules.h"

namespace diptych::autodiff {

using namespace emitted;

TRANSPOSE(Gather) { return {scatterAdd(like(x(), 0.0), in(1), cot(), attrs().axis), Value()}; }

TRANSPOSE(ScatterAdd) {
  return {cot(), Value(), [this] { return gather(cot(), in(1), attrs().axis); }};
}

} // namespace diptych::autodiff
