// Functions whose derivatives are not taken step by step: by a rule of the user's, or with their
// intermediate values computed again.
#pragma once

#include <diptych/Transforms.h>

namespace diptych {

namespace detail {

template <class P> void exchangeTensors(P& parameter, ValueSpan values, size_t& next) {
  if constexpr (TreeLike<P>)
    forEachLeaf(parameter, [&](Tensor& tensor) { tensor = Tensor(values[next++]); });
}

/// A call f(arguments...) that may happen again when its caller is gone: owns everything but its
/// tensors, which come with each run.
template <class F, class... Args> class KeptCall {
public:
  using Parameters = std::tuple<std::decay_t<Parameter<Args>>...>;
  using Result = typename Call<F, Args...>::Result;

  KeptCall(const F& f, const Args&... arguments) : f_(f), parameters_(arguments...) {
    const auto empty = [](auto& parameter) {
      if constexpr (TreeLike<std::decay_t<decltype(parameter)>>)
        forEachLeaf(parameter, [](Tensor& tensor) { tensor = Tensor(); });
    };
    std::apply([&](auto&... parameter) { (empty(parameter), ...); }, parameters_);
  }

  Values run(ValueSpan inputs) {
    Parameters parameters = withTensors(inputs);
    result_ =
        std::apply([&](auto&... parameter) -> Result { return f_(parameter...); }, parameters);
    Values outputs;
    flattenTree(*result_, outputs);
    forEachLeaf(*result_, [](Tensor& tensor) { tensor = Tensor(); });
    return outputs;
  }

  Parameters withTensors(ValueSpan values) const {
    Parameters parameters = parameters_;
    size_t next = 0;
    std::apply([&](auto&... parameter) { (exchangeTensors(parameter, values, next), ...); },
               parameters);
    return parameters;
  }
  /// Those of the arguments that hold tensors, filled with `values`.
  auto treesOf(ValueSpan values) const {
    const auto tree = [](auto& parameter) {
      if constexpr (TreeLike<std::decay_t<decltype(parameter)>>)
        return std::make_tuple(parameter);
      else
        return std::tuple<>();
    };
    Parameters parameters = withTensors(values);
    return std::apply([&](auto&... parameter) { return std::tuple_cat(tree(parameter)...); },
                      parameters);
  }
  Result result(ValueSpan values) const { return unflattenTree(*result_, values); }

private:
  F f_;
  Parameters parameters_;
  std::optional<Result> result_; // its structure, once it has run
};

/// What a rule is given, as values: the arguments' tensors, the results, then the seeds of those
/// that are floats.
struct RuleValues {
  Values inputs, outputs,
      seeds; // seeds: one for each output (vjp) or input (jvp), zeros if no float
};
using ValueRule = std::function<Values(const RuleValues&)>;

/// f with one rule; the other one is its transpose. A rule's answer is checked.
Values callWithVjp(const Request& request, Function f, ValueRule rule, ValueSpan inputs);
Values callWithJvp(const Request& request, Function f, ValueRule rule, ValueSpan inputs);
Values callCheckpoint(const Request& request, Function f, ValueSpan inputs);

template <class R> Values valuesOf(R&& tree) {
  static_assert(holdsTensors<std::remove_cvref_t<R>>, "a rule returns tensors");
  Values values;
  flattenTree<TreeResult<R>>(tree, values);
  return values;
}

template <class F, class Rule> class CustomVjpFunction {
public:
  CustomVjpFunction(F f, Rule rule, Request request)
      : f_(std::move(f)), rule_(std::move(rule)), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    Call<F, Args...> call(f_, arguments...);
    auto kept = std::make_shared<KeptCall<F, std::decay_t<Args>...>>(f_, arguments...);
    const auto f = [kept](ValueSpan inputs) { return kept->run(inputs); };
    const auto rule = [kept, rule = rule_](const RuleValues& values) mutable {
      auto all =
          std::tuple_cat(kept->withTensors(values.inputs),
                         std::make_tuple(kept->result(values.outputs), kept->result(values.seeds)));
      return std::apply([&](auto&... each) { return valuesOf(rule(each...)); }, all);
    };
    return kept->result(callWithVjp(request_, f, rule, call.inputs()));
  }

private:
  mutable F f_;
  Rule rule_;
  Request request_;
};

template <class F, class Rule> class CustomJvpFunction {
public:
  CustomJvpFunction(F f, Rule rule, Request request)
      : f_(std::move(f)), rule_(std::move(rule)), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    Call<F, Args...> call(f_, arguments...);
    auto kept = std::make_shared<KeptCall<F, std::decay_t<Args>...>>(f_, arguments...);
    const auto f = [kept](ValueSpan inputs) { return kept->run(inputs); };
    const auto rule = [kept, rule = rule_](const RuleValues& values) mutable {
      auto all = std::tuple_cat(kept->withTensors(values.inputs),
                                std::make_tuple(kept->result(values.outputs)),
                                kept->treesOf(values.seeds));
      return std::apply([&](auto&... each) { return valuesOf(rule(each...)); }, all);
    };
    return kept->result(callWithJvp(request_, f, rule, call.inputs()));
  }

private:
  mutable F f_;
  Rule rule_;
  Request request_;
};

