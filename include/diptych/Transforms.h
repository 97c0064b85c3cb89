// Transforms: functions of functions. Each takes any callable over tensors (and trees of them) and
// returns a callable; they nest in any order and run wherever their arguments are, eager or traced.
#pragma once

#include <diptych/Autograd.h>
#include <diptych/Ops.h>
#include <diptych/TransformCall.h>

namespace diptych {

/// How a Jacobian is computed; its numbers do not depend on it.
struct JacobianOptions {
  /// So many columns (jacfwd, hessian) or rows (jacrev) in one sweep; 0: all. A sweep holds that
  /// many derivatives of every intermediate value, so fewer take less memory; each sweep runs the
  /// function anew, which compiled code does once.
  int64_t chunk_size = 0;
  /// As many columns or rows in one sweep as keep what it computes within so many bytes, but one at
  /// least; 0: no limit. All values of a sweep are counted, so the true peak is lower, but for the
  /// Jacobian itself, which is not counted. The function is recorded once more to count them, as by
  /// jit: in it no element may be read (else Error). With chunk_size, the smaller of both holds.
  int64_t memory_limit = 0;
};

namespace detail {

/// Derivative of output 0, which has one element, with respect to the inputs `wrt`. Further outputs
/// are an error unless `auxiliary`.
Swept gradient(const Request& request, const Function& f, ValueSpan inputs,
               const std::vector<int>& wrt, bool auxiliary);
/// One cotangent for each output in; one for each input of `wrt` out.
Swept pullback(const Request& request, const Function& f, ValueSpan inputs,
               const std::vector<int>& wrt, ValueSpan cotangents);
/// One tangent for each input of `wrt` in; one for each output out.
Swept pushforward(const Request& request, const Function& f, ValueSpan inputs,
                  const std::vector<int>& wrt, ValueSpan tangents);
/// Derivatives of every output with respect to one input: output.shape + input.shape.
Swept forwardJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt,
                      const JacobianOptions& options);
Swept reverseJacobian(const Request& request, const Function& f, ValueSpan inputs, int wrt,
                      const JacobianOptions& options);

// The callable is held by value: nothing dangles. It is mutable so that a jitted function or a
// lambda with state can be called through a const transform.
template <class F, class Which> class GradFunction {
public:
  GradFunction(F f, Which which, Request request)
      : f_(std::move(f)), which_(std::move(which)), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    static_assert(sizeof...(Args) > 0, "a gradient needs an argument to differentiate");
    Call<F, Args...> call(f_, arguments...);
    const Swept swept =
        gradient(request_, call.function(), call.inputs(), which_.leaves(request_, call), false);
    return which_.pack(call, swept.derivatives);
  }

private:
  mutable F f_;
  Which which_;
  Request request_;
};

template <class F, class Which> class ValueAndGradFunction {
public:
  ValueAndGradFunction(F f, Which which, bool auxiliary, Request request)
      : f_(std::move(f)), which_(std::move(which)), auxiliary_(auxiliary), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    static_assert(sizeof...(Args) > 0, "a gradient needs an argument to differentiate");
    Call<F, Args...> call(f_, arguments...);
    const Swept swept = gradient(request_, call.function(), call.inputs(),
                                 which_.leaves(request_, call), auxiliary_);
    return std::pair(call.result(swept.outputs), which_.pack(call, swept.derivatives));
  }

private:
  mutable F f_;
  Which which_;
  bool auxiliary_;
  Request request_;
};

// A call (x, seed, rest...) of vjp or jvp is the call f(x, rest...) and a seed.
template <class F> class VjpFunction {
public:
  VjpFunction(F f, Request request) : f_(std::move(f)), request_(request) {}

  template <class X, class Seed, class... Rest>
  auto operator()(X&& x, const Seed& cotangent, Rest&&... rest) const {
    static_assert(holdsTensors<Seed>, "the cotangent comes second: f's result has its structure");
    Call<F, X, Rest...> call(f_, x, rest...);
    Values seeds;
    flattenTree<TreeResult<Seed>>(cotangent, seeds);
    const Swept swept = pullback(request_, call.function(), call.inputs(),
                                 FirstArgument{}.leaves(request_, call), seeds);
    return std::pair(call.result(swept.outputs), call.template likeArgument<0>(swept.derivatives));
  }

private:
  mutable F f_;
  Request request_;
};

template <class F> class JvpFunction {
public:
  JvpFunction(F f, Request request) : f_(std::move(f)), request_(request) {}

  template <class X, class Seed, class... Rest>
  auto operator()(X&& x, const Seed& tangent, Rest&&... rest) const {
    static_assert(holdsTensors<Seed>, "the tangent comes second, with the first one's structure");
    Call<F, X, Rest...> call(f_, x, rest...);
    Values seeds;
    flattenTree<TreeResult<Seed>>(tangent, seeds);
    const Swept swept = pushforward(request_, call.function(), call.inputs(),
                                    FirstArgument{}.leaves(request_, call), seeds);
    return std::pair(call.result(swept.outputs), call.result(swept.derivatives));
  }

private:
  mutable F f_;
  Request request_;
};

template <class F> class HvpFunction {
public:
  HvpFunction(F f, Request request)
      : gradient_(GradFunction<F, FirstArgument>(std::move(f), {}, request), request) {}

  template <class X, class Seed, class... Rest>
  auto operator()(X&& x, const Seed& vector, Rest&&... rest) const {
    return gradient_(x, vector, rest...).second;
  }

private:
  JvpFunction<GradFunction<F, FirstArgument>> gradient_;
};

