// Orthogonal decompositions: how their kernels are called.
#include "runtime/library/kernels/Decompositions.h"
#include "runtime/library/Matrices.h"

namespace diptych::runtime {

namespace {

double workOf(const Stack& x, double factor) {
  return factor * static_cast<double>(x.rows * x.columns) *
         static_cast<double>(std::min(x.rows, x.columns));
}

int64_t svdScratch(const Stack& x, int64_t whole) {
  const int64_t least = std::min(x.rows, x.columns);
  return scratchFor(whole * x.rows * x.columns + 12 * least * least, 2 * (x.rows + x.columns));
}

} // namespace

LIBRARY(Qr) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Qr, float, double>(p.dtype()),
          .range = x.count,
          .work = workOf(x, 4),
          .params = {x.rows, x.columns},
          .scratch = scratchFor((6 * x.rows + 2 * x.columns) * x.columns, x.rows + x.columns)};
}

LIBRARY(Eigh) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Eigh, float, double>(p.dtype()),
          .range = x.count,
          .work = workOf(x, 9),
          .params = {x.rows},
          .scratch = scratchFor(6 * x.rows * x.rows, x.rows)};
}

LIBRARY(Svd) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Svd, float, double>(p.dtype()),
          .range = x.count,
          .work = workOf(x, 20),
          .params = {x.rows, x.columns},
          .scratch = svdScratch(x, 8)};
}

LIBRARY(Pinv) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Pinv, float, double>(p.dtype()),
          .range = x.count,
          .work = workOf(x, 22),
          .params = {x.rows, x.columns, std::bit_cast<int64_t>(p.attrs.value.asDouble())},
          .scratch = svdScratch(x, 10)};
}

} // namespace diptych::runtime
