// Binary search of values in sorted rows: how the kernel is called.
#include "runtime/library/kernels/Searchsorted.h"
#include "runtime/Library.h"

namespace diptych::runtime {

LIBRARY(Searchsorted) {
  const int64_t n = p.operands[0].shape.back(), m = p.operands[1].shape.back();
  return {.kernel = pick<kernels::Searchsorted, float, double, int32_t, int64_t>(p.dtype()),
          .range = m ? p.operands[1].numel() / m : 0,
          .work = p.op.cost * static_cast<double>(m),
          .params = {n, m, p.attrs.flag(AttrField::right)}};
}

} // namespace diptych::runtime