template <class F, auto jacobian> class JacobianFunction {
public:
  JacobianFunction(F f, int argnum, const JacobianOptions& options, Request request)
      : f_(std::move(f)), argnum_(argnum), options_(options), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    Call<F, Args...> call(f_, arguments...);
    const Swept swept = jacobian(request_, call.function(), call.inputs(),
                                 leafOf(request_, call.ranges(), argnum_), options_);
    return call.result(swept.derivatives);
  }

private:
  mutable F f_;
  int argnum_;
  JacobianOptions options_;
  Request request_;
};

} // namespace detail

/// In value_and_grad(f, has_aux): f's first tensor is the value, what follows it is carried along.
struct HasAux {};
inline constexpr HasAux has_aux{};

/// The gradient of a function whose result has one element (a float; else Error), as a function
/// of the same arguments. Without a number it is taken with respect to argument 0, which may be a
/// tree, and has that argument's type.
template <detail::Callable F>
auto grad(F&& f, std::source_location where = std::source_location::current()) {
  return detail::GradFunction<std::decay_t<F>, detail::FirstArgument>(std::forward<F>(f), {},
                                                                      {"grad", where});
}
/// With respect to argument `argnum`, counted from 0: a Tensor.
template <detail::Callable F>
auto grad(F&& f, int argnum, std::source_location where = std::source_location::current()) {
  return detail::GradFunction<std::decay_t<F>, detail::OneArgument>(std::forward<F>(f), {argnum},
                                                                    {"grad", where});
}
/// With respect to several arguments: a std::vector<Tensor> in the order of `argnums`.
template <detail::Callable F>
auto grad(F&& f, std::vector<int> argnums,
          std::source_location where = std::source_location::current()) {
  return detail::GradFunction<std::decay_t<F>, detail::ManyArguments>(
      std::forward<F>(f), {std::move(argnums)}, {"grad", where});
}

/// std::pair(f's result, its gradient); arguments are chosen as in grad.
template <detail::Callable F>
auto value_and_grad(F&& f, std::source_location where = std::source_location::current()) {
  return detail::ValueAndGradFunction<std::decay_t<F>, detail::FirstArgument>(
      std::forward<F>(f), {}, false, {"value_and_grad", where});
}
template <detail::Callable F>
auto value_and_grad(F&& f, int argnum,
                    std::source_location where = std::source_location::current()) {
  return detail::ValueAndGradFunction<std::decay_t<F>, detail::OneArgument>(
      std::forward<F>(f), {argnum}, false, {"value_and_grad", where});
}
template <detail::Callable F>
auto value_and_grad(F&& f, std::vector<int> argnums,
                    std::source_location where = std::source_location::current()) {
  return detail::ValueAndGradFunction<std::decay_t<F>, detail::ManyArguments>(
      std::forward<F>(f), {std::move(argnums)}, false, {"value_and_grad", where});
}
/// For an f that returns the value and more: auto [result, g] = value_and_grad(f, has_aux)(w);
/// the gradient is that of result's first tensor.
template <detail::Callable F>
auto value_and_grad(F&& f, HasAux, std::source_location where = std::source_location::current()) {
  return detail::ValueAndGradFunction<std::decay_t<F>, detail::FirstArgument>(
      std::forward<F>(f), {}, true, {"value_and_grad", where});
}

/// vjp(f)(x, u, rest...) is std::pair(f(x, rest...), Jᵀu), J the Jacobian in x: u has the
/// structure, shapes and dtypes of f's result, Jᵀu those of x.
template <detail::Callable F>
auto vjp(F&& f, std::source_location where = std::source_location::current()) {
  return detail::VjpFunction<std::decay_t<F>>(std::forward<F>(f), {"vjp", where});
}

/// jvp(f)(x, v, rest...) is std::pair(f(x, rest...), Jv): v has the structure, shapes and dtypes of
/// x, Jv those of f's result.
template <detail::Callable F>
auto jvp(F&& f, std::source_location where = std::source_location::current()) {
  return detail::JvpFunction<std::decay_t<F>>(std::forward<F>(f), {"jvp", where});
}

/// hvp(f)(w, v, rest...) is Hv, H the Hessian of a scalar f in w, by the tangent of the gradient:
/// it costs a few evaluations of f, however long w is.
template <detail::Callable F>
auto hvp(F&& f, std::source_location where = std::source_location::current()) {
  return detail::HvpFunction<std::decay_t<F>>(std::forward<F>(f), {"hvp", where});
}

/// The Jacobian with respect to one argument, a single tensor: for every output a tensor of shape
/// output.shape + argument.shape. All columns, or chunks of them, in a batched tangent sweep: for
/// few inputs.
template <detail::Callable F>
auto jacfwd(F&& f, int argnum = 0, JacobianOptions options = {},
            std::source_location where = std::source_location::current()) {
  return detail::JacobianFunction<std::decay_t<F>, &detail::forwardJacobian>(
      std::forward<F>(f), argnum, options, {"jacfwd", where});
}
/// The same by one batched reverse sweep over all rows: for few outputs.
template <detail::Callable F>
auto jacrev(F&& f, int argnum = 0, JacobianOptions options = {},
            std::source_location where = std::source_location::current()) {
  return detail::JacobianFunction<std::decay_t<F>, &detail::reverseJacobian>(
      std::forward<F>(f), argnum, options, {"jacrev", where});
}

/// The Hessian of a scalar function in one argument: shape argument.shape + argument.shape. The
/// batched tangent of the gradient, all columns in one sweep.
template <detail::Callable F>
auto hessian(F&& f, int argnum = 0, JacobianOptions options = {},
             std::source_location where = std::source_location::current()) {
  using Gradient = detail::GradFunction<std::decay_t<F>, detail::OneArgument>;
  return detail::JacobianFunction<Gradient, &detail::forwardJacobian>(
      Gradient(std::forward<F>(f), {argnum}, {"hessian", where}), argnum, options,
      {"hessian", where});
}

} // namespace diptych
