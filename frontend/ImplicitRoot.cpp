// The linear system behind an implicit derivative, and Newton's method as straight-line code: what
// has converged stands still, so that a trace with all steps gives eager's numbers.
#include <diptych/ImplicitRoot.h>

#include <diptych/Composites.h>
#include <diptych/Factories.h>
#include <diptych/Linalg.h>

#include <cmath>
#include <limits>

#include "frontend/Ops.h"
#include "frontend/TransformSupport.h"

namespace diptych::detail {

namespace {

// [f.shape..., x.shape...] -> [n, n]
Tensor asMatrix(const Request& request, const Tensor& jacobian, const Tensor& x) {
  const int64_t n = x.numel();
  if (jacobian.numel() != n * n)
    refuse(request, "a function with as many elements as x, " + std::to_string(n),
           std::to_string(n == 0 ? 0 : jacobian.numel() / n), "give one equation for each unknown");
  return reshape(jacobian, {n, n});
}

Tensor sumOfSquares(const Tensor& x) { return sum(x * x); }

/// One damped step: the longest of step, step / 2, step / 4, ... that makes |f| smaller, else the
/// shortest.
Tensor damped(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, const Tensor& value,
              const Tensor& step, int halvings) {
  const Tensor before = sumOfSquares(value);
  Tensor best;
  double length = std::ldexp(1.0, -halvings);
  for (int i = 0; i <= halvings; ++i, length *= 2) {
    const Tensor candidate = x + length * step;
    if (!best.defined()) {
      best = candidate;
      continue;
    }
    best = where(sumOfSquares(f(candidate)) < before, candidate, best);
  }
  return best;
}

} // namespace

Tensor implicitTangent(const Request& request, const Tensor& jacobian, const Tensor& b,
                       const Tensor& x) {
  const Tensor matrix = asMatrix(request, jacobian, x);
  return reshape(-linalg::solve(matrix, reshape(b, {x.numel()})), x.shape());
}

Tensor newtonRoot(const Request& request, const std::function<Tensor(const Tensor&)>& f,
                  const Tensor& x0, const NewtonOptions& options) {
  requireFloat(request.transform, x0.value());
  const double tolerance = options.tolerance > 0      ? options.tolerance
                           : x0.dtype() == DType::f32 ? 1e-5
                                                      : 1e-10; // halves: solve refuses them
  if (x0.numel() == 0)
    return x0;
  Tensor x = x0, done = zeros({}, DType::boolean);
  for (int i = 0; i < options.iterations; ++i) {
    const Tensor value = f(x);
    const Tensor J = asMatrix(request, jacfwd(f)(x), x);
    const Tensor newton = linalg::solve(J, reshape(value, {x.numel()}), {.check = false});
    const Tensor step = -reshape(newton, x.shape());
    x = where(done, x, damped(f, x, value, step, options.halvings));
    // NaN is not small.
    done = logical_or(done, max(abs(step)) <= tolerance * maximum(max(abs(x)), 1));
    if (!done.is_traced() && done.item<bool>())
      return x;
  }
  if (!done.is_traced())
    refuse(request, "Newton steps to converge",
           "steps that did not in " + std::to_string(options.iterations) + " iterations",
           "start nearer to the root, allow more, or give a solver");
  return where(done, x, std::numeric_limits<double>::quiet_NaN());
}

} // namespace diptych::detail