template <class F> class CheckpointFunction {
public:
  CheckpointFunction(F f, Request request) : f_(std::move(f)), request_(request) {}

  template <class... Args> auto operator()(Args&&... arguments) const {
    Call<F, Args...> call(f_, arguments...);
    auto kept = std::make_shared<KeptCall<F, std::decay_t<Args>...>>(f_, arguments...);
    const auto f = [kept](ValueSpan inputs) { return kept->run(inputs); };
    return kept->result(callCheckpoint(request_, f, call.inputs()));
  }

private:
  mutable F f_;
  Request request_;
};

} // namespace detail

/// f, differentiated by a rule: rule(arguments..., result, cotangent) returns the cotangents of the
/// arguments' float tensors, in order (a tuple, or the one tensor); the cotangent has the
/// result's structure. The rule is linear in the cotangent, and written with operators, which are
/// differentiated where higher orders are asked for; its transpose serves forward mode. What it
/// wants to use again, f returns beside its result. f may not capture tensors that are being
/// differentiated (Error): pass them as arguments.
///   auto clipped = custom_vjp([](Tensor x) { return x; },
///                             [](Tensor x, Tensor y, Tensor c) { return clamp(c, -1, 1); });
template <detail::Callable F, class Rule>
auto custom_vjp(F&& f, Rule&& rule, std::source_location where = std::source_location::current()) {
  return detail::CustomVjpFunction<std::decay_t<F>, std::decay_t<Rule>>(
      std::forward<F>(f), std::forward<Rule>(rule), {"custom_vjp", where});
}

/// f, differentiated by a rule: rule(arguments..., result, tangents...), with a tangent for each
/// argument that holds tensors, returns the tangent of the result. Linear in the tangents; its
/// transpose serves reverse mode. Otherwise as custom_vjp.
template <detail::Callable F, class Rule>
auto custom_jvp(F&& f, Rule&& rule, std::source_location where = std::source_location::current()) {
  return detail::CustomJvpFunction<std::decay_t<F>, std::decay_t<Rule>>(
      std::forward<F>(f), std::forward<Rule>(rule), {"custom_jvp", where});
}

/// f, whose intermediate values are not kept for a reverse sweep but computed again by it: memory
/// for time, the same bits. f gives the same numbers whenever it is called. Tensors that it
/// captures are differentiated as usual.
template <detail::Callable F>
auto checkpoint(F&& f, std::source_location where = std::source_location::current()) {
  return detail::CheckpointFunction<std::decay_t<F>>(std::forward<F>(f), {"checkpoint", where});
}

} // namespace diptych
