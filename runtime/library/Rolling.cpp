// Windows that roll along an axis: how their kernels are called.
#include "runtime/library/kernels/Rolling.h"
#include "runtime/Library.h"

namespace diptych::runtime {

namespace {

LibraryCall alongAxis(const LibraryProblem& p, KernelFn kernel) {
  const Shape& shape = p.operands[0].shape;
  const int64_t n = shape[static_cast<int>(p.attrs.axis)];
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < shape.size(); ++i)
    if (i != p.attrs.axis)
      (i < p.attrs.axis ? outer : inner) *= shape[i];
  return {.kernel = kernel,
          .range = n ? outer * inner : 0,
          .steps = n,
          .work = p.op.cost * static_cast<double>(n),
          .params = {n, inner, p.attrs.window[0], outer * inner},
          .scratch = kernels::rollingScratch(n, p.attrs.window[0])};
}

} // namespace

LIBRARY(RollingArgmax) { return alongAxis(p, pick<kernels::Argmax, float, double>(p.dtype())); }
LIBRARY(RollingArgmin) { return alongAxis(p, pick<kernels::Argmin, float, double>(p.dtype())); }
LIBRARY(RollingRank) { return alongAxis(p, pick<kernels::Rank, float, double>(p.dtype())); }
LIBRARY(RollingArgselect) {
  LibraryCall call = alongAxis(p, pick<kernels::Argselect, float, double>(p.dtype()));
  call.params.push_back(p.result.shape.back());
  return call;
}

} // namespace diptych::runtime
