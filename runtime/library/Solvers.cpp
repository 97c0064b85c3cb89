// Factorisations that solve: how their kernels are called, and what their failures mean.
#include "runtime/library/kernels/Solvers.h"
#include "runtime/library/Matrices.h"

namespace diptych::runtime {

namespace {

constexpr const char* kNanInstead = " or pass check = false, which gives NaN in its place";

std::function<std::string(int64_t, int64_t)> failureOf(const LibraryProblem& p,
                                                       const std::string& expected,
                                                       const std::string& pivot,
                                                       const std::string& remedy) {
  if (!p.attrs.flag(AttrField::check))
    return {};
  return [=, type = p.operands[0]](int64_t index, int64_t at) {
    return "expected " + expected + ", got " + matrixText(type, index) + " with " + pivot +
           (at < 0 ? "" : " at " + std::to_string(at)) + "; " + remedy + kNanInstead;
  };
}

double cubed(int64_t n) { return static_cast<double>(n * n) * static_cast<double>(n); }

} // namespace

LIBRARY(Cholesky) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Cholesky, float, double>(p.dtype()),
          .range = x.count,
          .work = cubed(x.rows) / 3,
          .params = {x.rows, p.attrs.flag(AttrField::check)},
          .scratch = scratchFor(4 * x.rows * x.rows, x.rows),
          .failure = failureOf(p, "a positive definite matrix", "no positive pivot",
                               "add a multiple of the identity,")};
}

LIBRARY(TriangularSolve) {
  const Stack a(p.operands[0]), b(p.operands[1]);
  const Attrs& attrs = p.attrs;
  return {.kernel = pick<kernels::TriangularSolve, float, double>(p.dtype()),
          .range = a.count,
          .work = static_cast<double>(a.rows * a.rows * b.columns),
          .params = {a.rows, b.columns, attrs.flag(AttrField::check), attrs.flag(AttrField::lower),
                     attrs.flag(AttrField::transposed), attrs.flag(AttrField::unit)},
          .scratch = scratchFor(2 * a.rows * a.rows + 3 * a.rows * b.columns, a.rows + b.columns),
          .failure = failureOf(p, "a regular triangular matrix", "a zero on the diagonal",
                               "regularise it,")};
}

LIBRARY(Solve) {
  const Stack a(p.operands[0]), b(p.operands[1]);
  return {.kernel = pick<kernels::Solve, float, double>(p.dtype()),
          .range = a.count,
          .work = cubed(a.rows) + 2 * static_cast<double>(a.rows * a.rows * b.columns),
          .params = {a.rows, b.columns, p.attrs.flag(AttrField::check),
                     p.attrs.flag(AttrField::transposed)},
          .scratch = scratchFor(4 * a.rows * (a.rows + b.columns), a.rows + b.columns),
          .failure = failureOf(p, "a regular matrix", "pivot 0", "use pinv or lstsq,")};
}

LIBRARY(Det) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Det, float, double>(p.dtype()),
          .range = x.count,
          .work = cubed(x.rows),
          .params = {x.rows},
          .scratch = scratchFor(3 * x.rows * x.rows, x.rows)};
}

LIBRARY(Slogdet) {
  const Stack x(p.operands[0]);
  return {.kernel = pick<kernels::Slogdet, float, double>(p.dtype()),
          .range = x.count,
          .work = cubed(x.rows),
          .params = {x.rows},
          .scratch = scratchFor(3 * x.rows * x.rows, x.rows)};
}

} // namespace diptych::runtime
