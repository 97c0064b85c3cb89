// Positions in the order of the elements along an axis: how the kernel is called.
#include "runtime/library/kernels/Argsort.h"
#include "runtime/Library.h"

namespace diptych::runtime {

LIBRARY(Argsort) {
  const Shape& shape = p.result.shape;
  const int64_t n = shape[p.attrs.axis];
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.size(); ++i)
    if (i != p.attrs.axis)
      (i < p.attrs.axis ? outer : inner) *= shape[i];
  return {.kernel = pick<kernels::Argsort, float, double, int32_t, int64_t>(p.dtype()),
          .range = n ? outer * inner : 0,
          .work = p.op.cost * static_cast<double>(n),
          .params = {n, inner, p.attrs.flag(AttrField::descending)},
          .scratch = kernels::SortedRows::scratch(n)};
}

} // namespace diptych::runtime
