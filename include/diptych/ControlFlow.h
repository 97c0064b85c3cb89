// Loops and branches in the graph: scan, fori_loop, while_loop, cond. One operation each, however
// often it repeats: a loop stays a loop when it is differentiated, batched and compiled. Where
// nothing is jitted, ordinary C++ loops and conditions do as well, and need nothing from here.
#pragma once

#include <optional>

#include <diptych/Arg.h>
#include <diptych/TransformCall.h>

namespace diptych {

struct ScanOptions {
  /// From the last x to the first; ys[i] still belongs to xs[i].
  bool reverse = false;
  /// The number of steps; only needed where xs holds no tensor.
  std::optional<int64_t> length = {};
};

struct WhileOptions {
  /// The most steps the loop takes, whatever its condition says then. A loop that has a bound can
  /// be differentiated in reverse, at the price of that many steps.
  std::optional<int64_t> max_steps = {};
};

namespace detail {

/// body: (carry, x) -> (carry, y), all as lists of values; results: carry, ys.
Values callScan(const Request& request, const Function& body, ValueSpan init, ValueSpan xs,
                const ScanOptions& options);
/// body: (i, carry) -> carry.
Values callFori(const Request& request, const Function& body, ValueSpan init, int64_t lower,
                int64_t upper);
Values callWhile(const Request& request, const Function& condition, const Function& body,
                 ValueSpan init, const WhileOptions& options);
Values callCond(const Request& request, const Value& predicate, const Function& then,
                const Function& otherwise, ValueSpan operands);
/// Of a tensor or a number.
Value predicateOf(const Arg& predicate);

template <class T> Values valuesIn(const T& tree) {
  Values values;
  flattenTree<TreeResult<T>>(tree, values);
  return values;
}

} // namespace detail

/// (carry, ys) after carry, y = body(carry, x) for every x along axis 0 of xs, beginning with init;
/// ys[i] is what the step of xs[i] gave. carry, x and y are tensors or trees of them (see Tree.h);
/// a body without ys returns std::pair(carry, std::tuple<>()). The carry keeps its types, and xs
/// have one length (else Error); it may be 0. The body is run once, to be recorded: what it
/// captures becomes an operand, and it cannot read elements. Reverse mode keeps the carry of each
/// step and computes the rest of it again.
///   auto [state, path] = scan([](Tensor s, Tensor x) { s = tanh(s + x); return std::pair(s, s); },
///                             zeros({3}), inputs);
template <class Body, class Carry, class Xs>
  requires(detail::holdsTensors<Carry> && detail::holdsTensors<Xs>)
auto scan(Body&& body, const Carry& init, const Xs& xs, const ScanOptions& options = {},
          std::source_location where = std::source_location::current()) {
  using State = detail::TreeResult<Carry>;
  using X = detail::TreeResult<Xs>;
  static_assert(std::is_invocable_v<Body&, State&, X&>, "body takes the carry and an x");
  using Y = detail::TreeResult<typename std::invoke_result_t<Body&, State&, X&>::second_type>;
  const State start(init);
  const X rows(xs);
  std::optional<Y> like;
  const auto step = [&](ValueSpan inputs) {
    const auto count = static_cast<size_t>(countLeaves(start));
    State carry = unflattenTree(start, inputs.first(count));
    X x = unflattenTree(rows, inputs.subspan(count));
    auto [next, y] = body(carry, x);
    Values outputs = detail::valuesIn<State>(next);
    outputs.push_back({}); // ends the carry
    like = Y(std::move(y));
    flattenTree(*like, outputs);
    return outputs;
  };
  const Values results = detail::callScan({"scan", where}, step, detail::valuesIn<State>(start),
                                          detail::valuesIn<X>(rows), options);
  const auto count = static_cast<size_t>(countLeaves(start));
  return std::pair<State, Y>(unflattenTree(start, ValueSpan(results).first(count)),
                             unflattenTree(*like, ValueSpan(results).subspan(count)));
}

/// carry after carry = body(i, carry) for i = lower, ..., upper - 1, a tensor i64[]. Otherwise as
/// scan.
template <class Body, class Carry>
  requires detail::holdsTensors<Carry>
auto fori_loop(int64_t lower, int64_t upper, Body&& body, const Carry& init,
               std::source_location where = std::source_location::current()) {
  using State = detail::TreeResult<Carry>;
  const State start(init);
  const auto step = [&](ValueSpan inputs) {
    State carry = unflattenTree(start, inputs.subspan(1));
    return detail::valuesIn<State>(body(Tensor(inputs[0]), carry));
  };
  return unflattenTree(start, detail::callFori({"fori_loop", where}, step,
                                               detail::valuesIn<State>(start), lower, upper));
}

/// carry after carry = body(carry) as long as condition(carry), a boolean tensor of shape [],
/// holds; otherwise as scan. Forward mode follows the steps that are taken. Reverse mode needs
/// max_steps (else Error). Under vmap the loop goes on while any example's condition holds; the
/// others keep their carry.
template <class Condition, class Body, class Carry>
  requires detail::holdsTensors<Carry>
auto while_loop(Condition&& condition, Body&& body, const Carry& init,
                const WhileOptions& options = {},
                std::source_location where = std::source_location::current()) {
  using State = detail::TreeResult<Carry>;
  const State start(init);
  const auto test = [&](ValueSpan inputs) {
    State carry = unflattenTree(start, inputs);
    return detail::valuesIn<Tensor>(condition(carry));
  };
  const auto step = [&](ValueSpan inputs) {
    State carry = unflattenTree(start, inputs);
    return detail::valuesIn<State>(body(carry));
  };
  return unflattenTree(start, detail::callWhile({"while_loop", where}, test, step,
                                                detail::valuesIn<State>(start), options));
}

/// then(operands...) where the predicate, a boolean of shape [], holds, else
/// otherwise(operands...); only the one that is chosen is computed. Both return the same structure
/// and types (else Error). Both are run once, to be recorded, as the body of a scan is. Under vmap
/// a predicate that differs between examples has both computed for all, and chooses between them
/// like `where`: the derivative is NaN where that of the branch not taken is infinite or NaN (so it
/// is of a while_loop whose examples stop at different steps).
template <class Then, class Otherwise, class... Operands>
auto cond(const Arg& predicate, Then&& then, Otherwise&& otherwise, Operands&&... operands) {
  detail::Call<std::remove_reference_t<Then>, std::remove_reference_t<Operands>...> first(
      then, operands...);
  detail::Call<std::remove_reference_t<Otherwise>, std::remove_reference_t<Operands>...> second(
      otherwise, operands...);
  static_assert(std::is_same_v<typename decltype(first)::Result, typename decltype(second)::Result>,
                "both branches return the same type");
  return first.result(detail::callCond({"cond", predicate.where()}, detail::predicateOf(predicate),
                                       first.function(), second.function(), first.inputs()));
}

} // namespace diptych
