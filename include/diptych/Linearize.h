// linearize and vjp_fn: a function's value, and its derivative at that point as a function.
#pragma once

#include <diptych/CustomRules.h>

namespace diptych {

namespace detail {

/// A function's derivative at one point. Made eagerly it keeps the tape of one run; in a trace it
/// asks for the derivative at each call, and the compiler merges what the calls share.
class Linearization {
public:
  Linearization(const Request& request, Function f, ValueSpan inputs, const std::vector<int>& wrt);

  const Values& outputs() const { return outputs_; }
  /// Tangents of the outputs, given those of the inputs `wrt`.
  Values push(ValueSpan tangents) const;
  /// Cotangents of the inputs `wrt`, given those of the outputs.
  Values pull(ValueSpan cotangents) const;

private:
  struct Tape;
  Request request_;
  Function f_;
  Values inputs_, outputs_;
  std::vector<int> wrt_;
  std::shared_ptr<Tape> tape_; // null where there is none
};

/// A linear map between trees: the derivative at a point, applied forwards or backwards.
template <class From, class To, auto apply> class LinearMap {
public:
  LinearMap(std::shared_ptr<const Linearization> at, To structure)
      : at_(std::move(at)), structure_(std::move(structure)) {}
  To operator()(const From& from) const {
    Values seeds;
    flattenTree(from, seeds);
    return unflattenTree(structure_, (*at_.*apply)(seeds));
  }

private:
  std::shared_ptr<const Linearization> at_;
  To structure_;
};

/// What linearize returns beside the value: the tangent of f's first argument in, that of its
/// result out.
template <class X, class Result> using TangentMap = LinearMap<X, Result, &Linearization::push>;
/// What vjp_fn returns beside the value: a cotangent of f's result in, that of its first argument
/// out.
template <class X, class Result> using Pullback = LinearMap<Result, X, &Linearization::pull>;

template <class Kept, class Call>
auto linearizedAt(const Request& request, const Kept& kept, const Call& call) {
  return std::make_shared<const Linearization>(
      request, [kept](ValueSpan inputs) { return kept->run(inputs); }, call.inputs(),
      FirstArgument{}.leaves(request, call));
}

template <class F> class LinearizeFunction {
public:
  LinearizeFunction(F f, Request request) : f_(std::move(f)), request_(request) {}

  template <class X, class... Rest> auto operator()(X&& x, Rest&&... rest) const {
    Call<F, X, Rest...> call(f_, x, rest...);
    auto kept =
        std::make_shared<KeptCall<F, std::decay_t<X>, std::decay_t<Rest>...>>(f_, x, rest...);
    using Result = typename Call<F, X, Rest...>::Result;
    auto at = linearizedAt(request_, kept, call);
    const Result value = kept->result(at->outputs());
    return std::pair(value, TangentMap<TreeResult<X>, Result>(at, value));
  }

private:
  mutable F f_;
  Request request_;
};

template <class F> class VjpFnFunction {
public:
  VjpFnFunction(F f, Request request) : f_(std::move(f)), request_(request) {}

  template <class X, class... Rest> auto operator()(X&& x, Rest&&... rest) const {
    Call<F, X, Rest...> call(f_, x, rest...);
    auto kept =
        std::make_shared<KeptCall<F, std::decay_t<X>, std::decay_t<Rest>...>>(f_, x, rest...);
    using Result = typename Call<F, X, Rest...>::Result;
    auto at = linearizedAt(request_, kept, call);
    return std::pair(kept->result(at->outputs()), Pullback<TreeResult<X>, Result>(at, x));
  }

private:
  mutable F f_;
  Request request_;
};

} // namespace detail

/// linearize(f)(x, rest...) is std::pair(f(x, rest...), L): L(v) is the tangent of f's result along
/// v, which has the structure, shapes and dtypes of x. Eagerly f runs once, however often L is
/// called, and its intermediate values live as long as L does; where that is differentiated, each
/// call runs f again. L may be used inside other transforms.
template <detail::Callable F>
auto linearize(F&& f, std::source_location where = std::source_location::current()) {
  return detail::LinearizeFunction<std::decay_t<F>>(std::forward<F>(f), {"linearize", where});
}

/// vjp_fn(f)(x, rest...) is std::pair(f(x, rest...), pullback): pullback(u) is Jᵀu, with the
/// structure of x, for a u with that of f's result. As linearize otherwise.
template <detail::Callable F>
auto vjp_fn(F&& f, std::source_location where = std::source_location::current()) {
  return detail::VjpFnFunction<std::decay_t<F>>(std::forward<F>(f), {"vjp_fn", where});
}

} // namespace diptych
