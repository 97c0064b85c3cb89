// Minimisers of a scalar function of a tree: L-BFGS, Newton, trust-region Newton-CG. The loop is
// C++; value, gradient, products and Hessian are transforms of f. Compile them by passing jit(f).
#pragma once

#include <diptych/Transforms.h>
#include <diptych/optim/Rules.h>

namespace diptych::optim {

struct MinimizeOptions {
  int64_t max_iterations = 200;
  /// Done when no element of the gradient is larger.
  double gradient_tolerance = 1e-8;
  /// L-BFGS: pairs kept.
  int64_t history = 10;
  /// Newton-CG: the length of a step at the start, and at most.
  double initial_radius = 1, max_radius = 1e3;
};

template <class P> struct Minimum {
  P x;
  double value = 0;
  /// The largest element of the gradient at x, by absolute value.
  double gradient = 0;
  int64_t iterations = 0, evaluations = 0;
  bool converged = false;
  /// Why it stopped, in words.
  std::string reason;
};

namespace detail {

/// f and its derivatives at a point, all tensors f64 and flat: [n], [n,n].
struct Oracle {
  std::function<std::pair<Tensor, Tensor>(const Tensor& x)> valueAndGradient;
  std::function<Tensor(const Tensor& x, const Tensor& v)> product;
  std::function<Tensor(const Tensor& x)> hessian;
};

Minimum<Tensor> lbfgs(const Oracle& oracle, const Tensor& start, const MinimizeOptions& options);
Minimum<Tensor> newton(const Oracle& oracle, const Tensor& start, const MinimizeOptions& options);
Minimum<Tensor> newtonCg(const Oracle& oracle, const Tensor& start, const MinimizeOptions& options);

/// All leaves (f32 or f64, else Error) one after the other, f64, and back.
Tensor flattenLeaves(const std::vector<Tensor>& leaves, const SourceLocation& where);
std::vector<Tensor> splitLeaves(const Tensor& flat, const std::vector<Tensor>& like);

template <TreeLike P> P unflattened(const Tensor& flat, const P& like) {
  const std::vector<Tensor> leaves = splitLeaves(flat, leavesOf(like));
  return withLeaves(like, [&](size_t i) { return leaves[i]; });
}

template <class F, TreeLike P>
Minimum<P> minimize(Minimum<Tensor> (*method)(const Oracle&, const Tensor&, const MinimizeOptions&),
                    F&& f, const P& start, const MinimizeOptions& options,
                    const std::source_location& where) {
  auto onFlat = [function = std::decay_t<F>(std::forward<F>(f)), start](const Tensor& x) mutable {
    const P tree = unflattened(x, start);
    return Tensor(function(tree)).astype(DType::f64);
  };
  const Oracle oracle{value_and_grad(onFlat, where), hvp(onFlat, where),
                      hessian(onFlat, 0, {}, where)};
  Minimum<Tensor> flat = method(oracle, flattenLeaves(leavesOf(start), where), options);
  return {unflattened(flat.x, start), flat.value,     flat.gradient, flat.iterations,
          flat.evaluations,           flat.converged, flat.reason};
}

} // namespace detail

/// Limited-memory BFGS with a line search for the strong Wolfe conditions: for many variables and
/// smooth f. `f` maps a tree (a Tensor, a State, ...) to a scalar tensor.
template <class F, TreeLike P>
Minimum<P> minimize_lbfgs(F&& f, const P& start, const MinimizeOptions& options = {},
                          std::source_location where = std::source_location::current()) {
  return detail::minimize(&detail::lbfgs, std::forward<F>(f), start, options, where);
}

/// Newton's method with the full Hessian, made positive definite by a multiple of the identity
/// where it is not, and a line search: for up to some hundreds of variables.
template <class F, TreeLike P>
Minimum<P> minimize_newton(F&& f, const P& start, const MinimizeOptions& options = {},
                           std::source_location where = std::source_location::current()) {
  return detail::minimize(&detail::newton, std::forward<F>(f), start, options, where);
}

/// Newton steps by conjugate gradients on Hessian-vector products, within a trust region
/// (Steihaug): never a Hessian, and directions of negative curvature are followed to its border.
template <class F, TreeLike P>
Minimum<P> minimize_newton_cg(F&& f, const P& start, const MinimizeOptions& options = {},
                              std::source_location where = std::source_location::current()) {
  return detail::minimize(&detail::newtonCg, std::forward<F>(f), start, options, where);
}

} // namespace diptych::optim
