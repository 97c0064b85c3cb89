// Implicit functions: the x that solves f(x, theta) = 0, or minimises f(x, theta), as a function of
// theta that can be differentiated to every order, however it was found.
#pragma once

#include <diptych/CustomRules.h>
#include <diptych/Transforms.h>

namespace diptych {

/// Of the solver that implicit_root uses where none is given.
struct NewtonOptions {
  /// At most so many steps. Eagerly it stops when it has converged; a trace contains them all, and
  /// gives the same numbers.
  int iterations = 20;
  /// Converged when no element of a step is larger than this times the largest element of x (or 1,
  /// if that is larger). 0: 1e-10 in f64, 1e-5 in f32. The last step is taken all the same, and
  /// squares the error.
  double tolerance = 0;
  /// Damping: a step that does not make |f| smaller is halved, at most so many times.
  int halvings = 6;
};

namespace detail {

/// Newton's method on f from x0. Not converged: Error eagerly, NaN in a trace.
Tensor newtonRoot(const Request& request, const std::function<Tensor(const Tensor&)>& f,
                  const Tensor& x0, const NewtonOptions& options);
/// -J⁻¹ b, for the Jacobian J = df/dx, of shape f.shape + x.shape, and b of f's shape; of x's type.
Tensor implicitTangent(const Request& request, const Tensor& jacobian, const Tensor& b,
                       const Tensor& x);

struct NewtonSolver {
  Request request;
  NewtonOptions options;
  template <class F, class... Thetas>
  Tensor operator()(const F& f, const Tensor& x0, const Thetas&... thetas) const {
    return newtonRoot(
        request, [&](const Tensor& x) { return Tensor(f(x, thetas...)); }, x0, options);
  }
};

/// A solver of the user's: solver(x0, thetas...), which knows f itself.
template <class Solver> struct GivenSolver {
  Solver solver;
  template <class F, class... Thetas>
  Tensor operator()(const F&, const Tensor& x0, const Thetas&... thetas) const {
    return solver(x0, thetas...);
  }
};

template <class F, class Solver> class ImplicitFunction {
public:
  ImplicitFunction(F f, Solver solver, Request request)
      : f_(std::move(f)), solver_(std::move(solver)), request_(request) {}

  template <class... Args> Tensor operator()(const Tensor& x0, const Args&... arguments) const {
    static_assert((holdsTensors<Args> && ...),
                  "the parameters are tensors or trees of them; capture numbers in the function");
    using Thetas = std::tuple<TreeResult<Args>...>;
    const auto solved = [f = f_, solver = solver_](const Tensor& x0, const Thetas& thetas) {
      return std::apply([&](const auto&... theta) { return Tensor(solver(f, x0, theta...)); },
                        thetas);
    };
    // f(x, theta) = 0 gives df/dx dx = -df/dtheta dtheta, at the x that was found: `x` is that
    // very result, so the rule is differentiated through it.
    const auto rule = [f = f_, request = request_](const Tensor&, const Thetas& thetas,
                                                   const Tensor& x, const Tensor&,
                                                   const Thetas& tangents) {
      const auto at = [&f](const Tensor& x, const Thetas& thetas) {
        return std::apply([&](const auto&... theta) { return Tensor(f(x, theta...)); }, thetas);
      };
      const auto ofThetas = [&](const Thetas& own) { return at(x, own); };
      const auto ofX = [&](const Tensor& own) { return at(own, thetas); };
      const Tensor moved = jvp(ofThetas)(thetas, tangents).second;
      return implicitTangent(request, jacfwd(ofX)(x), moved, x);
    };
    return CustomJvpFunction(solved, rule, request_)(x0, Thetas(arguments...));
  }

private:
  F f_;
  Solver solver_;
  Request request_;
};

template <class F> struct GradientIn0 {
  F f;
  std::source_location where;
  template <class... Args> Tensor operator()(const Tensor& x, const Args&... arguments) const {
    return grad(f, where)(x, arguments...);
  }
};

} // namespace detail

/// implicit_root(f)(x0, theta...) is the x with f(x, theta...) = 0 that damped Newton steps lead to
/// from x0; f gives as many elements as x has, f32 or f64. It is differentiable in every theta (a
/// tensor of floats, or a tree of them) to every order, in every transform and in jit: dx = -J⁻¹
/// (df/dtheta) dtheta, J = df/dx, where x is again this function of theta. The derivative in x0 is
/// 0. Where J is singular the derivative is an Error; where steps do not converge, an Error eagerly
/// and NaN in a trace. f captures nothing that is differentiated: pass it as a theta.
///   auto root = implicit_root([](Tensor x, Tensor a) { return x * x * x + a * x - 1; });
///   grad([=](Tensor a) { return root(tensor(0.5), a); })(tensor(2.0));
template <detail::Callable F>
auto implicit_root(F&& f, NewtonOptions options = {},
                   std::source_location where = std::source_location::current()) {
  const detail::Request request{"implicit_root", where};
  return detail::ImplicitFunction(std::decay_t<F>(std::forward<F>(f)),
                                  detail::NewtonSolver{request, options}, request);
}
/// With a solver of the user's: solver(x0, theta...) returns the root, by whatever means. Inside
/// jit it is traced. Derivatives are as exact as the root.
template <detail::Callable F, class Solver>
  requires(!std::is_same_v<std::decay_t<Solver>, NewtonOptions>)
auto implicit_root(F&& f, Solver&& solver,
                   std::source_location where = std::source_location::current()) {
  using Given = detail::GivenSolver<std::decay_t<Solver>>;
  return detail::ImplicitFunction(std::decay_t<F>(std::forward<F>(f)),
                                  Given{std::forward<Solver>(solver)},
                                  detail::Request{"implicit_root", where});
}

/// implicit_minimiser(f)(x0, theta...) is the stationary point of f(x, theta...), a function of one
/// element, that damped Newton steps lead to from x0: a minimum where x0 is near one or f is
/// convex. Otherwise as implicit_root of f's gradient.
template <detail::Callable F>
auto implicit_minimiser(F&& f, NewtonOptions options = {},
                        std::source_location where = std::source_location::current()) {
  const detail::Request request{"implicit_minimiser", where};
  return detail::ImplicitFunction(detail::GradientIn0<std::decay_t<F>>{std::forward<F>(f), where},
                                  detail::NewtonSolver{request, options}, request);
}
/// With a solver of the user's: solver(x0, theta...) returns the minimiser.
template <detail::Callable F, class Solver>
  requires(!std::is_same_v<std::decay_t<Solver>, NewtonOptions>)
auto implicit_minimiser(F&& f, Solver&& solver,
                        std::source_location where = std::source_location::current()) {
  using Given = detail::GivenSolver<std::decay_t<Solver>>;
  return detail::ImplicitFunction(detail::GradientIn0<std::decay_t<F>>{std::forward<F>(f), where},
                                  Given{std::forward<Solver>(solver)},
                                  detail::Request{"implicit_minimiser", where});
}

} // namespace diptych
